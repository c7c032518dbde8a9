//! A memory as policies see it.

use std::cell::OnceCell;
use std::sync::Arc;

use super::About;
use crate::consent::Purposes;
use crate::ids::UserId;
use crate::memory::{Body, Memory, MemoryType};
use crate::object::Name;
use crate::policy::{
    Attribute, DecidedBy, Effect, Filter, FilterField, MemoryAttributes, Narrowed, Obligations, Policy,
    Request, Value,
};
use crate::preference::Domain;
use crate::principal::Principal;
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// A memory as policies see it, by one principal at one time.
#[derive(Debug)]
pub struct MemoryView<'a> {
    memory: &'a Memory,
    principal: Option<&'a Principal>,
    now: Timestamp,
    dormancy_threshold: f64,
    is_bridged: bool,
    // Sets that are made when they are asked for: few policies do, and most memories are only looked at.
    owners: OnceCell<Vec<&'a str>>,
    subjects: OnceCell<Vec<&'a str>>,
    readers: OnceCell<Vec<String>>,
    writers: OnceCell<Vec<String>>,
    constraint_kinds: OnceCell<Vec<&'static str>>,
    withheld: OnceCell<Vec<&'static str>>,
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
        Self {
            memory,
            principal: None,
            now,
            dormancy_threshold: 0.0,
            is_bridged: false,
            owners: OnceCell::new(),
            subjects: OnceCell::new(),
            readers: OnceCell::new(),
            writers: OnceCell::new(),
            constraint_kinds: OnceCell::new(),
            withheld: OnceCell::new(),
        }
    }

    /// The same, where what is weaker than a policy's `dormancy_threshold` is dormant; without it nothing is.
    #[must_use]
    pub const fn dormant_below(mut self, dormancy_threshold: f64) -> Self {
        self.dormancy_threshold = dormancy_threshold;
        self
    }

    /// The same, where the principal reads a scope that its own is bridged to.
    #[must_use]
    pub(super) const fn behind_a_bridge(mut self) -> Self {
        self.is_bridged = true;
        self
    }

    /// Whole days since it was created.
    pub(super) fn age_days(&self) -> u64 {
        self.now.days_since(self.memory.created)
    }

    fn is(&self, test: impl Fn(&Memory, &Principal) -> bool) -> Value<'_> {
        Value::Bool(self.principal.is_some_and(|principal| test(self.memory, principal)))
    }

    fn strength(&self) -> f64 {
        self.memory.strength(self.now).get()
    }

    /// What only events, impacts and seeds have.
    fn of_object(&self, attribute: Attribute) -> Value<'_> {
        let Some(object) = self.memory.object() else { return Value::Absent };
        let (ownership, temporal) = (&object.ownership, &object.temporal);
        let provenance = &object.provenance;
        match attribute {
            Attribute::MemoryTruthMode => Value::Text(object.truth_mode().name()),
            Attribute::MemoryConstraintKinds => {
                Value::Set(self.constraint_kinds.get_or_init(|| constraint_kinds(self.memory)))
            }
            Attribute::MemorySensitivityLevel => Value::Text(object.sensitivity.level.name()),
            Attribute::MemorySensitivityCategories => Value::Set(object.sensitivity.categories.as_vec()),
            Attribute::MemorySensitivityHandling => Value::Text(object.sensitivity.handling.name()),
            Attribute::MemoryOwnerType => Value::Text(ownership.owner_type.name()),
            Attribute::MemoryClaimant => optional(ownership.claimant.as_ref().map(UserId::as_str)),
            Attribute::MemoryDisputeState => Value::Text(ownership.dispute_state.name()),
            Attribute::MemoryVisibility => Value::Text(ownership.visibility.name()),
            Attribute::MemoryReaders => Value::Set(self.readers.get_or_init(|| self.memory.readers())),
            Attribute::MemoryConsent | Attribute::MemoryRisk | Attribute::MemoryWriters => {
                self.of_item(attribute)
            }
            Attribute::MemoryStrength => Value::Number(self.strength()),
            Attribute::MemoryDormant => Value::Bool(self.strength() < self.dormancy_threshold),
            Attribute::MemoryObservedAt => Value::Time(temporal.observed),
            Attribute::MemoryClaimedAt => temporal.claimed.map_or(Value::Absent, Value::Time),
            Attribute::MemoryTimePrecision => Value::Text(temporal.precision().name()),
            Attribute::MemoryTimeConfidence => Value::Number(temporal.confidence.get()),
            Attribute::MemorySource => Value::Text(provenance.source.name()),
            Attribute::MemorySurface => optional(provenance.surface.as_ref().map(Name::as_str)),
            Attribute::MemoryConversation => optional(provenance.conversation_id.as_ref().map(Name::as_str)),
            Attribute::MemoryConfidence => Value::Number(provenance.confidence.get()),
            Attribute::MemoryDerived => Value::Bool(provenance.is_derived()),
            Attribute::MemoryLabels => {
                object.affect.as_ref().map_or(Value::Absent, |a| Value::Set(a.feeling.labels.as_vec()))
            }
            _ => Value::Absent,
        }
    }

    /// What only items have.
    fn of_item(&self, attribute: Attribute) -> Value<'_> {
        let Some(item) = self.memory.item() else { return Value::Absent };
        match attribute {
            Attribute::MemoryConsent => Value::Text(item.policy.consent.value.name()),
            Attribute::MemoryRisk => Value::Text(item.policy.risk.value.name()),
            Attribute::MemoryWriters => Value::Set(self.writers.get_or_init(|| item.writers())),
            _ => Value::Absent,
        }
    }

    /// What only preferences have.
    fn of_preference(&self, attribute: Attribute) -> Value<'_> {
        let Some(preference) = self.memory.preference() else { return Value::Absent };
        match attribute {
            Attribute::MemoryKind => Value::Text(preference.kind().name()),
            Attribute::MemoryDomain => optional(preference.domain().map(Domain::as_str)),
            Attribute::MemoryShape => Value::Text(preference.shape().name()),
            Attribute::MemoryObservedAt => Value::Time(self.memory.created),
            _ => Value::Absent,
        }
    }
}

fn withheld(memory: &Memory) -> Vec<&'static str> {
    memory.marks.purposes().iter().map(Purpose::name).collect()
}

fn constraint_kinds(memory: &Memory) -> Vec<&'static str> {
    match &memory.body {
        Body::Impact(impact) => {
            impact.constraints.iter().map(|constraint| constraint.kind().name()).collect()
        }
        _ => Vec::new(),
    }
}

fn optional(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Absent, Value::Text)
}

impl MemoryAttributes for MemoryView<'_> {
    fn value(&self, attribute: Attribute) -> Value<'_> {
        let memory = self.memory;
        match attribute {
            Attribute::MemoryType => Value::Text(memory.body.memory_type().name()),
            Attribute::MemoryState => Value::Text(memory.state.name()),
            Attribute::MemoryOwners => Value::Set(self.owners.get_or_init(|| memory.owners())),
            Attribute::MemorySubjects => Value::Set(self.subjects.get_or_init(|| memory.subjects())),
            Attribute::MemoryAgeDays => Value::Number(self.age_days() as f64),
            Attribute::MemoryCreatedAt => Value::Time(memory.created),
            Attribute::MemoryScopeType => Value::Text(memory.scope.scope_type.name()),
            Attribute::MemoryScopeId => Value::Text(&memory.scope.id),
            Attribute::MemoryNamespace => Value::Text(&memory.scope.namespace),
            Attribute::MemoryOwned => self.is(Memory::is_owned_in_person_by),
            Attribute::MemoryJointlyOwned => self.is(Memory::is_owned_by),
            Attribute::MemoryClaimed => self.is(Memory::is_claimed_by),
            Attribute::MemoryAbout => self.is(Memory::is_about),
            Attribute::MemoryInOwnScope => self.is(Memory::is_in_scope_of_user_of),
            Attribute::MemoryReadable if self.is_bridged => self.is(Memory::is_readable_behind_a_bridge_by),
            Attribute::MemoryReadable => self.is(Memory::is_readable_by),
            Attribute::MemoryWasErased => Value::Bool(memory.marks.was_erased),
            Attribute::MemoryWithheldFrom => Value::Set(self.withheld.get_or_init(|| withheld(memory))),
            Attribute::MemoryWritable => self.is(Memory::is_writable_by),
            other => match memory.body {
                Body::Preference(_) => self.of_preference(other),
                // When what is erased was observed is erased too.
                Body::Erased { .. } if other == Attribute::MemoryObservedAt => Value::Time(memory.created),
                _ => self.of_object(other),
            },
        }
    }

    fn metadata(&self, path: &str) -> Value<'_> {
        self.memory.item().map_or(Value::Absent, |item| item.metadata.attribute(path))
    }
}

/// What is known of the memories that a read is about, before any is loaded.
fn known_attributes(about: About) -> Vec<(Attribute, Value<'static>)> {
    match about {
        About::Anything => Vec::new(),
        About::Preferences(kind) => vec![
            (Attribute::MemoryType, Value::Text(MemoryType::Preference.name())),
            (Attribute::MemoryKind, Value::Text(kind.name())),
        ],
        About::Objects(_) => [Attribute::MemoryKind, Attribute::MemoryDomain, Attribute::MemoryShape]
            .into_iter()
            .map(|attribute| (attribute, attribute.fallback()))
            .collect(),
    }
}

/// What the policy makes of a read before any memory is loaded.
///
/// A read of several types is as many reads of one: what the request's own attributes rule out for every type of
/// memory that it is about is ruled out, whatever they would allow for others.
pub(super) fn narrowed(policy: &Policy, request: &Request<'_>, about: About) -> Narrowed {
    let known = known_attributes(about);
    if request.purpose.is_none() {
        return without_purpose(policy.narrow(request, Effect::Read, &known));
    }
    let About::Objects(types) = about else { return policy.narrow(request, Effect::Read, &known) };
    let mut parts = types.iter().map(|memory_type| {
        let mut known = known.clone();
        known.push((Attribute::MemoryType, Value::Text(memory_type.name())));
        let mut narrowed = policy.narrow(request, Effect::Read, &known);
        if let Some(field) = FilterField::new(Attribute::MemoryType) {
            let is_of_type = Filter::OneOf(field, [memory_type.name().to_owned()].into());
            narrowed.filter = Filter::and([is_of_type, narrowed.filter]);
        }
        narrowed
    });
    let Some(first) = parts.next() else { return policy.narrow(request, Effect::Read, &known) };
    let mut narrowed = parts.fold(first, |all, part| {
        let trace = if all.filter == Filter::Nothing { part.trace } else { all.trace };
        Narrowed { filter: Filter::or([all.filter, part.filter]), trace }
    });
    narrowed.filter = Filter::and([narrowed.filter, consented(request.purpose)]);
    narrowed
}

/// What consent is not withdrawn for. A store has this in columns for events, impacts and seeds; preferences are few and decided
/// one by one.
fn consented(purpose: Option<Purpose>) -> Filter {
    let purpose = purpose.filter(|purpose| Purposes::withdrawable().contains(*purpose));
    match FilterField::new(Attribute::MemoryWithheldFrom).zip(purpose) {
        Some((field, purpose)) => Filter::Disjoint(field, [purpose.name().to_owned()].into()),
        None => Filter::Everything,
    }
}

/// A read that names no purpose that is known is denied, even where a rule would grant it for whatever purpose: what a
/// grant is given for could not be said.
fn without_purpose(mut narrowed: Narrowed) -> Narrowed {
    narrowed.filter = Filter::Nothing;
    for verdict in narrowed.trace.effects.iter_mut().filter(|verdict| verdict.allowed) {
        (verdict.allowed, verdict.by) = (false, DecidedBy::NoGrant);
        verdict.rules.clear();
        narrowed.trace.matched_rules.clear();
        narrowed.trace.reasons.clear();
    }
    narrowed
}

/// The memory as the policy obliges it to be shown: without the fields that it redacts.
pub(super) fn redacted(memory: &Arc<Memory>, obligations: &Obligations) -> Arc<Memory> {
    if obligations.redact.is_empty() || matches!(memory.body, Body::Erased { .. }) {
        return Arc::clone(memory);
    }
    Arc::new(Memory { body: memory.body.without(&obligations.redact), ..Memory::clone(memory) })
}
