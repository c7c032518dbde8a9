//! Generators of whole memories, for property tests here and in other crates (feature `generators`).
//!
//! Names come out of a small vocabulary, so that owners, principals, scopes and filters meet; texts are of any script.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::constraint::{self, ConstraintParts, Params, Term};
use crate::ids::{ConstraintId, MemoryId, TenantId, UserId};
use crate::memory::{Body, Memory, State};
use crate::preference::{Domain, Kind, Preference};
use crate::principal::{Caller, Principal, Role};
use crate::scope::{Scope, ScopeType};

const USERS: &[&str] = &["ada", "bob", "Åsa 🙂", "acme", "p1"];
const PLACES: &[&str] = &["acme", "p1", "ada"];
const CATEGORIES: &[&str] = &["trauma", "shame", "moral_injury", "health", "деньги"];
const LABELS: &[&str] = &["calm", "sad", "self-blame", "über froh"];
/// Around 2026, so that ages and strengths are ones that occur.
const EPOCH_MICROS: i64 = 1_767_225_600_000_000;
const YEAR_MICROS: i64 = 365 * 86_400 * 1_000_000;

/// An instant in the years around 2026.
pub fn timestamp() -> BoxedStrategy<Timestamp> {
    (-YEAR_MICROS..YEAR_MICROS).prop_map(|micros| Timestamp::from_unix_micros(EPOCH_MICROS + micros)).boxed()
}

/// A number from 0 to 1, the ends more often than chance would have it.
pub fn unit() -> BoxedStrategy<Unit> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0f64].prop_map(Unit::clamped).boxed()
}

/// A text of any script that `parse` takes.
fn text<T: std::fmt::Debug + 'static>(
    chars_max: usize,
    parse: impl Fn(&str) -> Result<T, Invalid> + Clone + 'static,
) -> BoxedStrategy<T> {
    let char = prop_oneof![3 => proptest::char::range('a', 'z'), 1 => any::<char>()];
    vec(char, 1..=chars_max.min(24))
        .prop_filter_map("a text that is taken", move |chars| {
            parse(&chars.into_iter().collect::<String>()).ok()
        })
        .boxed()
}

/// A name of one line.
pub fn name() -> BoxedStrategy<Name> {
    text(Name::CHARS_MAX, Name::parse).boxed()
}

fn note() -> BoxedStrategy<Note> {
    text(Note::CHARS_MAX, Note::parse).boxed()
}

/// A person of the vocabulary.
pub fn user() -> BoxedStrategy<UserId> {
    select(USERS).prop_map(|user| UserId::parse(user).expect("the vocabulary is right")).boxed()
}

/// A memory's id.
pub fn memory_id() -> BoxedStrategy<MemoryId> {
    (0..1_000u128).prop_map(|number| MemoryId::from_uuid(Uuid::from_u128(number))).boxed()
}

fn distinct<T: Ord + Clone + std::fmt::Debug + 'static, const MAX: usize>(
    member: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Distinct<T, MAX>> {
    btree_set(member, 0..4).prop_map(|set| Distinct::new(set.into_iter().collect()).expect("few")).boxed()
}

fn list<T: std::fmt::Debug + 'static, const MAX: usize>(
    member: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<List<T, MAX>> {
    vec(member, 0..4).prop_map(|members| List::new(members).expect("few")).boxed()
}

fn log<T: std::fmt::Debug + 'static, const MAX: usize>(
    entry: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Log<T, MAX>> {
    vec(entry, 0..3).prop_map(|entries| Log::new(entries).expect("few")).boxed()
}

/// JSON that nests a little.
pub fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        vec(any::<char>(), 0..8).prop_map(|chars| Value::String(chars.into_iter().collect())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-c]{1,2}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn free_form() -> BoxedStrategy<FreeForm> {
    vec(("[a-c]{1,2}", json()), 0..3)
        .prop_map(|members| FreeForm::new(members.into_iter().collect::<Map<_, _>>()).expect("small"))
        .boxed()
}

fn content() -> BoxedStrategy<Content> {
    let language =
        || select(&["en", "pt-BR", "und"][..]).prop_map(|tag| Language::parse(tag).expect("a tag"));
    prop_oneof![
        (language(), text(24, |text| Content::text(Language::default(), text))).prop_map(
            |(language, mut content)| {
                content.language = language;
                content
            }
        ),
        (language(), json()).prop_map(|(language, json)| Content::json(language, json).expect("small")),
    ]
    .boxed()
}

fn sensitivity() -> BoxedStrategy<Sensitivity> {
    let category =
        select(CATEGORIES).prop_map(|text| Category::parse(text).expect("the vocabulary is right"));
    (select(Level::ALL), distinct(category), select(Handling::ALL))
        .prop_map(|(level, categories, handling)| Sensitivity { level, categories, handling })
        .boxed()
}

fn ownership() -> BoxedStrategy<Ownership> {
    let parties = (distinct(user()), option::of(user()), distinct(user()));
    (select(OwnerType::ALL), parties, select(DisputeState::ALL), select(Visibility::ALL))
        .prop_map(|(owner_type, (owners, claimant, subjects), dispute_state, visibility)| Ownership {
            owner_type,
            owners,
            claimant,
            subjects,
            dispute_state,
            visibility,
        })
        .boxed()
}

fn temporal() -> BoxedStrategy<Temporal> {
    let range = (timestamp(), timestamp()).prop_map(|(one, other)| {
        TimeRange::new(Some(one.min(other)), Some(one.max(other))).expect("it ends after it starts")
    });
    (timestamp(), option::of(timestamp()), select(Precision::ALL), unit(), range, unit())
        .prop_map(|(observed, claimed, precision, confidence, range, ordering_uncertainty)| {
            let mut time = Temporal::observed(observed);
            (time.claimed, time.confidence) = (claimed, confidence);
            time.ordering_uncertainty = ordering_uncertainty;
            let range = (precision == Precision::Range).then_some(range);
            time.with_precision(precision, range).expect("they go together")
        })
        .boxed()
}

fn feeling() -> BoxedStrategy<Feeling> {
    let label = select(LABELS).prop_map(|text| Label::parse(text).expect("the vocabulary is right"));
    let valence = (-1.0..=1.0f64).prop_map(|number| Valence::new(number).expect("in range"));
    (valence, unit(), distinct(label), unit())
        .prop_map(|(valence, arousal, labels, confidence)| Feeling { valence, arousal, labels, confidence })
        .boxed()
}

fn affect() -> BoxedStrategy<Affect> {
    let past = (timestamp(), feeling()).prop_map(|(at, feeling)| PastFeeling { at, feeling });
    (feeling(), log(past)).prop_map(|(feeling, history)| Affect { feeling, history }).boxed()
}

/// How strong something is, by any model.
pub fn strength() -> BoxedStrategy<Strength> {
    let half_life = prop_oneof![
        Just(30.0),
        Just(limits::HALF_LIFE_DAYS_MIN),
        Just(limits::HALF_LIFE_DAYS_MAX),
        0.001..400.0f64
    ]
    .prop_map(|days| HalfLifeDays::new(days).expect("in range"));
    (unit(), unit(), select(DecayModel::ALL), half_life, option::of(timestamp()))
        .prop_map(|(initial, current, decay_model, half_life, last_reinforced)| Strength {
            initial,
            current,
            decay_model,
            half_life,
            last_reinforced,
        })
        .boxed()
}

fn provenance() -> BoxedStrategy<Provenance> {
    let step = (name(), name()).prop_map(|(transform_id, version)| TransformStep { transform_id, version });
    let names = (option::of(name()), option::of(name()), option::of(name()));
    (select(Source::ALL), names, distinct(memory_id()), list(step), select(Derivation::ALL), unit())
        .prop_map(
            |(
                source,
                (surface, conversation_id, policy_version),
                derived_from,
                chain,
                derivation,
                confidence,
            )| {
                Provenance {
                    source,
                    surface,
                    conversation_id,
                    derived_from,
                    transform_chain: chain,
                    derivation,
                    policy_version,
                    confidence,
                    own_state: None,
                    source_state: None,
                    approved_without: Distinct::default(),
                }
            },
        )
        .boxed()
}

fn history() -> BoxedStrategy<History> {
    let entry = (timestamp(), select(Happening::ALL), option::of(user()), option::of(note()));
    log(entry.prop_map(|(at, event, by, note)| HistoryEntry { at, event, by, note })).boxed()
}

fn trace() -> BoxedStrategy<ReconsolidationTrace> {
    let entry = (timestamp(), option::of(user()), distinct(name()));
    log(entry.prop_map(|(at, by, fields)| TraceEntry { at, by, fields })).boxed()
}

/// What every event, impact and seed has. Faults between fields may occur.
pub fn object() -> BoxedStrategy<Object> {
    let steps = list(text(24, Prose::parse));
    let procedural = (steps, free_form()).prop_map(|(steps, rest)| Procedural { steps, rest });
    let avoided = distinct(text(24, Label::parse));
    let somatic =
        (avoided, free_form()).prop_map(|(do_not_prompt_with, rest)| Somatic { do_not_prompt_with, rest });
    let flags = vec((name(), any::<bool>()), 0..3).prop_map(|flags| ScopeFlags::new(flags).expect("few"));
    let said =
        (option::of(content()), option::of(affect()), option::of(procedural), option::of(somatic), flags);
    let held = (sensitivity(), ownership(), strength(), provenance());
    let past = (history(), select(ReconsolidationPolicy::ALL), trace());
    (select(TruthMode::ALL), temporal(), said, held, past)
        .prop_map(|(truth_mode, temporal, said, held, past)| {
            let (content, affect, procedural, somatic, flags) = said;
            let (sensitivity, ownership, strength, provenance) = held;
            let (history, reconsolidation, trace) = past;
            Object {
                sensitivity,
                ownership,
                content,
                affect,
                procedural,
                somatic,
                strength,
                provenance,
                history,
                reconsolidation,
                trace,
                flags,
                ..Object::new(truth_mode, temporal)
            }
        })
        .boxed()
}

/// A constraint of any kind.
pub fn constraint() -> BoxedStrategy<Constraint> {
    let params = select(constraint::Kind::ALL).prop_map(|kind| {
        let members = match kind {
            constraint::Kind::Avoid => json!({"topic": "hospital"}),
            constraint::Kind::Prefer => json!({"attribute": "drink", "value": "tea"}),
            constraint::Kind::Require => json!({"behavior": "captions"}),
            constraint::Kind::Tone => json!({"tone_profile": "firm"}),
            constraint::Kind::Style => json!({"format": "bullets"}),
            constraint::Kind::Boundary => json!({"boundary_type": "no contact"}),
            constraint::Kind::Safety => json!({"mode": "trauma informed", "consent_required": true}),
            constraint::Kind::ClarifyFirst | constraint::Kind::AskPermission => json!({"topic": "work"}),
        };
        let members = members.as_object().cloned().unwrap_or_default();
        Params::read(kind, &members).expect("the vocabulary is right")
    });
    let numbers = (any::<u128>(), 0.0..1e6f64, any::<i32>(), unit());
    let names = (select(&["work", "rest", "family"][..]), select(constraint::Strategy::ALL));
    let refs = vec(memory_id(), 0..3);
    (params, select(constraint::Target::ALL), numbers, names, refs, timestamp())
        .prop_map(
            |(
                params,
                target,
                (id, weight, priority, confidence),
                (topic, strategy),
                source_refs,
                created_at,
            )| {
                let parts = ConstraintParts {
                    constraint_id: ConstraintId::from_uuid(Uuid::from_u128(id)),
                    topic: Term::parse(topic).expect("the vocabulary is right"),
                    target,
                    rule: constraint::Name::parse("a rule").expect("the vocabulary is right"),
                    params,
                    weight,
                    priority,
                    confidence: confidence.get(),
                    created_at,
                    expires_at: None,
                    source_refs,
                    provenance: constraint::Provenance::default(),
                    merge: constraint::Merge {
                        slot: constraint::Name::parse(topic).expect("the vocabulary is right"),
                        strategy,
                        tie_breakers: Vec::new(),
                    },
                };
                Constraint::new(parts).expect("in range")
            },
        )
        .boxed()
}

fn preference() -> BoxedStrategy<Preference> {
    let domain = option::of(select(&["music", "travel"][..]));
    let source = select(&crate::preference::Source::ALL[..]);
    (select(&Kind::ALL[..]), domain, source, vec("[a-c]{1,3}", 0..4))
        .prop_map(|(kind, domain, source, likes)| {
            let domain = domain.and_then(|text| Domain::parse(text).expect("the vocabulary is right"));
            Preference::new(kind, domain, source, json!({"likes": likes})).expect("a shape that there is")
        })
        .boxed()
}

/// An event, an impact or a seed.
pub fn object_body() -> BoxedStrategy<Body> {
    let impact = (object(), list(constraint()))
        .prop_map(|(object, constraints)| Body::Impact(Box::new(Impact { object, constraints })));
    let activation = (unit(), 0..=limits::COOLDOWN_SECONDS_MAX)
        .prop_map(|(sure, seconds)| Activation::new(sure, seconds).expect("in range"));
    let seed = (object(), distinct(text(Cue::CHARS_MAX, Cue::parse)), activation)
        .prop_map(|(object, cues, activation)| Body::Seed(Box::new(Seed { object, cues, activation })));
    prop_oneof![2 => object().prop_map(|event| Body::Event(Box::new(event))), 1 => impact, 1 => seed].boxed()
}

/// What is remembered: a preference, an event, an impact or a seed.
pub fn body() -> BoxedStrategy<Body> {
    prop_oneof![1 => preference().prop_map(Body::Preference), 4 => object_body()].boxed()
}

/// Where a memory belongs.
pub fn scope() -> BoxedStrategy<Scope> {
    prop_oneof![
        user().prop_map(|user| Scope::of_user(&user)),
        (select(&ScopeType::ALL[..]), select(PLACES), select(&["", "n1"][..])).prop_map(
            |(scope_type, id, namespace)| Scope {
                scope_type,
                id: id.to_owned(),
                namespace: namespace.to_owned()
            }
        ),
    ]
    .boxed()
}

fn memory_of(body: impl Strategy<Value = Body> + 'static) -> BoxedStrategy<Memory> {
    let state = select(&State::ALL[..4]);
    (memory_id(), scope(), body, state, timestamp(), option::of(timestamp()), 1..9u64)
        .prop_map(|(id, scope, body, state, created, expires, version)| {
            // A preference belongs to a person.
            let scope = match &body {
                Body::Preference(_) => Scope { scope_type: ScopeType::User, ..scope },
                _ => scope,
            };
            let memory = Memory::new(id, TenantId::default_tenant(), scope, body, created, expires);
            Memory { state, version, ..memory }
        })
        .boxed()
}

/// A memory of the default tenant in any state but erased: a preference, an event, an impact or a seed.
pub fn memory() -> BoxedStrategy<Memory> {
    memory_of(body()).boxed()
}

/// The same, without preferences.
pub fn object_memory() -> BoxedStrategy<Memory> {
    memory_of(object_body()).boxed()
}

/// Somebody who may meet those memories.
pub fn principal() -> BoxedStrategy<Principal> {
    let group = (select(&ScopeType::ALL[..]), select(PLACES))
        .prop_map(|(scope_type, id)| format!("{}:{id}", scope_type.name()));
    let odd =
        select(&["ada", "person:ada", "as:reviewer", "caller:system", "user:"][..]).prop_map(str::to_owned);
    let groups = btree_set(prop_oneof![4 => group, 1 => odd], 0..4);
    let roles = btree_set(select(&Role::ALL[..]), 0..3);
    (option::of(user()), roles, groups, any::<bool>())
        .prop_map(|(user, roles, groups, is_system)| Principal {
            user,
            roles,
            groups,
            caller: if is_system { Caller::System } else { Caller::Client },
            ..Principal::local(TenantId::default_tenant())
        })
        .boxed()
}
