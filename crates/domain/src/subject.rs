//! What is about a person, and what becomes of it when they want it gone or no longer used.
//!
//! There is one selector, [`Memory::standing_of`]: erasure, export and the withdrawal of consent all ask it, so that none of
//! them can find what another does not.

use serde::Serialize;

use crate::consent::{Consents, Said, TooManyScopes, withheld};
use crate::ids::UserId;
use crate::lifecycle::{By, Step, Stepped};
use crate::memory::{Body, Memory, MemoryType, State, TagKey};
use crate::object::{Derivation, Distinct, Happening, HistoryEntry, List, Note, Object, OwnerType};
use crate::policy::Attribute;
use crate::principal::{Caller, Principal, Role};
use crate::scope::{Scope, ScopeType};
use crate::time::Timestamp;

/// How a memory is about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is theirs to erase: it is in their scope, they own it, or it is about nobody else.
    Own,
    /// It is about others too, and others own it: they can be taken out of it.
    Shared,
}

impl Memory {
    /// How it is about that person: who owns it in person, is its subject, or has it in their user scope. Who merely claims it
    /// to be so is nobody that it is about, and of what is erased nobody is.
    #[must_use]
    pub fn standing_of(&self, person: &UserId) -> Option<Standing> {
        if self.state == State::Tombstoned {
            return None;
        }
        if self.scope.scope_type == ScopeType::User && self.scope.id == person.as_str() {
            return Some(Standing::Own);
        }
        let ownership = &self.object()?.ownership;
        if ownership.owner_type == OwnerType::User && ownership.owners.contains(person) {
            return Some(Standing::Own);
        }
        let subjects = self.subjects();
        let is_subject = subjects.contains(&person.as_str());
        is_subject.then_some(if subjects.len() == 1 { Standing::Own } else { Standing::Shared })
    }
}

/// The tags that a memory has which is about a person and not in their scope: a store that looks for them finds all of those,
/// and some that merely share a name.
#[must_use]
pub fn tags_of(person: &UserId) -> Vec<TagKey> {
    let of = |attribute| TagKey::of(attribute, person.as_str());
    [Attribute::MemoryOwners, Attribute::MemorySubjects].into_iter().filter_map(of).collect()
}

impl Principal {
    /// Whether it may ask for everything about a person: the person themself, an admin, and the server. Nobody acts for
    /// somebody here by not saying who they are.
    #[must_use]
    pub fn may_answer_for(&self, person: &UserId) -> bool {
        self.user.as_ref() == Some(person)
            || self.roles.contains(&Role::Admin)
            || self.caller == Caller::System
    }
}

/// What is to happen to everything that is about a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// It is erased, or the person taken out of it.
    Erase,
    /// It is revoked.
    Withdraw {
        /// Only in these scopes; empty means everywhere.
        scopes: Vec<Scope>,
        /// Why, for its history.
        reason: Option<Note>,
    },
    /// It is marked by what the person says about purposes.
    Consent(Said),
}

impl Deed {
    /// What the person's consent is from now on; none where this says nothing new about it.
    ///
    /// # Errors
    /// Where it would tell too many scopes apart.
    pub fn consent(&self, before: &Consents) -> Result<Option<Consents>, TooManyScopes> {
        match self {
            Self::Consent(said) => before.after(said),
            Self::Erase | Self::Withdraw { .. } => Ok(None),
        }
    }

    /// The next version of a memory; none where there is nothing to do. `demanded` is the state that its parents demand,
    /// `consents` what those said whom it is about.
    #[must_use]
    pub fn next(
        &self,
        memory: &Memory,
        person: &UserId,
        demanded: State,
        consents: &[Consents],
        now: Timestamp,
    ) -> Option<Memory> {
        let standing = memory.standing_of(person)?;
        match (self, standing) {
            (Self::Erase, Standing::Own) => Some(memory.tombstone()),
            (Self::Erase, Standing::Shared) => {
                let mut next = without(memory, person, demanded, now)?;
                next.marks.withheld = withheld(&next, consents);
                Some(next)
            }
            // What was computed is about nobody but its event is, and is withheld with that.
            (Self::Consent(_), _) if is_computed(memory) => None,
            (Self::Consent(_), _) => {
                let mut next = memory.clone();
                next.version += 1;
                next.marks.withheld = withheld(memory, consents);
                (next.marks != memory.marks).then_some(next)
            }
            (Self::Withdraw { scopes, reason }, _) => {
                if memory.state >= State::Revoked || !(scopes.is_empty() || scopes.contains(&memory.scope)) {
                    return None;
                }
                let by = By { user: None, now, quorum: 0 };
                match (Step::Revoke { reason: reason.clone() }).make(memory, demanded, by) {
                    Ok(Stepped::Next(next)) => Some(*next),
                    _ => None,
                }
            }
        }
    }
}

fn is_computed(memory: &Memory) -> bool {
    memory.object().is_some_and(|object| object.provenance.derivation == Derivation::Computed)
}

/// The next version of a memory that says nothing of a person any more but what its words may say: somebody has to look at
/// those, so it is restricted.
fn without(memory: &Memory, person: &UserId, demanded: State, now: Timestamp) -> Option<Memory> {
    let mut next = memory.clone();
    next.version += 1;
    next.set_states(memory.own_state().max(State::Restricted), demanded);
    let object = next.body.object_mut()?;
    forget(object, person);
    object.history.push(HistoryEntry { at: now, event: Happening::Restricted, by: None, note: None });
    Some(next)
}

/// That a memory of others is about a person too, without what it says and without whom else it names.
#[must_use]
pub fn outline(memory: &Memory, person: &UserId) -> Memory {
    let mut shown = memory.clone();
    match &mut shown.body {
        Body::Impact(impact) => impact.constraints = List::default(),
        Body::Seed(seed) => seed.cues = Distinct::default(),
        _ => {}
    }
    if shown.scope.scope_type == ScopeType::User {
        shown.scope.id = String::new();
    }
    let Some(object) = shown.body.object_mut() else { return shown };
    (object.content, object.affect, object.procedural, object.somatic) = (None, None, None, None);
    let only = |names: &[UserId]| names.iter().filter(|name| *name == person).cloned().collect();
    let ownership = &mut object.ownership;
    ownership.owners = Distinct::new(only(&ownership.owners)).unwrap_or_default();
    ownership.subjects = Distinct::new(only(&ownership.subjects)).unwrap_or_default();
    ownership.claimant = ownership.claimant.take().filter(|claimant| claimant == person);
    object.attestations = List::default();
    object.history.change_each(|entry| {
        entry.note = None;
        entry.by = entry.by.take().filter(|by| by == person);
    });
    object.trace.change_each(|entry| entry.by = entry.by.take().filter(|by| by == person));
    shown
}

fn forget(object: &mut Object, person: &UserId) {
    let others =
        |list: &[UserId]| -> Vec<UserId> { list.iter().filter(|one| *one != person).cloned().collect() };
    let ownership = &mut object.ownership;
    // Fewer of what was distinct and fitted still is and does.
    ownership.owners = Distinct::new(others(&ownership.owners)).unwrap_or_default();
    ownership.subjects = Distinct::new(others(&ownership.subjects)).unwrap_or_default();
    ownership.claimant = ownership.claimant.take().filter(|claimant| claimant != person);
    let said = object.attestations.iter().filter(|said| said.by != *person).cloned().collect();
    object.attestations = List::new(said).unwrap_or_default();
    let theirs = |by: &Option<UserId>| by.as_ref() == Some(person);
    object.history.change_each(|entry| {
        if theirs(&entry.by) {
            (entry.by, entry.note) = (None, None);
        }
    });
    object.trace.change_each(|entry| entry.by = entry.by.take().filter(|by| by != person));
}

/// How many memories of each kind something befell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Impacts that somebody stored.
    pub impacts: u64,
    /// Seeds that somebody stored.
    pub seeds: u64,
    /// Preferences.
    pub preferences: u64,
    /// What was derived and followed.
    pub derived: u64,
    /// Of all of these, those that were kept without the person, to be reviewed.
    pub restricted: u64,
    /// Versions whose content was wiped.
    pub versions: u64,
}

impl Counts {
    /// Counts a memory that something befell by itself.
    pub fn add(&mut self, memory: &Memory) {
        let count = match memory.body.memory_type() {
            _ if is_computed(memory) => &mut self.derived,
            MemoryType::Event => &mut self.events,
            MemoryType::Impact => &mut self.impacts,
            MemoryType::Seed => &mut self.seeds,
            MemoryType::Preference => &mut self.preferences,
        };
        *count += 1;
    }

    /// Adds what another batch counted.
    pub const fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.impacts += other.impacts;
        self.seeds += other.seeds;
        self.preferences += other.preferences;
        self.derived += other.derived;
        self.restricted += other.restricted;
        self.versions += other.versions;
    }
}
