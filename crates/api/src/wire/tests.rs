use memoryscope_domain::ids::UserId;
use serde_json::{Value, json};

use super::*;
use crate::json::parse;

const SCOPES: &[&str] = &["preferences", "constraints"];

#[derive(Debug, Clone, PartialEq)]
struct Create {
    user_id: UserId,
    scope: &'static str,
    domain: Option<String>,
    ttl_days: i64,
    weight: f64,
    keep: bool,
    value_json: Value,
}

impl Shape for Create {
    const NAME: &'static str = "Create";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let user_id = f.required("user_id", string().trimmed().bytes(1..=1024).parsed(|s| UserId::parse(s)));
        let scope = f.required("scope", one_of(SCOPES));
        let domain = f.optional("domain", string().trimmed().chars(0..=5));
        let old_domain = f.deprecated("area", "domain", string());
        let ttl_days = f.required("ttl_days", whole(1..=365));
        let weight = f.or("weight", number(0.0..=1.0), 0.5);
        let keep = f.or("keep", boolean(), false);
        let value_json = f.required("value_json", object_or_array(20));
        Some(Self {
            user_id: user_id?,
            scope: scope?,
            domain: domain.or(old_domain),
            ttl_days: ttl_days?,
            weight: weight?,
            keep: keep?,
            value_json: value_json?,
        })
    }
}

#[derive(Debug)]
struct Batch {
    memories: Vec<Result<Read<Create>, Errors>>,
}

impl Shape for Batch {
    const NAME: &'static str = "Batch";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let memories = f.required("memories", each::<Create>(1..=3));
        Some(Self { memories: memories? })
    }
}

struct Page {
    limit: i64,
    user_id: Option<String>,
    all: bool,
}

impl Shape for Page {
    const NAME: &'static str = "Page";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let limit = f.or("limit", whole(1..=1000), 100);
        let user_id = f.optional("user_id", string());
        let all = f.or("all", boolean(), false);
        let _ = f.optional("kind", one_of(SCOPES));
        Some(Self { limit: limit?, user_id, all: all? })
    }
}

struct Nested;

impl Shape for Nested {
    const NAME: &'static str = "Nested";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let one = f.required("one", object::<Page>());
        let many = f.required("many", list_of(whole(0..=i64::MAX), 0..=2));
        let tags = f.optional("tags", map_of(string().chars(1..=3), 2));
        let patch = f.nullable("patch", string());
        let free = f.optional("free", object_of_any(usize::MAX));
        if patch == Some(None) && free.is_some() {
            f.refuse("patch", Fault::Invalid, "must not be null beside free");
        }
        let _ = (tags, f.optional("at", time()));
        one.and(many).map(|_| Self)
    }
}

fn good() -> Value {
    json!({"user_id": " Åsa ", "scope": "preferences", "ttl_days": 7, "value_json": {"a": 1}})
}

fn with(name: &str, value: Value) -> Value {
    let mut body = good();
    body[name] = value;
    body
}

fn errors<T: Shape>(body: &Value) -> Vec<String> {
    let problem = match decode_value::<T>(body, Unknown::Refuse) {
        Ok(_) => return Vec::new(),
        Err(problem) => problem,
    };
    problem.fields().iter().map(|f| format!("{}: {} ({})", f.field(), f.message, f.fault.as_str())).collect()
}

#[test]
fn a_good_body_is_read() {
    let read = decode_value::<Create>(&good(), Unknown::Refuse).unwrap();
    assert_eq!(read.value.user_id.as_str(), "Åsa");
    assert_eq!((read.value.scope, read.value.ttl_days, read.value.domain), ("preferences", 7, None));
    assert_eq!((read.value.weight, read.value.keep), (0.5, false));
    assert!(read.unknown.is_empty() && read.deprecated.is_empty());
    let null = decode_value::<Create>(&with("domain", Value::Null), Unknown::Refuse).unwrap();
    assert_eq!(null.value.domain, None);
}

#[test]
fn every_wrong_field_is_in_one_answer() {
    let body = json!({"user_id": " ", "scope": "moods", "domain": "too long", "ttl_day": 1, "weight": 2,
        "keep": 0, "value_json": "x", "<b>": 1});
    assert_eq!(
        errors::<Create>(&body),
        [
            "body.user_id: must not be empty or blank (too_short)",
            "body.scope: must be one of: preferences, constraints (not_allowed)",
            "body.domain: must have at most 5 characters (too_long)",
            "body.ttl_days: is required (missing)",
            "body.weight: must be between 0 and 1 (out_of_range)",
            "body.keep: must be true or false (wrong_type)",
            "body.value_json: must be a JSON object or an array (wrong_type)",
            "body.<b>: is not known here (unknown_field)",
            "body.ttl_day: is not known here; did you mean ttl_days? (unknown_field)",
        ]
    );
}

#[test]
fn every_field_with_every_wrong_type() {
    let values = [json!(null), json!(true), json!(1), json!(1.5), json!("x"), json!([]), json!({})];
    let right: [(&str, &[usize]); 7] = [
        ("user_id", &[4]),
        ("scope", &[]),
        ("domain", &[0, 4]),
        ("ttl_days", &[2]),
        ("weight", &[0, 2]),
        ("keep", &[0, 1]),
        ("value_json", &[5, 6]),
    ];
    for (name, allowed) in right {
        for (index, value) in values.iter().enumerate() {
            let found = errors::<Create>(&with(name, value.clone()));
            assert_eq!(found.is_empty(), allowed.contains(&index), "{name} {value} {found:?}");
            assert!(found.iter().all(|e| e.starts_with(&format!("body.{name}:"))), "{found:?}");
        }
    }
    for wrong in [json!(0), json!(366), json!(u64::MAX), json!(i64::MIN)] {
        let found = errors::<Create>(&with("ttl_days", wrong));
        assert_eq!(found, ["body.ttl_days: must be between 1 and 365 (out_of_range)"]);
    }
    for body in [json!([]), json!("x"), json!(null), json!(1)] {
        assert_eq!(errors::<Create>(&body), ["body: must be a JSON object (wrong_type)"]);
    }
}

#[test]
fn unknown_and_deprecated_fields_become_warnings() {
    let mut body = with("area", json!("work"));
    body["colour"] = json!("red");
    let read = decode_value::<Create>(&body, Unknown::Accept).unwrap();
    assert_eq!(read.value.domain.as_deref(), Some("work"));
    assert_eq!(
        read.warnings(),
        [
            json!({"field": "body.colour", "message": "is not known here"}),
            json!({"field": "body.area", "message": "is deprecated: send domain", "successor": "domain"}),
        ]
    );
}

#[test]
fn a_batch_refuses_item_by_item() {
    let text = r#"{"memories": [
        {"user_id": "a", "scope": "preferences", "ttl_days": 7, "value_json": []},
        {"user_id": "b\u0000", "scope": "preferences", "ttl_days": 0, "value_json": []},
        5]}"#;
    let document = parse(text.as_bytes()).unwrap();
    let batch = document.decode::<Batch>(Unknown::Accept).unwrap().value;
    assert!(batch.memories[0].is_ok());
    let fields: Vec<String> =
        batch.memories[1].as_ref().unwrap_err().list().iter().map(FieldError::field).collect();
    assert_eq!(fields, ["body.memories[1].user_id", "body.memories[1].ttl_days"]);
    assert_eq!(batch.memories[2].as_ref().unwrap_err().as_fields()[0]["field"], "body.memories[2]");
    assert_eq!(
        errors::<Batch>(&json!({"memories": []})),
        ["body.memories: must have at least 1 element (too_short)"]
    );
    let nul = parse(br#"{"memories": [{}], "x": "\u0000"}"#).unwrap();
    assert_eq!(nul.decode::<Batch>(Unknown::Accept).unwrap_err().fields()[0].field(), "body.x");
}

#[test]
fn errors_are_bounded() {
    let body = Value::Object((0..1000).map(|i| (format!("k{i}"), json!(1))).collect());
    let problem = decode_value::<Create>(&body, Unknown::Refuse).map(|r| r.value).unwrap_err();
    assert_eq!(problem.fields().len(), 100);
    assert_eq!(decode_value::<Create>(&body, Unknown::Accept).unwrap_err().fields().len(), 4);
}

#[test]
fn nested_values_have_paths() {
    let body = json!({"one": {"limit": 0}, "many": [1, -1], "tags": {"a": "long", "b": 1}, "patch": null,
        "free": {}, "at": "soon"});
    assert_eq!(
        errors::<Nested>(&body),
        [
            "body.one.limit: must be between 1 and 1000 (out_of_range)",
            "body.many[1]: must be at least 0 (out_of_range)",
            "body.tags.a: must have at most 3 characters (too_long)",
            "body.tags.b: must be a string (wrong_type)",
            "body.patch: must not be null beside free (invalid)",
            "body.at: must be an RFC 3339 time such as 2026-01-31T12:00:00Z (invalid)",
        ]
    );
}

#[test]
fn query_strings_go_through_the_same_specs() {
    let read =
        decode_query::<Page>(Some("limit=5&user_id=%C3%85sa+B&all=true"), Unknown::Refuse).unwrap().value;
    assert_eq!((read.limit, read.user_id.as_deref(), read.all), (5, Some("Åsa B"), true));
    let none = decode_query::<Page>(None, Unknown::Refuse).unwrap().value;
    assert_eq!((none.limit, none.all), (100, false));
    let wrong = |raw: &str| -> Vec<String> {
        let problem = decode_query::<Page>(Some(raw), Unknown::Refuse).map(|_| ()).unwrap_err();
        problem.fields().iter().map(|f| format!("{} {}", f.field(), f.fault.as_str())).collect()
    };
    assert_eq!(
        wrong("limit=1&limit=2&user_id=%00&all=1&kind=x&y=1"),
        [
            "query.limit repeated",
            "query.user_id nul_character",
            "query.all wrong_type",
            "query.kind not_allowed",
            "query.y unknown_field",
        ]
    );
    for limit in ["", "+5", "5.0", "1e2", "0x1", " 5", "-", "true"] {
        let raw = format!("limit={}", limit.replace('+', "%2B").replace(' ', "%20"));
        assert_eq!(wrong(&raw), ["query.limit wrong_type"], "{limit}");
    }
    assert_eq!(wrong("limit=99999999999999999999"), ["query.limit out_of_range"]);
    for raw in ["a=%", "a=%1", "a=%zz", "a=%ff", "%c3=1"] {
        let problem = decode_query::<Page>(Some(raw), Unknown::Accept).map(|_| ()).unwrap_err();
        assert_eq!(problem.status().as_u16(), 400, "{raw}");
    }
    assert_eq!(parameter("n", "5", &whole(1..=9)).unwrap(), 5);
    assert_eq!(parameter("n", "x", &whole(1..=9)).unwrap_err().fields()[0].field(), "path.n");
}

#[test]
fn the_same_specs_describe() {
    insta::assert_json_snapshot!("schema_create", schema::<Create>(Unknown::Refuse));
    insta::assert_json_snapshot!("schema_nested", schema::<Nested>(Unknown::Accept));
    insta::assert_json_snapshot!("schema_batch", schema::<Batch>(Unknown::Accept));
    insta::assert_json_snapshot!("parameters_page", parameters::<Page>());
}

#[test]
fn messages_never_repeat_values() {
    let canary = "kanarie-7f3a";
    let body = json!({"user_id": [canary], "scope": canary, "domain": canary, "ttl_days": canary,
        "weight": canary, "keep": canary, "value_json": canary});
    let problem = decode_value::<Create>(&body, Unknown::Refuse).map(|_| ()).unwrap_err();
    assert_eq!(problem.fields().len(), 7);
    assert!(!format!("{problem:?}").contains(canary));
}
