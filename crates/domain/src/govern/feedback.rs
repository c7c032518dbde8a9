//! What somebody says of an answer, and what a session is called: records that are decided with what they are about.

use super::{Ask, Details, Facts, Reason, Ruling, Verdict, Visible, partly_allowed, reading, refused, view};
use crate::audit_chain::{Code, Record as Logged, Verdict as Outcome};
use crate::feedback::opinion_id;
use crate::items::message::session_record_id;
use crate::memory::{Memory, SubjectRef};
use crate::policy::Policy;
use crate::record::{Record, RecordKind};
use crate::scope::ScopeType;

/// The operations whose answers feedback is given to.
const SEARCHES: [Code; 2] = [Code::MEMORY_QUERY, Code::literal("MEMORY_SEARCH")];

/// The decision's entry was named by its id: what is no search, or another's, is as unknown as what is not there. Of the memories
/// that were loaded with it, those count that the caller would be shown by their ids now.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    facts.entries.retain(|stored| {
        let is_search = |logged: Logged| {
            logged.draft.decision == Outcome::Allowed && SEARCHES.contains(&logged.draft.operation)
        };
        stored.entry.parse().is_ok_and(is_search) && ask.principal.asked_for(stored)
    });
    if facts.entries.is_empty() {
        return refused(Reason::Unknown, Ruling::default(), None);
    }
    facts.versions.clear();
    let mut details = Details::default();
    for memory in std::mem::take(&mut facts.memories) {
        let decision = reading::decision_on_named(policy, ask, &memory, &facts.bridges, &mut details);
        let Some(decision) = decision else { continue };
        // What is erased before this is kept takes it along.
        details.parents.insert(memory.id, memory.version);
        facts.memories.push(view::redacted(&memory, &decision.obligations));
    }
    partly_allowed(ask, facts, std::collections::BTreeMap::new(), details, Ruling::default())
}

/// Whose records about a scope are.
#[must_use]
pub fn subject_of(memory: &Memory) -> Option<SubjectRef> {
    let is_persons = memory.scope.scope_type == ScopeType::User;
    is_persons.then(|| SubjectRef::of_name(&memory.scope.id))
}

impl Visible<Facts> {
    /// Whether a record is of a session that the caller sees messages of.
    pub(super) fn names_session(&self, next: &Record) -> bool {
        let is_of = |memory: &Memory| {
            memory.message().is_some_and(|message| {
                session_record_id(memory.partition, message.session) == next.id
                    && subject_of(memory) == next.subject
            })
        };
        next.kind == RecordKind::Session && self.facts.memories.iter().any(|memory| is_of(memory))
    }

    /// Whether a record is what the caller says of the answer, or thinks of a memory that it may see.
    pub(super) fn says(&self, next: &Record) -> bool {
        let is_own = next.subject == self.user.as_ref().map(SubjectRef::of_user);
        let is_about = |memory: &Memory| {
            next.id == opinion_id(memory.id, &self.client, self.user.as_ref())
                && next.group == memory.id.prefixed()
        };
        match next.kind {
            RecordKind::Feedback => is_own && next.version == 1,
            RecordKind::Opinion => is_own && self.facts.memories.iter().any(|memory| is_about(memory)),
            _ => false,
        }
    }
}
