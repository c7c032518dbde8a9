//! Every field of the objects with what it takes, wrong types, and beyond each bound.

use serde_json::{Value, json};

use super::{event, faults, impact, least, seed};

/// The body with another value at a pointer; without one, with nothing there.
pub(super) fn with(base: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut body = base.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
    match (parent, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(name)),
        (Value::Array(members), Some(value)) => members[name.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer}"),
    }
    body
}

/// `/impact_payload/constraints/0/kind` as errors write it.
pub(super) fn field(pointer: &str) -> String {
    pointer.split('/').skip(1).fold(String::new(), |field, step| {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{field}[{step}]")
        } else if field.is_empty() {
            step.to_owned()
        } else {
            format!("{field}.{step}")
        }
    })
}

/// A value is taken, or refused for its own fault and nothing else.
pub(super) fn check(base: &Value, pointer: &str, value: Value, expect: &str) {
    let shown: String = value.to_string().chars().take(80).collect();
    let expected = if expect.is_empty() { vec![] } else { vec![format!("{} {expect}", field(pointer))] };
    assert_eq!(faults(&with(base, pointer, Some(value))), expected, "{pointer} = {shown}");
}

/// What is wrong when several fields do not go together.
pub(super) fn check_together(base: &Value, changes: &[(&str, Option<Value>)], expect: &[&str]) {
    let body =
        changes.iter().fold(base.clone(), |body, (pointer, value)| with(&body, pointer, value.clone()));
    assert_eq!(faults(&body), expect, "{changes:?}");
}

pub(super) fn check_types(base: &Value, pointer: &str, wrong: &[Value]) {
    for value in wrong {
        check(base, pointer, value.clone(), "wrong_type");
    }
}

pub(super) fn check_text(base: &Value, pointer: &str, taken: &[&str], refused: &[(&str, &str)]) {
    check_types(base, pointer, &[json!(1), json!(true), json!([]), json!({})]);
    taken.iter().for_each(|text| check(base, pointer, json!(text), ""));
    refused.iter().for_each(|(text, fault)| check(base, pointer, json!(text), fault));
    check(base, pointer, json!("a\u{0}b"), "nul_character");
}

pub(super) fn check_names(base: &Value, pointer: &str, names: &[&str]) {
    check_types(base, pointer, &[json!(0), json!(true), json!(["x"]), json!({})]);
    names.iter().for_each(|name| check(base, pointer, json!(name), ""));
    for wrong in ["", "Active", "no_such_name"] {
        check(base, pointer, json!(wrong), "not_allowed");
    }
    check(base, pointer, json!(format!("{} ", names[0])), "not_allowed");
}

pub(super) fn check_number(base: &Value, pointer: &str, taken: &[f64], refused: &[f64]) {
    check_types(base, pointer, &[json!("0.5"), json!(true), json!([0.5]), json!({})]);
    taken.iter().for_each(|number| check(base, pointer, json!(number), ""));
    refused.iter().for_each(|number| check(base, pointer, json!(number), "out_of_range"));
}

pub(super) fn check_unit(base: &Value, pointer: &str) {
    check_number(base, pointer, &[0.0, 1.0, 0.5], &[-0.000_001, 1.000_001, 1e300, -1e300]);
    check(base, pointer, json!(1), "");
    check(base, pointer, json!(2), "out_of_range");
}

pub(super) fn check_time(base: &Value, pointer: &str) {
    check_types(base, pointer, &[json!(1_767_268_800), json!(true), json!([]), json!({})]);
    for wrong in ["", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z"] {
        check(base, pointer, json!(wrong), "invalid");
    }
    check(base, pointer, json!("2025-12-25T01:00:00+01:00"), "");
    check(base, pointer, json!("2025-12-25T00:00:00.123456789"), "");
}

pub(super) fn check_object(base: &Value, pointer: &str) {
    check_types(base, pointer, &[json!(0), json!("{}"), json!([]), json!(true)]);
    let inner = base.pointer(pointer).cloned().unwrap_or_else(|| json!({}));
    let odd = with(&inner, "/colour", Some(json!(1)));
    let expected = [format!("{}.colour unknown_field", field(pointer))];
    assert_eq!(faults(&with(base, pointer, Some(odd))), expected, "{pointer}");
}

/// A list of texts of at most so many members.
pub(super) fn check_list(base: &Value, pointer: &str, max: usize, member: fn(usize) -> Value) {
    check_types(base, pointer, &[json!(0), json!("[]"), json!({}), json!(true)]);
    let many = |count: usize| (0..count).map(member).collect::<Vec<_>>();
    check(base, pointer, json!(many(max)), "");
    check(base, pointer, json!(many(max + 1)), "too_long");
    let mixed = with(base, pointer, Some(json!([member(0), 7, null])));
    let place = field(pointer);
    assert_eq!(faults(&mixed), [format!("{place}[1] wrong_type"), format!("{place}[2] wrong_type")]);
}

pub(super) fn check_barred(base: &Value, pointer: &str) {
    for value in [json!("x"), json!([]), json!({}), json!(0)] {
        check(base, pointer, value, "not_allowed");
    }
    check(base, pointer, Value::Null, "");
}

pub(super) const WORD: fn(usize) -> Value = |n| json!(format!("w{n}"));

#[test]
fn the_examples_are_taken() {
    for body in [least(), event(), impact(), seed()] {
        assert_eq!(faults(&body), Vec::<String>::new());
    }
}

#[test]
fn what_stands_at_the_top() {
    let base = event();
    check_text(
        &base,
        "/tenant_id",
        &["t_a", "t_A-1_z"],
        &[("", "too_short"), ("acme", "invalid"), ("t_", "invalid"), ("t_é", "invalid")],
    );
    check(&base, "/tenant_id", json!(format!("t_{}", "a".repeat(65))), "too_long");
    check_names(&base, "/state", &["active", "restricted", "sealed"]);
    for never in ["dormant", "revoked", "tombstoned"] {
        check(&base, "/state", json!(never), "not_allowed");
    }
    check_names(&base, "/type", &["event"]);
    check(&base, "/type", json!("preference"), "not_allowed");
    let modes = [
        "factual_claim",
        "subjective_experience",
        "counterfactual",
        "imagined",
        "socially_sourced",
        "procedural",
        "somatic",
        "identity_role_bound",
    ];
    check_names(&base, "/truth_mode", &modes);
    let policies =
        ["never_edit_source", "append_only", "allow_relabel_affect_only", "allow_update_claim_confidence"];
    check_names(&base, "/reconsolidation_policy", &policies);
    for ours in ["/id", "/created_at", "/version", "/history", "/reconsolidation_trace"] {
        check_barred(&base, ours);
    }
    for required in ["/tenant_id", "/scope", "/type", "/truth_mode"] {
        let expected = [format!("{} missing", field(required))];
        assert_eq!(faults(&with(&base, required, None)), expected);
    }
    check(&base, "/colour", json!(1), "unknown_field");
}

#[test]
fn scopes() {
    let base = event();
    check_object(&base, "/scope");
    let types = ["user", "org", "app", "session", "project", "case", "role", "group"];
    check_names(&base, "/scope/scope_type", &types);
    check_text(
        &base,
        "/scope/scope_id",
        &["a", " Åsa ", "用户"],
        &[("", "too_short"), (" \t", "too_short"), ("a\u{7}b", "invalid")],
    );
    check(&base, "/scope/scope_id", json!("é".repeat(513)), "too_long");
    check_types(&base, "/scope/flags", &[json!(0), json!("x"), json!([])]);
    check_types(&base, "/scope/flags/spiral", &[json!(0), json!("true"), json!(null), json!([])]);
    check(&base, "/scope/flags", json!({"": true}), "invalid");
    check(&base, "/scope/flags", json!({"a": true, " a ": false}), "invalid");
    let flags = |count: usize| -> Value { (0..count).map(|n| (format!("f{n}"), json!(true))).collect() };
    check(&base, "/scope/flags", flags(32), "");
    check(&base, "/scope/flags", flags(33), "too_long");
}

#[test]
fn sensitivity_and_ownership() {
    let base = event();
    check_object(&base, "/sensitivity");
    check_names(&base, "/sensitivity/level", &["low", "medium", "high", "critical"]);
    check_names(&base, "/sensitivity/handling", &["normal", "no_prompt", "no_search", "sealed_default"]);
    check_list(&base, "/sensitivity/categories", 32, WORD);
    check_text(
        &base,
        "/sensitivity/categories/0",
        &["Moral Injury", "здоровье"],
        &[("", "too_short"), ("--", "invalid"), ("a\tb", "invalid"), (&"x".repeat(65), "too_long")],
    );
    check_object(&base, "/ownership");
    check_names(&base, "/ownership/owner_type", &["user", "group", "org", "system", "external_source"]);
    check_names(&base, "/ownership/dispute_state", &["undisputed", "unverified", "disputed", "contested"]);
    let visibilities = ["private", "shared_with_group", "shared_with_org", "restricted_review"];
    check_names(&base, "/ownership/visibility", &visibilities);
    let refused = [("", "too_short"), (" ", "too_short"), ("a\nb", "invalid")];
    for party in ["/ownership/claimant", "/ownership/owners/0", "/ownership/subjects/0"] {
        check_text(&base, party, &["ada", "Åsa 🙂"], &refused);
        check(&base, party, json!("x".repeat(1_025)), "too_long");
    }
    check_list(&base, "/ownership/owners", 100, WORD);
    check_list(&base, "/ownership/subjects", 100, WORD);
}

#[test]
fn times() {
    let base = event();
    check_object(&base, "/temporal");
    check_time(&base, "/temporal/occurred_at_observed");
    check_time(&base, "/temporal/occurred_at_claimed");
    check(&base, "/temporal/occurred_at_observed", json!("2026-01-01T12:05:00Z"), "");
    check(&base, "/temporal/occurred_at_observed", json!("2026-01-01T12:05:00.000001Z"), "invalid");
    check(&base, "/temporal/occurred_at_claimed", json!("2999-01-01T00:00:00Z"), "");
    check_unit(&base, "/temporal/time_confidence");
    check_unit(&base, "/temporal/ordering_uncertainty");
    check_names(&base, "/temporal/time_precision", &["range"]);
    check_object(&base, "/temporal/range");
    check_time(&base, "/temporal/range/start");
    check_time(&base, "/temporal/range/end");
}

#[test]
fn ranges_go_with_their_precision() {
    let base = event();
    let (precision, range) = ("/temporal/time_precision", "/temporal/range");
    for other in ["exact", "approximate", "unknown"] {
        check_together(&base, &[(precision, Some(json!(other)))], &["temporal.range not_allowed"]);
        check_together(&base, &[(precision, Some(json!(other))), (range, None)], &[]);
    }
    check_together(&base, &[(range, None)], &["temporal.range missing"]);
    check_together(&base, &[(range, Some(Value::Null))], &["temporal.range missing"]);
    check_together(&base, &[(range, Some(json!({})))], &["temporal.range.start missing"]);
    check_together(&base, &[("/temporal/range/start", None)], &[]);
    check_together(&base, &[("/temporal/range/end", None)], &[]);
    let early = ("/temporal/range/end", Some(json!("2025-12-23T23:59:59Z")));
    check_together(&base, &[early], &["temporal.range.end invalid"]);
    let wrong = ("/temporal/range/start", Some(json!("now")));
    check_together(&base, &[wrong, ("/temporal/range/end", None)], &["temporal.range.start invalid"]);
}
