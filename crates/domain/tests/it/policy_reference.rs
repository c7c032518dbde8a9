//! The definition of a decision, short enough to be read aloud, and the engine tested against it.

use std::cmp::Ordering;

use memoryscope_domain::policy::catalogue::{Fallback, Kind, STATES};
use memoryscope_domain::policy::condition::glob_matches;
use memoryscope_domain::policy::{Attribute, Effect, MemoryFacts, OwnedValue, Policy, RequestFacts, Value};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::policy_model::{self as model, Cond, PolicySpec, RuleSpec, Test};

/// A memory and a request.
struct World<'a>(&'a MemoryFacts, &'a RequestFacts);

/// Whether `effect` is allowed.
fn allowed(policy: &PolicySpec, world: &World<'_>, effect: Effect) -> bool {
    let says = |rule: &RuleSpec, verdict: bool| rule.then.contains(&(effect, verdict));
    let denied = policy.rules.iter().any(|rule| says(rule, false) && all(&rule.when, world) != Some(false));
    let granted = policy
        .rules
        .iter()
        .any(|rule| says(rule, true) && all(&rule.when, world) == Some(true) && grant_counts(rule, world));
    let by_default = match policy.defaults.iter().find(|(other, _)| *other == effect) {
        Some((_, allowed)) => *allowed,
        None => !matches!(effect, Effect::Read | Effect::IncludeInPrompt | Effect::Bridge),
    };
    let default_counts = match state(world).as_deref() {
        Some("active") => true,
        Some("restricted" | "sealed") => !effect.discloses(),
        Some(_) => effect == Effect::Write,
        None => false,
    };
    let readable = effect != Effect::IncludeInPrompt || allowed(policy, world, Effect::Read);
    !denied && (granted || (by_default && default_counts)) && readable
}

/// Rule 0: the rule must name what is hidden.
fn grant_counts(rule: &RuleSpec, world: &World<'_>) -> bool {
    let Some(state) = state(world) else { return false };
    let names = rule.when.iter().any(|cond| names(cond, &state));
    match state.as_str() {
        "active" => true,
        "restricted" | "sealed" => names,
        _ => names && world.1.purpose == Some(Purpose::ComplianceAudit),
    }
}

/// Whether a condition names a state, whichever way it holds.
fn names(cond: &Cond, state: &str) -> bool {
    match cond {
        Cond::Leaf("memory.state", Test::Scalar(value)) => value == state,
        Cond::Leaf("memory.state", Test::List(values)) => values.iter().any(|value| value == state),
        Cond::Leaf(..) | Cond::None(_) => false,
        Cond::All(parts) => parts.iter().any(|part| names(part, state)),
        Cond::Any(parts) => parts.iter().all(|part| names(part, state)),
    }
}

/// The memory's state; none for what is no state.
fn state(world: &World<'_>) -> Option<String> {
    match value("memory.state", world) {
        Some(OwnedValue::Text(text)) => Some(text).filter(|text| STATES.contains(&text.as_str())),
        _ => None,
    }
}

/// Whether all hold: one that does not decides, then one that errs.
fn all(conds: &[Cond], world: &World<'_>) -> Option<bool> {
    let truths = conds.iter().map(|cond| truth(cond, world)).collect::<Vec<_>>();
    if truths.contains(&Some(false)) {
        Some(false)
    } else {
        truths.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
    }
}

/// Whether one holds: one that does decides, then one that errs.
fn one(conds: &[Cond], world: &World<'_>) -> Option<bool> {
    let truths = conds.iter().map(|cond| truth(cond, world)).collect::<Vec<_>>();
    if truths.contains(&Some(true)) {
        Some(true)
    } else {
        truths.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
    }
}

fn truth(cond: &Cond, world: &World<'_>) -> Option<bool> {
    match cond {
        Cond::All(parts) => all(parts, world),
        Cond::Any(parts) => one(parts, world),
        Cond::None(parts) => one(parts, world).map(|holds| !holds),
        Cond::Leaf(path, test) => match value(path, world) {
            None => Some(matches!(test, Test::Exists(false))),
            Some(value) => {
                let kind = Attribute::from_path(path).expect("known").entry().kind;
                if kind.is_set() && !matches!(value, OwnedValue::Set(_)) {
                    None
                } else {
                    holds(test, &value, kind)
                }
            }
        },
    }
}

/// Whether a test holds of a value; none for an error.
fn holds(test: &Test, value: &OwnedValue, kind: Kind) -> Option<bool> {
    Some(match test {
        Test::Scalar(literal) => equals(literal, value),
        Test::List(literals) => literals.iter().any(|literal| equals(literal, value)),
        Test::NoneOf(literals) => !literals.iter().any(|literal| equals(literal, value)),
        Test::AllOf(literals) => match value {
            OwnedValue::Set(_) => literals.iter().all(|literal| equals(literal, value)),
            _ => return None,
        },
        Test::Exists(wanted) => *wanted,
        Test::Not(inner) => !holds(inner, value, kind)?,
        Test::Matches(glob) => match value {
            OwnedValue::Text(text) => glob_matches(glob, text),
            OwnedValue::Set(members) => members.iter().any(|member| glob_matches(glob, member)),
            _ => return None,
        },
        Test::Compare(operator, bound) => {
            let order = compare(value, bound, kind)?;
            match *operator {
                "gt" => order == Ordering::Greater,
                "gte" => order != Ordering::Less,
                "lt" => order == Ordering::Less,
                _ => order != Ordering::Greater,
            }
        }
    })
}

fn equals(literal: &Json, value: &OwnedValue) -> bool {
    match value {
        OwnedValue::Bool(flag) => literal.as_bool() == Some(*flag),
        OwnedValue::Number(number) => literal.as_f64() == Some(*number),
        OwnedValue::Text(text) => literal.as_str() == Some(text),
        OwnedValue::Set(members) => members.iter().any(|member| literal.as_str() == Some(member)),
        OwnedValue::Time(_) => false,
    }
}

fn compare(value: &OwnedValue, bound: &Json, kind: Kind) -> Option<Ordering> {
    match (kind, value) {
        (Kind::Ordered(names), OwnedValue::Text(text)) => {
            let rank = |wanted: &str| names.iter().position(|name| *name == wanted);
            Some(rank(text)?.cmp(&rank(bound.as_str()?)?))
        }
        (Kind::Ordered(_), _) => None,
        (Kind::Time, OwnedValue::Time(time)) => Some(time.cmp(&Timestamp::parse(bound.as_str()?).ok()?)),
        (Kind::Time, OwnedValue::Text(text)) => {
            Some(Timestamp::parse(text).ok()?.cmp(&Timestamp::parse(bound.as_str()?).ok()?))
        }
        (_, OwnedValue::Number(number)) => number.partial_cmp(&bound.as_f64()?),
        _ => None,
    }
}

/// What an attribute is worth, its default included.
fn value(path: &str, World(memory, request): &World<'_>) -> Option<OwnedValue> {
    if let Some(metadata) = path.strip_prefix("memory.metadata.") {
        return memory.metadata.get(metadata).cloned();
    }
    let attribute = Attribute::from_path(path).expect("known");
    let found = match path {
        "request.purpose" => request.purpose.map(|purpose| OwnedValue::Text(purpose.name().to_owned())),
        "request.include_events" => Some(OwnedValue::Bool(request.include_events)),
        "spiral.active" => Some(OwnedValue::Bool(request.spiral_active)),
        "time.hour" => Some(OwnedValue::Number(12.0)),
        "principal.roles" => {
            Some(OwnedValue::Set(request.principal.roles.iter().map(|role| role.name().to_owned()).collect()))
        }
        _ => memory.values.get(&attribute).cloned(),
    };
    found.or(match attribute.entry().fallback {
        Fallback::Absent => None,
        Fallback::Bool(flag) => Some(OwnedValue::Bool(flag)),
        Fallback::Number(number) => Some(OwnedValue::Number(number)),
        Fallback::Text(text) => Some(OwnedValue::Text(text.to_owned())),
        Fallback::Epoch => Some(OwnedValue::Time(Timestamp::from_unix_micros(0))),
        Fallback::EmptySet => Some(OwnedValue::Set(Vec::new())),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::policy_laws::cases(800), ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_definition(
        spec in model::policy(), request in model::request(), memory in model::memory(1),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let decision = policy.decide(&request.as_request(), &memory, &Effect::ALL);
        for effect in Effect::ALL {
            let expected = allowed(&spec, &World(&memory, &request), effect);
            prop_assert_eq!(decision.allows(effect), expected, "{}", effect.name());
            prop_assert_eq!(decision.trace.allows(effect), expected);
        }
        let matching = spec.rules.iter().filter(|rule| all(&rule.when, &World(&memory, &request)) != Some(false));
        let oldest = matching.filter_map(|rule| rule.max_age_days).min();
        prop_assert_eq!(decision.obligations.max_age_days, oldest);
    }

    /// What narrowing leaves out, the decision denies, whatever the query fixes.
    #[test]
    fn narrowing_never_drops_what_is_allowed(
        spec in model::policy(), request in model::request(), memory in model::memory(1), fixed in any::<u32>(),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let request = request.as_request();
        let entries = memory.values.iter().enumerate().filter(|(index, _)| fixed & (1 << index) != 0);
        let known = entries.map(|(_, (attribute, value))| (*attribute, value.as_value()));
        let known: Vec<(Attribute, Value<'_>)> = known.collect();
        for effect in [Effect::Read, Effect::IncludeInPrompt, Effect::ToolExecution, Effect::Bridge] {
            let narrowed = policy.narrow(&request, effect, &known);
            let kept = narrowed.filter.matches(&memory);
            prop_assert!(!kept || narrowed.filter.clone().coarsened().matches(&memory));
            if policy.decide(&request, &memory, &[effect]).allows(effect) {
                prop_assert!(narrowed.filter.matches(&memory), "{:?} dropped by {:?}", effect, narrowed.filter);
            }
        }
    }

    /// Where a store can test everything, it returns exactly what is allowed.
    #[test]
    fn narrowing_is_exact_on_pushable_attributes(
        spec in model::pushable_policy(), request in model::request(), memory in model::memory(0),
    ) {
        let policy = Policy::load(&spec.text()).expect("generated policies load");
        let request = request.as_request();
        for effect in [Effect::Read, Effect::IncludeInPrompt] {
            let filter = policy.narrow(&request, effect, &[]).filter;
            let decided = policy.decide(&request, &memory, &[effect]).allows(effect);
            prop_assert_eq!(filter.matches(&memory), decided, "{:?} {:?}", effect, filter);
        }
    }
}
