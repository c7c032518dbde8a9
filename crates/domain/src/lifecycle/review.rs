//! What a review comes to: what waits for one is approved, or rejected.

use serde::{Deserialize, Serialize};

use super::family::demanded;
use super::step::{Barred, By, Stepped, next_version};
use crate::constraint::closed_list;
use crate::items::policy::{Layer, Stated};
use crate::items::{Item, Risk};
use crate::memory::{Action, Awaited, Memory, State, transition};
use crate::object::{Derivation, Distinct, Happening, Note};

closed_list!(
    /// How risky a review found what was flagged.
    Cleared {
        /// It is safe.
        None "none",
        /// It is marked.
        Sensitive "sensitive",
    }
);

impl From<Cleared> for Risk {
    fn from(cleared: Cleared) -> Self {
        match cleared {
            Cleared::None => Self::None,
            Cleared::Sensitive => Self::Sensitive,
        }
    }
}

/// What waits for a review is usable again: a flag is taken away, and its access list counts; what is restricted is active.
pub(super) fn approved(
    memory: &Memory,
    inherited: State,
    risk: Cleared,
    reason: Option<&Note>,
    by: By<'_>,
) -> Result<Stepped, Barred> {
    let Some(why) = memory.awaited() else { return not_waiting(memory, Happening::Approved) };
    if inherited >= State::Restricted {
        return Err(Barred::Inherited);
    }
    let mut next = memory.clone();
    next.set_states(transition(memory.state, Action::Approve)?, inherited);
    if let (Awaited::Flagged, Some(item)) = (why, item_of(&mut next)) {
        item.policy.risk = Stated { value: risk.into(), layer: Layer::Review };
        item.stated.reviewed = Some(risk.into());
    }
    Ok(next_version(next, Happening::Approved, reason.cloned(), by))
}

/// What waits for a review is made unusable.
pub(super) fn rejected(
    memory: &Memory,
    inherited: State,
    reason: Option<&Note>,
    by: By<'_>,
) -> Result<Stepped, Barred> {
    if memory.awaited().is_none() {
        return not_waiting(memory, Happening::Rejected);
    }
    let mut next = memory.clone();
    next.set_states(transition(memory.state, Action::Revoke)?, inherited);
    Ok(next_version(next, Happening::Rejected, reason.cloned(), by))
}

/// A review that came to the same, and was the last thing that happened, is made; any other is not.
fn not_waiting(memory: &Memory, made: Happening) -> Result<Stepped, Barred> {
    if memory.reviewed() == Some(made) { Ok(Stepped::Already) } else { Err(Barred::NotWaiting(memory.state)) }
}

fn item_of(memory: &mut Memory) -> Option<&mut Item> {
    memory.body.object_mut()?.item.as_deref_mut()
}

/// The memory, where its reviewer takes it as it stands: without those of its parents that are gone, by their weight.
#[must_use]
pub fn without_lost_parents(memory: &Memory, weight: impl Fn(&crate::ids::MemoryId) -> State) -> Memory {
    let mut taken = memory.clone();
    if let Some(object) = taken.body.object_mut()
        && object.provenance.derivation == Derivation::Asserted
        && demanded(&object.provenance, &weight) < State::Revoked
    {
        let lost = object.provenance.derived_from.iter().filter(|parent| weight(parent) >= State::Revoked);
        object.provenance.approved_without = Distinct::new(lost.copied().collect()).unwrap_or_default();
    }
    taken
}
