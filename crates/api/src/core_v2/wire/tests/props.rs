//! Whatever is sent is read or refused, and nothing else happens.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::with;
use super::{event, impact, ingest, seed};

/// Pointers to every value in a body, but to the whole.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(members) => {
            members.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in members {
        let here = format!("{at}/{name}");
        pointers(value, &here, found);
        found.push(here);
    }
}

const NAMES: &[&str] =
    &["type", "event", "impact", "content", "text", "range", "start", "constraints", "params", "cues", "é"];

/// Any JSON, with the names and the values that the objects know among its own.
fn any_json() -> impl Strategy<Value = Value> {
    let name = || prop_oneof![proptest::sample::select(NAMES).prop_map(str::to_owned), "\\PC{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        name().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body is read, or refused with 422 and at least one field.
fn check_total(body: &Value) -> Result<(), TestCaseError> {
    if let Err(problem) = ingest(body) {
        prop_assert_eq!(problem.status().as_u16(), 422, "{}", problem.message());
        prop_assert!(!problem.fields().is_empty());
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(body in any_json()) {
        check_total(&body)?;
    }

    #[test]
    fn any_field_may_hold_any_json(
        base in prop_oneof![Just(event()), Just(impact()), Just(seed())],
        changes in proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::of(any_json())), 1..4),
    ) {
        let mut body = base;
        for (at, value) in changes {
            let mut places = Vec::new();
            pointers(&body, "", &mut places);
            let of_members = |place: &&String| {
                let parent = place.rsplit_once('/').and_then(|(parent, _)| body.pointer(parent));
                // A key with a slash or a tilde is no pointer as it stands.
                body.pointer(place).is_some() && parent.is_some_and(Value::is_object)
            };
            let places: Vec<&String> = places.iter().filter(of_members).collect();
            if !places.is_empty() {
                body = with(&body, places[at.index(places.len())], value);
            }
        }
        check_total(&body)?;
    }
}
