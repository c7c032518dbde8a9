//! What befalls everything that is about a person, some of it at a time, and what was derived from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::changing::{demanded_of, follow};
use super::reading::without_references;
use super::{Ask, Details, Facts, Ruling, Verdict, allowed, partly_allowed, rights};
use crate::change::Expect;
use crate::consent::{Consents, TooManyScopes};
use crate::ids::{MemoryId, UserId};
use crate::lifecycle::{Family, PendingMark, withhold};
use crate::memory::{Memory, State, SubjectRef};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::subject::{Counts, Deed, Standing, outline};

/// What befell, of what was loaded together.
#[derive(Debug, Default)]
pub struct Done {
    /// The next versions to be kept.
    pub versions: Vec<Memory>,
    /// The memories that are new.
    pub made: Vec<Memory>,
    /// Those whose earlier versions named the person, and say nothing any more.
    pub wiped: Vec<MemoryId>,
    /// How many of what.
    pub counts: Counts,
    /// The last memory up to which everything is done.
    pub until: Option<MemoryId>,
    /// Whether it stopped before the last of what was loaded.
    pub is_cut_short: bool,
    /// The marks to be set: below these not all has followed.
    pub marks: Vec<PendingMark>,
    /// Below which memory all has followed now.
    pub unmarked: Option<MemoryId>,
    pub(super) relied_on: Vec<Expect>,
}

/// The server's own operations: where one is about a person, this is what befalls.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let Some((person, deed)) = ask.person.zip(ask.deed) else {
        return allowed(ask, facts, Ruling::default());
    };
    facts.memories.retain(|memory| memory.standing_of(person).is_some());
    let (kindred, consents) = (&facts.kindred, &facts.consents);
    let (changed, done) = (BTreeMap::new(), Done::default());
    let mut batch = Batch { policy, ask, person, deed, consents, changed, done };
    let mut child_ids = facts.child_ids.as_slice();
    for (memory, family) in kindred {
        let (own, rest) = child_ids.split_at(family.events(memory).count().min(child_ids.len()));
        child_ids = rest;
        if !batch.take(memory, family, own) {
            batch.done.is_cut_short = true;
            break;
        }
        batch.done.until = Some(memory.id);
    }
    let looked_at = kindred.iter().filter(|_| *deed != Deed::Erase || !consents.is_empty());
    let looked_at = looked_at.flat_map(|(memory, _)| rights::looked_at(memory, consents)).collect();
    let details = Details { done: Some(batch.done), consents: looked_at, ..Details::default() };
    partly_allowed(ask, facts, BTreeMap::new(), details, Ruling::default())
}

/// What somebody asks who answers for the person: it is shown to them, or the person's consent is changed.
pub(super) fn decide_own(person: &UserId, ask: &Ask<'_>, facts: Facts) -> Verdict {
    let subject = SubjectRef::of_user(person);
    let mut details = Details::default();
    if let Some(deed) = ask.deed {
        let unsaid = || Consents::unsaid(ask.principal.tenant.clone(), subject);
        let before = facts.consents.iter().find(|one| one.subject == subject).cloned().unwrap_or_else(unsaid);
        details.consents.insert(subject, before.version);
        match deed.consent(&before) {
            Ok(next) => details.consent = next,
            Err(TooManyScopes) => details.is_over_scopes = true,
        }
    } else {
        details.spiral = ask.spirals.of(Scope::of_user(person).partition()).cloned();
    }
    partly_allowed(ask, shown(person, facts), BTreeMap::new(), details, Ruling::default())
}

/// What a person is shown of what is about them: of what others own, that it is there; and no reference to what is not
/// theirs.
pub(super) fn shown(person: &UserId, mut facts: Facts) -> Facts {
    facts.memories.retain(|memory| memory.standing_of(person).is_some());
    let seen: BTreeSet<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
    let mut earlier = std::mem::take(&mut facts.earlier);
    for memory in &mut facts.memories {
        let is_shared = memory.standing_of(person) == Some(Standing::Shared);
        let show = |memory: &Memory| {
            let shown = without_references(memory, &seen);
            Arc::new(if is_shared { outline(&shown, person) } else { shown })
        };
        if let Some(versions) = earlier.remove(&memory.id) {
            facts.earlier.insert(memory.id, versions.iter().map(|version| show(version)).collect());
        }
        *memory = show(memory);
    }
    facts
}

/// What is done in one commit: no memory changes twice in it.
struct Batch<'a> {
    policy: &'a Policy,
    ask: &'a Ask<'a>,
    person: &'a UserId,
    deed: &'a Deed,
    consents: &'a [Consents],
    /// What changed, as it is now.
    changed: BTreeMap<MemoryId, Memory>,
    done: Done,
}

impl Batch<'_> {
    fn next(&self, memory: &Memory, family: &Family) -> Option<Memory> {
        self.deed.next(memory, self.person, demanded_of(memory, family), self.consents, self.ask.now)
    }

    /// Does it to one memory and what follows; whether it could be done now, beside what was done before it.
    fn take(&mut self, memory: &Arc<Memory>, family: &Family, child_ids: &[[MemoryId; 2]]) -> bool {
        if let Some(now) = self.changed.get(&memory.id) {
            return self.next(now, family).is_none();
        }
        let Some(next) = self.next(memory, family) else { return true };
        let kin = || family.descendants.iter().chain(&family.supporters);
        if kin().any(|one| self.changed.contains_key(&one.id)) {
            return false;
        }
        let next = next.placed_by(self.policy.globals().claimed_time_trust_threshold);
        let following = match self.deed {
            _ if family.is_partial => {
                self.done.marks.push(PendingMark::new(next.id, next.id));
                Vec::new()
            }
            Deed::Consent(_) => withhold(&next, family),
            Deed::Erase | Deed::Withdraw { .. } => follow(self.policy, self.ask, family, child_ids, &next),
        };
        self.done.counts.add(memory);
        self.keep(memory, next);
        let before: BTreeMap<MemoryId, &Arc<Memory>> =
            family.descendants.iter().map(|one| (one.id, one)).collect();
        for next in following {
            self.done.counts.derived += 1;
            match before.get(&next.id) {
                Some(before) => self.keep(before, next),
                None => {
                    self.changed.insert(next.id, next.clone());
                    self.done.made.push(next);
                }
            }
        }
        let children = family.children.iter();
        self.done
            .relied_on
            .extend(children.map(|(parent, count)| Expect::Children { parent: *parent, count: *count }));
        let supporters = family.supporters.iter();
        self.done.relied_on.extend(supporters.map(|one| Expect::Memory { id: one.id, version: one.version }));
        true
    }

    /// Keeps the next version of a memory. Where the person was taken out of it, what it said before still names them.
    fn keep(&mut self, before: &Memory, next: Memory) {
        let counts = &mut self.done.counts;
        let is_erasure = *self.deed == Deed::Erase;
        if next.state == State::Tombstoned {
            counts.versions += before.version;
        } else if is_erasure && before.standing_of(self.person).is_some() && is_free(&next, self.person) {
            counts.versions += before.version;
            counts.restricted += 1;
            self.done.wiped.push(next.id);
        }
        self.changed.insert(next.id, next.clone());
        self.done.versions.push(next);
    }
}

fn is_free(memory: &Memory, person: &UserId) -> bool {
    memory.standing_of(person).is_none()
}

impl Done {
    /// The memories that changed or were made.
    #[must_use]
    pub fn ids(&self) -> Vec<MemoryId> {
        let ids: BTreeSet<MemoryId> =
            self.versions.iter().chain(&self.made).map(|memory| memory.id).collect();
        ids.into_iter().collect()
    }
}
