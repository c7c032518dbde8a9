//! What a listing says beside what it shows: where it stopped looking, and to whom what was withheld.

use super::{Ask, Facts, Visible};
use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::audit_chain::AuditKey;
use crate::ids::MemoryId;
use crate::memory::{Memory, State};
use crate::object::Unit;
use crate::place::{Place, SealedPlace};
use crate::policy::Policy;
use crate::principal::Role;
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// A memory that was looked at and is not shown, as far as an auditor is told of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Withheld {
    /// Which.
    pub id: MemoryId,
    /// Where it stands.
    pub place: Place,
    /// Its state as it is stored.
    pub state: State,
    /// Whether it is weaker than the policy's threshold.
    pub is_dormant: bool,
    /// How strong it is now.
    pub strength: Unit,
    /// The hard rule that withholds it before any policy does: `consent`, where it is withdrawn for the purpose.
    pub hard_rule: Option<&'static str>,
}

/// The hard rule that nothing is read for a purpose that consent is withdrawn for.
const CONSENT: &str = "consent";

impl Ask<'_> {
    /// Whether the caller is told the ids of what is withheld: an auditor is, who looks for just that.
    #[must_use]
    pub fn tells_withheld(&self) -> bool {
        let is_audit = matches!(self.purpose, Some(Purpose::ComplianceAudit | Purpose::DebuggingReplay));
        is_audit && self.principal.roles.contains(&Role::Auditor)
    }
}

/// What is told of a memory that is withheld.
pub(super) fn withheld(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> Option<Withheld> {
    let strength = memory.strength(ask.now);
    Some(Withheld {
        id: memory.id,
        place: (memory.placed?, memory.id),
        state: memory.state,
        is_dormant: strength.get() < policy.globals().dormancy_threshold,
        strength,
        hard_rule: memory.marks.withholds(ask.purpose).then_some(CONSENT),
    })
}

impl Visible<Facts> {
    /// When a seed that may be seen last sprouted.
    #[must_use]
    pub fn activated(&self, seed: &Memory) -> Option<Timestamp> {
        self.facts.activated.get(&seed.id).copied()
    }

    /// What was looked at and withheld, in the listing's order; nothing where [`Ask::tells_withheld`] says no.
    #[must_use]
    pub fn withheld(&self) -> &[Withheld] {
        &self.details.withheld
    }

    /// Seals the place where the listing stopped looking under the key of whom the request is about.
    pub fn seal_scan_end(&mut self, key: &AuditKey) {
        self.details.scan_end = self.facts.scan_end.map(|place| SealedPlace::seal(place, key));
    }

    /// Where the listing stopped looking, if there are rows behind. What stands there may be hidden, so no operation can
    /// read it.
    #[must_use]
    pub const fn scan_end(&self) -> Option<SealedPlace> {
        self.details.scan_end
    }

    /// Whether a listing has got as far as to a memory that is shared with its scope: what the scope holds itself may still
    /// come before what is behind. Where that is may be hidden, so no operation can read it.
    #[must_use]
    pub fn has_got_to(&self, shared: &Memory) -> bool {
        let place = (Reverse(shared.placed), shared.id);
        self.facts.own_end.is_none_or(|(time, id)| place <= (Reverse(Some(time)), id))
    }
}

impl Facts {
    /// Memories of other scopes behind those of one: each once.
    pub fn add_shared(&mut self, shared: Self) {
        let last = self.memories.last().filter(|_| self.more);
        self.own_end = last.and_then(|last| Some((last.placed?, last.id))).or(self.scan_end);
        let known: BTreeSet<MemoryId> = self.memories.iter().map(|memory| memory.id).collect();
        self.memories.extend(shared.memories.into_iter().filter(|memory| !known.contains(&memory.id)));
        self.erased.extend(shared.erased);
        self.more |= shared.more;
        self.nearest.extend(shared.nearest);
    }
}
