//! The requests that are no memories: every field with what it takes and what not, and what cursors are good for.

use serde_json::{Value, json};

use super::super::requests::{
    BatchRequest, GetRequest, ListRequest, QueryRequest, ReconstructRequest, STATES,
};
use super::fields::with;
use super::{NOW, event, least};
use memoryscope_engine::op::page::Next;

use crate::cursor::Cursor;
use crate::json::parse;
use crate::problem::Problem;
use crate::wire::{Shape, Unknown, decode_query};
use memoryscope_domain::ids::MemoryId;

fn read<T: Shape>(body: &Value) -> Result<T, Problem> {
    Ok(parse(body.to_string().as_bytes())?.decode_at::<T>(Unknown::Refuse, NOW)?.value)
}

fn told<T>(read: Result<T, Problem>) -> Vec<String> {
    let Err(problem) = read else { return Vec::new() };
    assert_eq!(problem.status().as_u16(), 422, "{}", problem.message());
    problem.fields().iter().map(|fault| format!("{} {}", fault.field(), fault.fault.as_str())).collect()
}

fn query() -> Value {
    json!({
        "tenant_id": "t_acme", "scope": {"scope_type": "user", "scope_id": "ada"}, "purpose": "chat_response",
        "filters": {"type": "event", "truth_mode": ["factual_claim", "procedural"], "state": ["active", "dormant"],
            "labels": ["sad"], "min_strength": 0.1, "since": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        "limit": 10,
    })
}

fn reconstruct() -> Value {
    json!({
        "tenant_id": "t_acme", "scope": {"scope_type": "project", "scope_id": "apollo"}, "purpose": "task_execution",
        "cues": ["launch"], "max_tokens": 200, "include_events": true, "format": "messages",
    })
}

/// A value at a pointer, and what is told of it: `type not_allowed` is of `filters.type`.
fn check<T: Shape>(base: &Value, pointer: &str, value: &Value, expect: &str) {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    let expected = if expect.is_empty() { vec![] } else { vec![format!("body.{field} {expect}")] };
    assert_eq!(told(read::<T>(&with(base, pointer, Some(value.clone())))), expected, "{pointer} = {value}");
}

#[test]
fn queries() {
    let base = query();
    let check =
        |pointer: &str, value: Value, expect: &str| check::<QueryRequest>(&base, pointer, &value, expect);
    for (pointer, taken) in [
        ("/filters/type", vec![json!("seed"), json!(["event", "impact", "seed"]), Value::Null]),
        ("/filters/truth_mode", vec![json!("imagined"), json!(["somatic"])]),
        ("/filters/state", STATES.map(|state| json!(state.name())).to_vec()),
        ("/filters/labels", vec![json!(" Über  Froh "), json!(["a", "b"])]),
        ("/filters/min_strength", vec![json!(0), json!(1), json!(0.5)]),
        ("/filters/since", vec![json!("2025-06-01T00:00:00+02:00"), json!("2026-01-01T00:00:00Z")]),
        ("/filters", vec![json!({}), Value::Null]),
        ("/limit", vec![json!(1), json!(1_000), Value::Null]),
        ("/purpose", vec![json!("subject_access"), json!("compliance_audit")]),
    ] {
        taken.into_iter().for_each(|value| check(pointer, value, ""));
    }
    for pointer in ["/filters/type", "/filters/truth_mode", "/filters/state"] {
        check(pointer, json!("none"), "not_allowed");
        check(pointer, json!(1), "wrong_type");
        check(pointer, json!({}), "wrong_type");
        check(pointer, json!([]), "too_short");
    }
    check("/filters/labels", json!(vec!["a"; 33]), "too_long");
    check("/filters/labels", json!(""), "too_short");
    check("/filters/min_strength", json!(1.1), "out_of_range");
    check("/filters/until", json!("2024-12-31T23:59:59Z"), "invalid");
    check("/filters/colour", json!(1), "unknown_field");
    check("/limit", json!(0), "out_of_range");
    check("/limit", json!(1_001), "out_of_range");
    for text in [json!("Lisbon"), json!(" the "), json!("é".repeat(1_000)), Value::Null] {
        check("/query_text", text, "");
    }
    check("/query_text", json!(""), "too_short");
    check("/query_text", json!(" \n"), "invalid");
    check("/query_text", json!("é".repeat(1_001)), "too_long");
    check("/query_text", json!(["Lisbon"]), "wrong_type");
    check("/purpose", json!("maintenance"), "not_allowed");
    check("/purpose", json!("because"), "not_allowed");
    check("/scope/flags", json!({}), "unknown_field");
    check("/cursor", json!("no cursor"), "invalid");
    check("/cursor", json!(7), "wrong_type");
    let mixed = with(&base, "/filters/type", Some(json!(["event", "x", 3])));
    let expected = ["body.filters.type[1] not_allowed", "body.filters.type[2] wrong_type"];
    assert_eq!(told(read::<QueryRequest>(&mixed)), expected);
    let nothing = ["tenant_id", "scope", "purpose"].map(|name| format!("body.{name} missing"));
    assert_eq!(told(read::<QueryRequest>(&json!({}))), nothing);
}

#[test]
fn reconstructions() {
    let base = reconstruct();
    let check = |pointer: &str, value: Value, expect: &str| {
        check::<ReconstructRequest>(&base, pointer, &value, expect);
    };
    let read = read::<ReconstructRequest>(&base).expect("a good body");
    assert_eq!((read.max_tokens, read.include_events, read.cues.len()), (Some(200), true, 1));
    for format in ["text", "json", "messages"] {
        check("/format", json!(format), "");
    }
    check("/format", json!("html"), "not_allowed");
    check("/max_tokens", Value::Null, "");
    check("/max_tokens", json!(1_000_000), "");
    check("/max_tokens", json!(0), "out_of_range");
    check("/max_tokens", json!(1.5), "wrong_type");
    check("/include_events", json!("true"), "wrong_type");
    check("/cues", json!(vec!["a"; 65]), "too_long");
    check("/cues", json!("a"), "wrong_type");
    check("/purpose", json!("maintenance"), "not_allowed");
    check("/colour", json!(1), "unknown_field");
}

#[test]
fn query_strings() {
    let list = |text: &str| decode_query::<ListRequest>(Some(text), Unknown::Refuse).map(|read| read.value);
    let get = |text: &str| decode_query::<GetRequest>(Some(text), Unknown::Refuse).map(|read| read.value);
    assert_eq!(
        told(list("tenant_id=t_a&scope_type=user&scope_id=ada&purpose=chat_response&limit=7")),
        [""; 0]
    );
    let missing =
        ["tenant_id", "scope_type", "scope_id", "purpose"].map(|name| format!("query.{name} missing"));
    assert_eq!(told(list("")), missing);
    let wrong = "tenant_id=a&scope_type=team&scope_id=%20&purpose=x&limit=0&cursor=x&colour=red";
    let expected = [
        "query.tenant_id invalid",
        "query.scope_type not_allowed",
        "query.scope_id too_short",
        "query.purpose not_allowed",
        "query.limit out_of_range",
        "query.cursor invalid",
        "query.colour unknown_field",
    ];
    assert_eq!(told(list(wrong)), expected);
    assert_eq!(told(get("tenant_id=t_a&purpose=subject_access")), [""; 0]);
    assert_eq!(told(get("purpose=x")), ["query.tenant_id missing", "query.purpose not_allowed"]);
}

#[test]
fn a_batch_is_read_item_by_item() {
    let item = |body: Value| with(&body, "/tenant_id", None);
    let wrong = with(&item(event()), "/state", Some(json!("revoked")));
    let body = json!({"tenant_id": "t_acme", "memories": [item(least()), least(), wrong, 7, item(event())]});
    let batch = read::<BatchRequest>(&body).expect("a batch");
    assert_eq!(batch.tenant.as_str(), "t_acme");
    let told: Vec<Vec<String>> = batch
        .memories
        .iter()
        .map(|read| match read {
            Ok(read) => vec![format!("{}", read.value.memory.state.name())],
            Err(errors) => errors
                .list()
                .iter()
                .map(|fault| format!("{} {}", fault.field(), fault.fault.as_str()))
                .collect(),
        })
        .collect();
    let expected = [
        "active",
        "body.memories[1].tenant_id not_allowed",
        "body.memories[2].state not_allowed",
        "body.memories[3] wrong_type",
        "restricted",
    ];
    assert_eq!(told, expected.map(|text| vec![text.to_owned()]));
    for (memories, fault) in
        [(json!([]), "too_short"), (json!({}), "wrong_type"), (json!(vec![0; 1_001]), "too_long")]
    {
        let body = json!({"tenant_id": "t_acme", "memories": memories});
        assert_eq!(super::requests::told(read::<BatchRequest>(&body)), [format!("body.memories {fault}")]);
    }
}

#[test]
fn cursors_are_bound_to_tenant_scope_purpose_and_query() {
    let binding = |body: &Value| read::<QueryRequest>(body).expect("a query").binding();
    let base = query();
    let mine = binding(&base);
    for (pointer, value) in [
        ("/tenant_id", json!("t_other")),
        ("/scope/scope_type", json!("org")),
        ("/scope/scope_id", json!("bob")),
        ("/purpose", json!("subject_access")),
        ("/filters", Value::Null),
        ("/filters/type", json!("seed")),
        ("/filters/truth_mode", json!("procedural")),
        ("/filters/state", json!("active")),
        ("/filters/labels", json!("glad")),
        ("/filters/min_strength", json!(0.2)),
        ("/filters/since", Value::Null),
        ("/filters/until", json!("2026-01-01T00:00:01Z")),
    ] {
        assert_ne!(binding(&with(&base, pointer, Some(value))), mine, "{pointer}");
    }
    // What means the same is the same, and a page may be of another length.
    let cursor = Cursor::new(Next::Shown((NOW, MemoryId::from_uuid(uuid::Uuid::nil()))), mine).text();
    for (pointer, value) in [
        ("/limit", json!(500)),
        ("/filters/type", json!(["event", "event"])),
        ("/filters/truth_mode", json!(["procedural", "factual_claim"])),
        ("/filters/labels", json!(" SAD ")),
        ("/filters/since", json!("2025-01-01T01:00:00+01:00")),
        ("/cursor", json!(cursor)),
    ] {
        assert_eq!(binding(&with(&base, pointer, Some(value))), mine, "{pointer}");
    }
    let list = |text: &str| decode_query::<ListRequest>(Some(text), Unknown::Refuse).expect("a list").value;
    let of = |tenant: &str, kind: &str, id: &str, purpose: &str, limit: usize| {
        let text =
            format!("tenant_id={tenant}&scope_type={kind}&scope_id={id}&purpose={purpose}&limit={limit}");
        list(&text).binding()
    };
    let mine = of("t_a", "user", "ada", "chat_response", 1);
    assert_eq!(of("t_a", "user", "ada", "chat_response", 2), mine);
    assert_ne!(of("t_b", "user", "ada", "chat_response", 1), mine);
    assert_ne!(of("t_a", "org", "ada", "chat_response", 1), mine);
    assert_ne!(of("t_a", "user", "bob", "chat_response", 1), mine);
    assert_ne!(of("t_a", "user", "ada", "recommendation", 1), mine);
}
