//! What a request has to know of persons' rights: what those said whom it is about, and whether what it says was erased.

use std::collections::BTreeSet;

use memoryscope_domain::change::{Change, Expect};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::{Effect, Filter};
use memoryscope_domain::subject::Deed;

use crate::context::Context;
use crate::engine::{Engine, Key};
use crate::op::Operation;
use crate::port::{Rights, Select, StoreError};

/// What is wanted with an operation's own records.
pub(crate) fn wanted<O: Operation>(op: &O) -> Rights {
    let makes = matches!(op.authority(), Authority::Policy(effect) if effect != Effect::Read);
    let mut persons = op.persons();
    persons.sort_unstable();
    persons.dedup();
    Rights { persons, erased: makes || erases(op), digests: Vec::new() }
}

/// Whether somebody's value may be erased by it. What comes to the end of its time is not: its writer said how long it lives.
fn erases<O: Operation>(op: &O) -> bool {
    match op.authority() {
        Authority::Owner | Authority::ChangeNamed => true,
        Authority::System => op.deed() == Some(&Deed::Erase),
        _ => false,
    }
}

impl Engine {
    /// Learns what depends on what was loaded: whether what is proposed was erased, and what those said whom a person's memories
    /// are about too.
    pub(crate) async fn learn_rights(&self, cx: &Context, facts: &mut Facts) -> Result<(), StoreError> {
        let mut rights = Rights::default();
        if let (true, Some(key)) = (facts.suppressed.any, &facts.suppressed.key) {
            rights.digests = facts.proposed.iter().filter_map(|memory| memory.digest_under(key)).collect();
        }
        rights.erased = !rights.digests.is_empty();
        let persons: BTreeSet<SubjectRef> =
            facts.kindred.iter().flat_map(|(memory, _)| memory.persons()).collect();
        rights.persons = persons.into_iter().collect();
        if rights == Rights::default() {
            return Ok(());
        }
        let learnt = self.load_with(cx, Select::Nothing, Filter::Everything, Vec::new(), rights).await?.facts;
        facts.suppressed.known = learnt.suppressed.known;
        if !facts.kindred.is_empty() {
            facts.consents = learnt.consents;
        }
        Ok(())
    }

    /// What is left of what a plan erases, under the tenant's own key: `own` is the key of the request's own entry.
    pub(crate) fn suppress<O: Operation>(
        &self,
        op: &O,
        seen: &mut Visible<Facts>,
        changes: &[Change],
        own: (SubjectRef, &Key),
    ) -> (Vec<Expect>, Vec<Change>) {
        let erased = changes.iter().filter_map(|change| match change {
            Change::EraseMemory(memory) => Some(memory.id),
            _ => None,
        });
        let erased: BTreeSet<MemoryId> = erased.collect();
        if erased.is_empty() || !erases(op) {
            return (Vec::new(), Vec::new());
        }
        let (mut expects, mut kept) = (Vec::new(), Vec::new());
        let key = match (own, seen.tenant_key()) {
            ((SubjectRef::TENANT, own), _) => own.key.clone(),
            (_, Some(key)) => key.clone(),
            (_, None) => {
                let (subject, key) = (SubjectRef::TENANT, self.ports().secrets.audit_key());
                expects.push(Expect::NoSubjectKey(subject));
                kept.push(Change::InsertSubjectKey { subject, key: key.clone() });
                key
            }
        };
        let digests = seen.suppress(&key, &erased);
        if digests.is_empty() {
            return (Vec::new(), Vec::new());
        }
        kept.push(Change::Suppress(digests));
        (expects, kept)
    }
}
