//! Random policies, requests and memories out of one small vocabulary, so that they meet.

use std::collections::BTreeSet;

use memoryscope_domain::policy::catalogue::Kind;
use memoryscope_domain::policy::{Attribute, Effect, MemoryFacts, OwnedValue, RequestFacts};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A condition as a test writes it.
#[derive(Debug, Clone)]
pub(crate) enum Cond {
    Leaf(&'static str, Test),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    None(Vec<Cond>),
}

/// A test of one attribute. Literals are JSON values.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Scalar(Json),
    List(Vec<Json>),
    AllOf(Vec<Json>),
    NoneOf(Vec<Json>),
    Compare(&'static str, Json),
    Exists(bool),
    Matches(String),
    Not(Box<Test>),
}

#[derive(Debug, Clone)]
pub(crate) struct RuleSpec {
    pub(crate) id: String,
    pub(crate) when: Vec<Cond>,
    pub(crate) then: Vec<(Effect, bool)>,
    pub(crate) set_state: Option<&'static str>,
    pub(crate) max_age_days: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct PolicySpec {
    pub(crate) defaults: Vec<(Effect, bool)>,
    pub(crate) rules: Vec<RuleSpec>,
}

impl Test {
    fn json(&self) -> Json {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(values) => json!(values),
            Self::AllOf(values) => json!({"all_of": values}),
            Self::NoneOf(values) => json!({"none_of": values}),
            Self::Compare(operator, bound) => json!({*operator: bound}),
            Self::Exists(wanted) => json!({"exists": wanted}),
            Self::Matches(glob) => json!({"matches": glob}),
            Self::Not(test) => json!({"not": test.json()}),
        }
    }
}

fn block_json(conds: &[Cond]) -> Vec<Json> {
    conds
        .iter()
        .map(|cond| match cond {
            Cond::Leaf(path, test) => json!({*path: test.json()}),
            Cond::All(parts) => json!({"all": block_json(parts)}),
            Cond::Any(parts) => json!({"any": block_json(parts)}),
            Cond::None(parts) => json!({"none": block_json(parts)}),
        })
        .collect()
}

impl PolicySpec {
    /// The policy as text. JSON is YAML.
    pub(crate) fn text(&self) -> String {
        let rules = self.rules.iter().map(|rule| {
            let mut then = serde_json::Map::new();
            for (effect, allowed) in &rule.then {
                then.insert(effect.name().to_owned(), json!(allowed));
            }
            rule.set_state.map(|state| then.insert("set_state".to_owned(), json!(state)));
            rule.max_age_days.map(|days| then.insert("max_age_days".to_owned(), json!(days)));
            then.insert("reason".to_owned(), json!("because"));
            let mut shown = json!({"id": rule.id, "then": then});
            if !rule.when.is_empty() {
                shown["when"] = json!({"all": block_json(&rule.when)});
            }
            shown
        });
        let rules = rules.collect::<Vec<_>>();
        let mut defaults = serde_json::Map::new();
        for (effect, allowed) in &self.defaults {
            defaults.insert(effect.default_name().to_owned(), json!(if *allowed { "allow" } else { "deny" }));
        }
        json!({"policy_version": "p1", "defaults": defaults, "rules": rules}).to_string()
    }
}

/// The vocabulary: pushable attributes of the memory, then others.
const PUSHABLE: &[&str] = &[
    "memory.type",
    "memory.state",
    "memory.state",
    "memory.kind",
    "memory.truth_mode",
    "memory.sensitivity.level",
    "memory.sensitivity.categories",
    "memory.labels",
    "memory.domain",
];
const OF_REQUEST: &[&str] = &[
    "request.purpose",
    "request.purpose",
    "request.include_events",
    "principal.roles",
    "spiral.active",
    "time.hour",
];
const OTHERS: &[&str] = &[
    "memory.owned_by_principal",
    "memory.age_days",
    "memory.temporal.occurred_at_claimed",
    "memory.metadata.team",
    "memory.metadata.score",
    "memory.metadata.tags",
    "memory.constraint_kinds",
    "memory.consent",
];

fn words() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "trauma", ""]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![0.0, 1.0, 2.5, 12.0])
}

fn time() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["2025-12-31T00:00:00Z", "2026-01-01T12:00:00Z", "2026-06-01T00:00:00Z"])
        .prop_map(str::to_owned)
}

/// The first values of a closed list, so that they are drawn often.
fn some_of(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let last = values.len().min(5);
    prop::sample::select(&values[..last]).prop_map(str::to_owned)
}

fn kind_of(path: &str) -> Kind {
    Attribute::from_path(path).expect("the vocabulary is in the catalogue").entry().kind
}

fn literal(path: &'static str) -> BoxedStrategy<Json> {
    match kind_of(path) {
        Kind::Bool => any::<bool>().prop_map(|b| json!(b)).boxed(),
        Kind::Number => number().prop_map(|n| json!(n)).boxed(),
        Kind::Enum(values) | Kind::Ordered(values) | Kind::EnumSet(values) => {
            some_of(values).prop_map(|v| json!(v)).boxed()
        }
        Kind::Text | Kind::TextSet | Kind::Time => words().prop_map(|w| json!(w)).boxed(),
        Kind::Open => prop_oneof![
            words().prop_map(|w| json!(w)),
            number().prop_map(|n| json!(n)),
            any::<bool>().prop_map(|b| json!(b))
        ]
        .boxed(),
    }
}

fn test(path: &'static str) -> BoxedStrategy<Test> {
    let kind = kind_of(path);
    let list = || prop::collection::vec(literal(path), 1..3);
    let operator = prop::sample::select(vec!["gt", "gte", "lt", "lte"]);
    let equality = prop_oneof![
        3 => literal(path).prop_map(Test::Scalar),
        2 => list().prop_map(Test::List),
        1 => list().prop_map(Test::NoneOf),
        1 => any::<bool>().prop_map(Test::Exists),
    ];
    let base = match kind {
        Kind::Time => (operator, time()).prop_map(|(op, t)| Test::Compare(op, json!(t))).boxed(),
        Kind::Number | Kind::Ordered(_) => prop_oneof![
            1 => equality,
            1 => (operator, literal(path)).prop_map(|(op, l)| Test::Compare(op, l)),
        ]
        .boxed(),
        Kind::TextSet | Kind::EnumSet(_) => {
            prop_oneof![2 => equality, 1 => list().prop_map(Test::AllOf)].boxed()
        }
        Kind::Open => prop_oneof![
            3 => equality,
            1 => (operator, number()).prop_map(|(op, n)| Test::Compare(op, json!(n))),
            1 => prop::collection::vec(words().prop_map(|w| json!(w)), 1..3).prop_map(Test::AllOf),
            1 => Just(Test::Matches("a*".to_owned())),
        ]
        .boxed(),
        Kind::Text => prop_oneof![2 => equality, 1 => Just(Test::Matches("a*".to_owned()))].boxed(),
        _ => equality.boxed(),
    };
    prop_oneof![4 => base.clone(), 1 => base.prop_map(|t| Test::Not(Box::new(t)))].boxed()
}

fn leaf(paths: Vec<&'static str>) -> BoxedStrategy<Cond> {
    prop::sample::select(paths)
        .prop_flat_map(|path| test(path).prop_map(move |t| Cond::Leaf(path, t)))
        .boxed()
}

fn cond(paths: Vec<&'static str>) -> BoxedStrategy<Cond> {
    leaf(paths)
        .prop_recursive(3, 8, 3, |inner| {
            let parts = || prop::collection::vec(inner.clone(), 1..3);
            prop_oneof![
                parts().prop_map(Cond::All),
                parts().prop_map(Cond::Any),
                parts().prop_map(Cond::None)
            ]
        })
        .boxed()
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        3 => Just(Effect::Read),
        2 => Just(Effect::IncludeInPrompt),
        2 => prop::sample::select(Effect::ALL.to_vec()),
    ]
}

fn verdicts(grant_weight: u32) -> impl Strategy<Value = Vec<(Effect, bool)>> {
    let allowed = prop_oneof![grant_weight => Just(true), 1 => Just(false)];
    prop::collection::vec((effect(), allowed), 1..3).prop_map(|mut verdicts| {
        let mut seen = BTreeSet::new();
        verdicts.retain(|(effect, _)| seen.insert(*effect));
        verdicts
    })
}

fn rule(paths: Vec<&'static str>) -> impl Strategy<Value = RuleSpec> {
    let set_state = prop::option::weighted(0.2, prop::sample::select(vec!["active", "restricted", "sealed"]));
    let when = prop::collection::vec(cond(paths), 0..3);
    (when, verdicts(4), set_state, prop::option::weighted(0.2, 1_u32..50)).prop_map(
        |(when, then, set_state, max_age_days)| RuleSpec {
            id: String::new(),
            when,
            then,
            set_state,
            max_age_days,
        },
    )
}

fn policy_over(paths: Vec<&'static str>) -> impl Strategy<Value = PolicySpec> {
    let rules = prop::collection::vec(rule(paths), 0..8);
    (prop_oneof![2 => Just(Vec::new()), 1 => verdicts(1)], rules).prop_map(|(defaults, mut rules)| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.id = format!("r{index}");
        }
        PolicySpec { defaults, rules }
    })
}

/// A policy over the whole vocabulary.
pub(crate) fn policy() -> impl Strategy<Value = PolicySpec> {
    policy_over([PUSHABLE, OF_REQUEST, OTHERS].concat())
}

/// A policy that a store can test exactly. `memory.domain` may be tested with a glob, which it cannot.
pub(crate) fn pushable_policy() -> impl Strategy<Value = PolicySpec> {
    let exact = PUSHABLE.iter().copied().filter(|path| *path != "memory.domain");
    policy_over(exact.chain(OF_REQUEST.iter().copied()).collect())
}

/// One rule over the whole vocabulary.
pub(crate) fn any_rule() -> impl Strategy<Value = RuleSpec> {
    rule([PUSHABLE, OF_REQUEST, OTHERS].concat())
}

fn typed_value(path: &'static str) -> BoxedStrategy<OwnedValue> {
    let set =
        |member: BoxedStrategy<String>| prop::collection::vec(member, 0..3).prop_map(OwnedValue::Set).boxed();
    match kind_of(path) {
        Kind::Bool => any::<bool>().prop_map(OwnedValue::Bool).boxed(),
        Kind::Number => number().prop_map(OwnedValue::Number).boxed(),
        Kind::Enum(values) | Kind::Ordered(values) => some_of(values).prop_map(OwnedValue::Text).boxed(),
        Kind::Text => words().prop_map(OwnedValue::Text).boxed(),
        Kind::TextSet => set(words().boxed()),
        Kind::EnumSet(values) => set(some_of(values).boxed()),
        Kind::Time => time().prop_map(|t| OwnedValue::Time(Timestamp::parse(&t).expect("a time"))).boxed(),
        Kind::Open => any_value(),
    }
}

fn any_value() -> BoxedStrategy<OwnedValue> {
    prop_oneof![
        any::<bool>().prop_map(OwnedValue::Bool),
        number().prop_map(OwnedValue::Number),
        words().prop_map(OwnedValue::Text),
        time().prop_map(OwnedValue::Text),
        prop::collection::vec(words(), 0..3).prop_map(OwnedValue::Set),
    ]
    .boxed()
}

/// A memory: 30 % of its attributes are missing, and `ill_typed` of 10 are of another type.
pub(crate) fn memory(ill_typed: u32) -> impl Strategy<Value = MemoryFacts> {
    let paths = PUSHABLE.iter().chain(OTHERS).copied().collect::<BTreeSet<_>>();
    let values = paths.into_iter().map(move |path| {
        let weighted = prop_oneof![
            10 - ill_typed => typed_value(path),
            ill_typed => any_value(),
        ];
        prop::option::weighted(0.7, weighted).prop_map(move |value| (path, value)).boxed()
    });
    values.collect::<Vec<_>>().prop_map(|values| {
        let mut facts = MemoryFacts::default();
        for (path, value) in values {
            let Some(value) = value else { continue };
            match path.strip_prefix("memory.metadata.") {
                Some(metadata) => facts.metadata.insert(metadata.to_owned(), value),
                None => facts.values.insert(Attribute::from_path(path).expect("known"), value),
            };
        }
        facts
    })
}

pub(crate) fn request() -> impl Strategy<Value = RequestFacts> {
    let purpose = prop_oneof![
        1 => Just(None),
        6 => prop::sample::select(Purpose::ALL[..4].to_vec()).prop_map(Some),
        2 => Just(Some(Purpose::ComplianceAudit)),
    ];
    let roles = prop::collection::btree_set(prop::sample::select(Role::ALL.to_vec()), 0..3);
    (purpose, roles, any::<bool>(), any::<bool>()).prop_map(
        |(purpose, roles, include_events, spiral_active)| {
            let mut facts =
                RequestFacts { purpose, include_events, spiral_active, ..RequestFacts::default() };
            facts.principal.roles = roles;
            facts
        },
    )
}
