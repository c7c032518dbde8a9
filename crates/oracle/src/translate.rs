//! A policy of ours as Cedar policies. It is read from the document itself, not from what our engine makes of it, so
//! that a mistake in reading or compiling is found as well.
//!
//! Each rule becomes up to three policies with its id as `@id`: one permit for what it grants, one forbid for what it
//! denies, one permit for the action `matches`, by which obligations are known. Each default becomes a permit without
//! an `@id`. Each operator of a condition is also a policy of its own, a *clause*.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use memoryscope_domain::policy::Effect;
use memoryscope_domain::policy::catalogue::STATES;
use serde_json::{Map, Value as Json};

use crate::clause::Clause;
use crate::expression::{list, negated, quoted, subject, test};

/// The action by which a rule's matching is asked about.
pub const MATCHES: &str = "matches";
/// The action by which clauses are asked about.
pub const CLAUSE: &str = "clause";

/// What keys of `when` hold lists of conditions.
pub const BLOCKS: [&str; 3] = ["all", "any", "none"];

/// The document as Cedar policies, in Cedar's syntax.
#[must_use]
pub fn policies(document: &Json) -> String {
    let mut text = String::new();
    for rule in rules(document) {
        let id = rule["id"].as_str().unwrap_or_default();
        let condition = when(&rule["when"]);
        let guarded = format!("{} && {condition}", counts(&named(&rule["when"])));
        policy(&mut text, Some(id), "permit", &[MATCHES], &condition);
        policy(&mut text, Some(id), "permit", &effects(rule, true), &guarded);
        policy(&mut text, Some(id), "forbid", &effects(rule, false), &condition);
    }
    for effect in Effect::ALL {
        if by_default(document, effect) {
            policy(&mut text, None, "permit", &[effect.name()], &default_counts(effect));
        }
    }
    text
}

/// One policy for each clause; the ids are `rule/number`, as [`Clause::id`] says.
#[must_use]
pub fn clauses(clauses: &[Clause]) -> String {
    let mut text = String::new();
    for clause in clauses {
        policy(&mut text, Some(&clause.id()), "permit", &[CLAUSE], &clause.expression);
    }
    text
}

/// The rules of a document.
pub fn rules(document: &Json) -> impl Iterator<Item = &Json> {
    document["rules"].as_array().into_iter().flatten()
}

/// The effects that a rule grants, or denies.
#[must_use]
pub fn effects(rule: &Json, granted: bool) -> Vec<&'static str> {
    let says = |effect: &Effect| rule["then"][effect.name()] == granted;
    Effect::ALL.into_iter().filter(says).map(Effect::name).collect()
}

fn policy(text: &mut String, id: Option<&str>, kind: &str, actions: &[&str], condition: &str) {
    if actions.is_empty() {
        return;
    }
    let actions = actions.iter().map(|action| format!("Action::{}", quoted(action))).collect::<Vec<_>>();
    let id = id.map(|id| format!("@id({}) ", quoted(id))).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{id}{kind}(principal, action in [{}], resource) when {{ {condition} }};",
        actions.join(", ")
    );
}

/// A `when`: all of it must hold; what is absent always does.
fn when(block: &Json) -> String {
    let parts = block.as_object().into_iter().flatten().map(|(key, value)| match key.as_str() {
        "all" => joined(value, " && "),
        "any" => joined(value, " || "),
        "none" => negated(&joined(value, " || ")),
        path => test(&subject(path), value),
    });
    let parts = parts.collect::<Vec<_>>();
    if parts.is_empty() { "true".to_owned() } else { format!("({})", parts.join(" && ")) }
}

fn joined(blocks: &Json, operator: &str) -> String {
    let parts = blocks.as_array().into_iter().flatten().map(when).collect::<Vec<_>>();
    format!("({})", parts.join(operator))
}

/// The states that a condition names, whichever way it holds (docs/policy.md, rule 0).
fn named(block: &Json) -> Vec<&'static str> {
    let of_parts = |value: &Json| value.as_array().into_iter().flatten().map(named).collect::<Vec<_>>();
    let mut found = Vec::new();
    for (key, value) in block.as_object().into_iter().flatten() {
        match key.as_str() {
            "all" => found.extend(of_parts(value).concat()),
            "any" => {
                let parts = of_parts(value);
                found.extend(
                    STATES.iter().copied().filter(|state| parts.iter().all(|part| part.contains(state))),
                );
            }
            "memory.state" => found.extend(listed(value)),
            _ => {}
        }
    }
    found
}

/// The states that a positive test lists.
fn listed(test: &Json) -> Vec<&'static str> {
    match test {
        Json::String(text) => STATES.iter().copied().filter(|state| state == text).collect(),
        Json::Array(values) => values.iter().flat_map(listed).collect(),
        Json::Object(operators) => operators.get("any_of").map(listed).unwrap_or_default(),
        _ => Vec::new(),
    }
}

const STATE: &str = r#"resource["memory.state"]"#;

/// Rule 0: for which states a rule's grants count. The test of the state is part of the policy.
fn counts(named: &[&'static str]) -> String {
    let among =
        |states: &[&'static str]| states.iter().copied().filter(|state| named.contains(state)).collect();
    let mut always: Vec<&str> = vec!["active"];
    always.extend::<Vec<_>>(among(&["restricted", "sealed"]));
    let audited: Vec<&str> = among(&["revoked", "tombstoned"]);
    let always = format!("{}.contains({STATE})", list(&always));
    if audited.is_empty() {
        return always;
    }
    let purpose = r#"context["request.purpose"] == "compliance_audit""#;
    format!("({always} || ({purpose} && {}.contains({STATE})))", list(&audited))
}

/// Rule 0: for which states a default counts.
fn default_counts(effect: Effect) -> String {
    let states: &[&str] = match effect {
        Effect::Read | Effect::IncludeInPrompt | Effect::ToolExecution | Effect::Bridge => &["active"],
        Effect::Write => STATES,
        Effect::Reinforcement | Effect::DeriveImpacts | Effect::DeriveSeeds => {
            &["active", "restricted", "sealed"]
        }
    };
    format!("{}.contains({STATE})", list(states))
}

/// Whether the effect is allowed by default: what `defaults` say, else the language.
fn by_default(document: &Json, effect: Effect) -> bool {
    match document["defaults"][effect.default_name()].as_str() {
        Some(said) => said == "allow",
        None => !matches!(effect, Effect::Read | Effect::IncludeInPrompt | Effect::Bridge),
    }
}

/// A document with what it extends in it: the rules of the other first, a rule of the same id in its place.
#[must_use]
pub fn merged(document: &Json, builtin: &Json) -> Json {
    if document["extends"].is_null() {
        return document.clone();
    }
    let mut whole = builtin.clone();
    let mut all = rules(builtin).cloned().collect::<Vec<_>>();
    let places = all.iter().enumerate().map(|(at, rule)| (rule["id"].to_string(), at));
    let places = places.collect::<BTreeMap<_, _>>();
    for rule in rules(document) {
        match places.get(&rule["id"].to_string()).and_then(|at| all.get_mut(*at)) {
            Some(replaced) => *replaced = rule.clone(),
            None => all.push(rule.clone()),
        }
    }
    whole["rules"] = Json::from(all);
    let mut defaults = builtin["defaults"].as_object().cloned().unwrap_or_default();
    defaults.extend::<Map<_, _>>(document["defaults"].as_object().cloned().unwrap_or_default());
    whole["defaults"] = defaults.into();
    whole
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: &Json, expect: &[&str]) {
        let text = policies(document);
        let rules = text.lines().filter(|line| line.starts_with("@id")).collect::<Vec<_>>();
        assert_eq!(rules, expect);
        text.parse::<cedar_policy::PolicySet>().expect("Cedar reads it");
    }

    #[test]
    fn a_rule_is_a_permit_a_forbid_and_a_permit_of_its_matching() {
        check(
            &json!({"rules": [{
                "id": "r", "when": {"memory.type": "event"},
                "then": {"allow_read": true, "tool_execution": false, "max_age_days": 3},
            }]}),
            &[
                r#"@id("r") permit(principal, action in [Action::"matches"], resource) when { ((resource has "memory.type" && resource["memory.type"] == "event")) };"#,
                r#"@id("r") permit(principal, action in [Action::"allow_read"], resource) when { ["active"].contains(resource["memory.state"]) && ((resource has "memory.type" && resource["memory.type"] == "event")) };"#,
                r#"@id("r") forbid(principal, action in [Action::"tool_execution"], resource) when { ((resource has "memory.type" && resource["memory.type"] == "event")) };"#,
            ],
        );
    }

    #[test]
    fn states_are_named_by_positive_tests_only() {
        for (when, expect) in [
            (json!({}), vec![]),
            (json!({"memory.state": "sealed"}), vec!["sealed"]),
            (
                json!({"memory.state": {"any_of": ["sealed", "revoked"], "gt": "active"}}),
                vec!["sealed", "revoked"],
            ),
            (json!({"memory.state": {"not": "revoked"}}), vec![]),
            (json!({"none": [{"memory.state": "sealed"}]}), vec![]),
            (json!({"any": [{"memory.state": "sealed"}, {"memory.type": "event"}]}), vec![]),
            (
                json!({"any": [{"memory.state": ["sealed", "active"]}, {"memory.state": "sealed"}]}),
                vec!["sealed"],
            ),
            (json!({"all": [{"memory.state": "sealed"}, {"memory.type": "event"}]}), vec!["sealed"]),
        ] {
            assert_eq!(named(&when), expect, "{when}");
        }
    }
}
