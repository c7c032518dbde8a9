//! Random rule sets, as documents in the policy language.

use memoryscope_domain::policy::Effect;
use memoryscope_domain::policy::catalogue::Kind;
use serde_json::{Map, Value as Json, json};

use crate::rng::Rng;
use crate::vocabulary::{GLOBS, NUMBERS, RELATIVE, TIMES, kind_of, literal, one_of, path};

/// How deep blocks nest. Either parser allows more.
const DEPTH_MAX: usize = 3;
const RULES_MAX: usize = 8;

/// Ids of the built-in policy that are replaced now and then.
const BUILTIN_IDS: [&str; 2] = ["seal_sensitive_events", "write_own_preferences_only"];

/// A rule set. One of 32 is the built-in policy, one of 32 extends it.
pub fn rule_set(rng: &mut Rng) -> Json {
    let mut document = json!({"policy_version": "p1"});
    let extends = rng.below(32);
    if extends < 2 {
        document["extends"] = json!("builtin/default");
    }
    if extends == 0 {
        return document;
    }
    if rng.chance(40) {
        let defaults = verdicts(rng, 50, 4).into_iter();
        document["defaults"] = defaults
            .map(|(effect, allowed)| (effect.default_name().to_owned(), json!(allow_or_deny(allowed))))
            .collect::<Map<_, _>>()
            .into();
    }
    let count = rng.below(RULES_MAX + 1);
    let mut rules = (0..count).map(|index| rule(rng, &format!("r{index}"))).collect::<Vec<_>>();
    if extends == 1
        && let Some(first) = rules.first_mut()
    {
        first["id"] = json!(rng.pick(&BUILTIN_IDS));
    }
    document["rules"] = json!(rules);
    document
}

const fn allow_or_deny(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

/// Effects, each once, granted so many times of a hundred.
fn verdicts(rng: &mut Rng, granted: usize, most: usize) -> Vec<(Effect, bool)> {
    let mut verdicts: Vec<(Effect, bool)> = Vec::new();
    for _ in 0..=rng.below(most) {
        let effect = match rng.below(10) {
            0..3 => Effect::Read,
            3 | 4 => Effect::IncludeInPrompt,
            _ => *rng.pick(&Effect::ALL),
        };
        if verdicts.iter().all(|(other, _)| *other != effect) {
            verdicts.push((effect, rng.chance(granted)));
        }
    }
    verdicts
}

fn rule(rng: &mut Rng, id: &str) -> Json {
    let mut then = Map::new();
    for (effect, allowed) in verdicts(rng, 75, 3) {
        then.insert(effect.name().to_owned(), json!(allowed));
    }
    if rng.chance(15) {
        then.insert("set_state".to_owned(), json!(rng.pick(&["active", "restricted", "sealed"])));
    }
    if rng.chance(15) {
        then.insert("max_age_days".to_owned(), json!(1 + rng.below(50)));
    }
    if rng.chance(15) {
        then.insert("redact".to_owned(), json!([rng.pick(&["content.text", "value.likes", "affect"])]));
    }
    let mut rule = json!({"id": id, "then": then});
    if rng.chance(90) {
        rule["when"] = block(rng, 0);
    }
    rule
}

/// A map of tests and blocks, all of which must hold.
fn block(rng: &mut Rng, depth: usize) -> Json {
    let mut map = Map::new();
    let first = usize::from(depth > 0);
    for _ in 0..first + rng.below(3 - first) {
        let path = path(rng);
        if let Some(test) = test(rng, path) {
            map.insert(path.to_owned(), test);
        }
    }
    if depth < DEPTH_MAX && rng.chance(35) {
        let name = *rng.pick(&["all", "any", "any", "none"]);
        let parts = (0..=rng.below(3)).map(|_| block(rng, depth + 1));
        map.insert(name.to_owned(), parts.collect());
    }
    map.into()
}

/// A test of that attribute; none where none came to mind.
fn test(rng: &mut Rng, path: &str) -> Option<Json> {
    let kind = kind_of(path);
    Some(match rng.below(20) {
        // A state is named by a positive test, which most rules have that are about states.
        _ if path == "memory.state" && rng.chance(60) => literals(rng, kind, 3)?,
        0..5 => literal(rng, kind)?,
        5..8 => literals(rng, kind, 2)?,
        8 => {
            let (first, second) = (operator(rng, kind)?, operator(rng, kind)?);
            let both = first.into_iter().chain(second).collect::<Map<_, _>>();
            both.into()
        }
        9 | 10 => json!({"not": test(rng, path)?}),
        _ => operator(rng, kind)?.into(),
    })
}

fn literals(rng: &mut Rng, kind: Kind, most: usize) -> Option<Json> {
    (0..=rng.below(most)).map(|_| literal(rng, kind)).collect::<Option<Vec<_>>>().map(Json::from)
}

/// One operator that the kind takes.
fn operator(rng: &mut Rng, kind: Kind) -> Option<Map<String, Json>> {
    let ordered = matches!(kind, Kind::Number | Kind::Ordered(_) | Kind::Time | Kind::Open);
    let textual = matches!(kind, Kind::Text | Kind::TextSet | Kind::Open);
    let (name, value) = match rng.below(8) {
        0..3 if ordered => (*rng.pick(&["gt", "gte", "lt", "lte"]), bound(rng, kind)),
        3 if textual => ("matches", json!(rng.pick(&GLOBS))),
        4 | 5 if kind == Kind::Open => ("all_of", json!(texts(rng))),
        4 | 5 if kind.is_set() => ("all_of", literals(rng, kind, 2)?),
        6 => ("none_of", literals(rng, kind, 2)?),
        7 => ("any_of", literals(rng, kind, 2)?),
        _ => ("exists", json!(rng.chance(60))),
    };
    Some(std::iter::once((name.to_owned(), value)).collect())
}

fn texts(rng: &mut Rng) -> Vec<Json> {
    (0..=rng.below(2)).filter_map(|_| literal(rng, Kind::TextSet)).collect()
}

/// What an order compares with.
fn bound(rng: &mut Rng, kind: Kind) -> Json {
    match kind {
        Kind::Ordered(values) => json!(one_of(rng, values)),
        Kind::Number => json!(rng.pick(&NUMBERS)),
        Kind::Open if rng.chance(60) => json!(rng.pick(&NUMBERS)),
        _ if rng.chance(50) => json!(rng.pick(&TIMES)),
        _ => json!(rng.pick(&RELATIVE)),
    }
}
