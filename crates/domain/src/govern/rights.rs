//! What persons withhold, and what is left of what they had erased.

use std::collections::BTreeSet;

use super::{Details, Facts, Visible};
use crate::audit_chain::{AuditKey, KeyedDigest};
use crate::change::Expect;
use crate::consent::{Consents, withheld};
use crate::ids::MemoryId;
use crate::memory::{Memory, SubjectRef};

/// What is left of erased values.
#[derive(Debug, Clone, Default)]
pub struct ErasedValues {
    /// The tenant's own key, under which their digests are made; none where nothing was ever done under it.
    pub key: Option<AuditKey>,
    /// Whether there are any.
    pub any: bool,
    /// Of those that were asked about, those that were erased.
    pub known: BTreeSet<KeyedDigest>,
}

impl ErasedValues {
    /// Whether the memory's value is one of them.
    pub(super) fn hold(&self, memory: &Memory) -> bool {
        let digest = || memory.digest_under(self.key.as_ref()?);
        !self.known.is_empty() && digest().is_some_and(|digest| self.known.contains(&digest))
    }
}

/// Marks what is proposed by what is known of its value and of those whom it is about.
pub(super) fn mark(facts: &mut Facts, details: &mut Details) {
    for memory in &mut facts.proposed {
        memory.marks.was_erased = facts.suppressed.hold(memory);
        memory.marks.withheld = withheld(memory, &facts.consents);
        details.consents.extend(looked_at(memory, &facts.consents));
    }
}

/// The versions of the consents by which a memory is marked.
pub(super) fn looked_at(memory: &Memory, consents: &[Consents]) -> Vec<(SubjectRef, u64)> {
    let version =
        |person: &SubjectRef| consents.iter().find(|one| one.subject == *person).map_or(0, |one| one.version);
    memory.persons().into_iter().map(|person| (person, version(&person))).collect()
}

impl Visible<Facts> {
    /// What must still be so of the consents that were looked at.
    pub(super) fn consents_relied_on(&self) -> impl Iterator<Item = Expect> {
        self.details
            .consents
            .iter()
            .map(|(subject, version)| Expect::Consent { subject: *subject, version: *version })
    }

    /// What persons said about purposes.
    #[must_use]
    pub fn consents(&self) -> &[Consents] {
        &self.facts.consents
    }

    /// What the person's consent is from now on, where they change it.
    #[must_use]
    pub const fn consent(&self) -> Option<&Consents> {
        self.details.consent.as_ref()
    }

    /// The tenant's own key, where it was asked for and there is one.
    #[must_use]
    pub const fn tenant_key(&self) -> Option<&AuditKey> {
        self.facts.suppressed.key.as_ref()
    }

    /// Whether the person's consent would tell too many scopes apart, and so does not change.
    #[must_use]
    pub const fn is_over_scopes(&self) -> bool {
        self.details.is_over_scopes
    }

    /// Makes the digests of what these memories said, which are to be erased: what is left of it.
    pub fn suppress(&mut self, key: &AuditKey, erased: &BTreeSet<MemoryId>) -> Vec<KeyedDigest> {
        let kin = |family: &crate::lifecycle::Family| family.descendants.clone();
        let of_persons = self
            .facts
            .kindred
            .iter()
            .flat_map(|(memory, family)| kin(family).into_iter().chain([std::sync::Arc::clone(memory)]));
        let before = self.facts.memories.iter().cloned().chain(kin(&self.facts.family)).chain(of_persons);
        let digests: BTreeSet<KeyedDigest> = before
            .filter(|memory| erased.contains(&memory.id))
            .filter_map(|memory| memory.digest_under(key))
            .collect();
        self.details.suppressed = digests.into_iter().collect();
        self.details.suppressed.clone()
    }
}
