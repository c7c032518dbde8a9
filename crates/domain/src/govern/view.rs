//! A memory as policies see it.

use std::sync::Arc;

use crate::memory::{Body, Memory, MemoryType};
use crate::policy::{Attribute, MemoryAttributes, Obligations, Value};
use crate::preference::Kind;
use crate::principal::Principal;
use crate::scope::ScopeType;
use crate::time::Timestamp;

/// A memory as policies see it, by one principal at one time.
#[derive(Debug)]
pub struct MemoryView<'a> {
    memory: &'a Memory,
    principal: Option<&'a Principal>,
    now: Timestamp,
    owners: Vec<&'a str>,
}

impl<'a> MemoryView<'a> {
    /// What `principal` sees at `now`.
    #[must_use]
    pub fn new(memory: &'a Memory, principal: &'a Principal, now: Timestamp) -> Self {
        Self { principal: Some(principal), ..Self::stored(memory, now) }
    }

    /// What a store sees at `now`: it knows no principal.
    #[must_use]
    pub fn stored(memory: &'a Memory, now: Timestamp) -> Self {
        let owners = if memory.scope.scope_type == ScopeType::User && !memory.scope.id.is_empty() {
            vec![memory.scope.id.as_str()]
        } else {
            Vec::new()
        };
        Self { memory, principal: None, now, owners }
    }

    /// Whole days since it was created.
    pub(super) fn age_days(&self) -> u64 {
        self.now.days_since(self.memory.created)
    }

    fn is_owned(&self) -> bool {
        self.principal.is_some_and(|principal| self.memory.is_owned_by(principal))
    }
}

impl MemoryAttributes for MemoryView<'_> {
    fn value(&self, attribute: Attribute) -> Value<'_> {
        let preference = self.memory.preference();
        match attribute {
            Attribute::MemoryType => Value::Text(self.memory.body.memory_type().name()),
            Attribute::MemoryState => Value::Text(self.memory.state.name()),
            Attribute::MemoryKind => preference.map_or(Value::Absent, |p| Value::Text(p.kind().name())),
            Attribute::MemoryDomain => preference
                .and_then(|p| p.domain())
                .map_or(Value::Absent, |domain| Value::Text(domain.as_str())),
            Attribute::MemoryShape => preference.map_or(Value::Absent, |p| Value::Text(p.shape().name())),
            Attribute::MemoryOwners | Attribute::MemorySubjects => Value::Set(&self.owners),
            Attribute::MemoryAgeDays => Value::Number(self.age_days() as f64),
            Attribute::MemoryCreatedAt | Attribute::MemoryObservedAt => Value::Time(self.memory.created),
            Attribute::MemoryScopeType => Value::Text(self.memory.scope.scope_type.name()),
            Attribute::MemoryScopeId => Value::Text(&self.memory.scope.id),
            Attribute::MemoryNamespace => Value::Text(&self.memory.scope.namespace),
            Attribute::MemoryOwned | Attribute::MemoryAbout | Attribute::MemoryReadable => {
                Value::Bool(self.is_owned())
            }
            _ => Value::Absent,
        }
    }

    fn metadata(&self, _path: &str) -> Value<'_> {
        Value::Absent
    }
}

/// What is known of the memories that a read is about, before any is loaded.
pub(super) fn known_attributes(kind: Option<Kind>) -> Vec<(Attribute, Value<'static>)> {
    let Some(kind) = kind else { return Vec::new() };
    vec![
        (Attribute::MemoryType, Value::Text(MemoryType::Preference.name())),
        (Attribute::MemoryKind, Value::Text(kind.name())),
    ]
}

/// The memory as the policy obliges it to be shown: without the fields that it redacts.
pub(super) fn redacted(memory: &Arc<Memory>, obligations: &Obligations) -> Arc<Memory> {
    let (Body::Preference(preference), false) = (&memory.body, obligations.redact.is_empty()) else {
        return Arc::clone(memory);
    };
    let mut shown = Memory::clone(memory);
    shown.body = Body::Preference(preference.without(&obligations.redact));
    Arc::new(shown)
}
