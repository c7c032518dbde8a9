//! What answers show, and that it is what requests say.

use std::collections::BTreeSet;

use memoryscope_domain::constraint::{self, Constraint};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Body, Memory, MemoryType};
use memoryscope_domain::object::generate::object_memory;
use memoryscope_domain::object::{Derivation, History, List, ReconsolidationTrace};
use memoryscope_engine::op::query::Shown;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::constraint::UNNAMED;
use super::super::{IngestRequest, shown as wire_shown, shown_schema};
use super::{NOW, event, impact, ingest, least, seed};
use crate::wire::{Unknown, schema};

/// A memory as it is shown now, in the state that it is stored in.
fn show(memory: &Memory) -> Option<Value> {
    wire_shown::memory(memory, Shown::Stored(memory.state), NOW).map(|shown| json!(shown))
}

/// What is wrong with a value by a schema, as far as shapes and names go.
fn misfits(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(either) = schema["anyOf"].as_array() {
        let fits = either.iter().any(|one| misfits(one, value, at).is_empty());
        return if fits { Vec::new() } else { vec![format!("{at}: none of {}", schema["anyOf"])] };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |wanted: &Value| wanted == kind || (wanted == "number" && kind == "integer");
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        one => is(one),
    };
    let listed = schema["enum"].as_array().is_none_or(|names| names.contains(value));
    let prefix = schema["pattern"]
        .as_str()
        .and_then(|pattern| pattern.strip_prefix('^')?.strip_suffix("[0-9a-f]{32}$"));
    let named = prefix.is_none_or(|prefix| value.as_str().is_some_and(|text| text.starts_with(prefix)));
    let mut found =
        if fits && listed && named { Vec::new() } else { vec![format!("{at}: {schema} and is {value}")] };
    if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                found.push(format!("{at}/{name} is not there"));
            }
        }
        for (name, member) in members {
            match known.get(name) {
                Some(schema) => found.extend(misfits(schema, member, &format!("{at}/{name}"))),
                None if schema["additionalProperties"] == true => {}
                None => found.push(format!("{at}/{name} is not known")),
            }
        }
    }
    let elements = value.as_array().into_iter().flatten().enumerate();
    found.extend(elements.flat_map(|(n, one)| misfits(&schema["items"], one, &format!("{at}/{n}"))));
    found
}

fn memory(body: &Value) -> Memory {
    let IngestRequest { tenant, memory } = ingest(body).expect("a good body");
    let id = MemoryId::from_uuid(Uuid::from_u128(7));
    let kept = Memory::new(id, tenant, memory.scope, memory.body, NOW, None);
    Memory { state: memory.state, ..kept }
}

fn shown(body: &Value) -> Value {
    show(&memory(body)).expect("an object")
}

#[test]
fn an_event_is_shown_like_this() {
    insta::assert_json_snapshot!("event", shown(&event()));
}

#[test]
fn an_impact_is_shown_like_this() {
    insta::assert_json_snapshot!("impact", shown(&impact()));
}

#[test]
fn a_seed_is_shown_like_this() {
    insta::assert_json_snapshot!("seed", shown(&seed()));
}

#[test]
fn what_is_left_of_its_strength_is_shown_beside_what_was_set() {
    for (days, left) in [(0, 1.0), (30, 0.5), (120, 0.0625)] {
        let memory = memory(&least());
        let shown = wire_shown::memory(&memory, Shown::Dormant, NOW.plus_days(days));
        let shown = json!(shown.expect("an object"));
        assert_eq!(shown["state"], "dormant");
        let strength = &shown["strength"];
        assert_eq!((&strength["effective"], &strength["current"]), (&json!(left), &json!(1.0)), "{days}");
    }
}

#[test]
fn of_what_is_erased_only_that_it_was_is_shown() {
    let erased = memory(&event()).tombstone();
    let shown = show(&erased).expect("a tombstone");
    assert_eq!(misfits(&shown_schema::tombstone(), &shown, ""), Vec::<String>::new());
    assert_eq!(
        (&shown["state"], &shown["type"], &shown["version"]),
        (&json!("tombstoned"), &json!("event"), &json!(2))
    );
    let preference = Body::Erased { was: MemoryType::Preference };
    assert_eq!(show(&Memory { body: preference, ..erased }), None);
}

#[test]
fn requests_fit_their_schema() {
    let schema = schema::<IngestRequest>(Unknown::Refuse);
    for body in [least(), event(), impact(), seed()] {
        assert_eq!(misfits(&schema, &body, ""), Vec::<String>::new());
    }
    for barred in ["id", "history", "created_at", "version", "reconsolidation_trace"] {
        assert!(schema["properties"].get(barred).is_none(), "{barred}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

/// What the server sets, taken out of an object that an answer showed, so that it can be sent.
fn sendable(mut shown: Value) -> Value {
    let mut take = |pointer: &str, names: &[&str]| {
        if let Some(members) = shown.pointer_mut(pointer).and_then(Value::as_object_mut) {
            names.iter().for_each(|name| drop(members.remove(*name)));
        }
    };
    take("", &["id", "created_at", "version", "history", "reconsolidation_trace"]);
    take("/strength", &["effective"]);
    take("/provenance", &["policy_version"]);
    for n in 0..4 {
        take(&format!("/impact_payload/constraints/{n}"), &["constraint_id", "created_at", "provenance"]);
    }
    if !["active", "restricted", "sealed"].contains(&shown["state"].as_str().unwrap_or_default()) {
        shown["state"] = json!("active");
    }
    shown
}

/// A body as it is once what the server sets is as for a new memory.
fn as_new(mut body: Body) -> Body {
    if let Some(object) = body.object_mut() {
        (object.history, object.trace) = (History::default(), ReconsolidationTrace::default());
        object.provenance.policy_version = None;
        object.provenance.derivation = Derivation::Asserted;
    }
    if let Body::Impact(impact) = &mut body {
        let again = impact.constraints.iter().map(|constraint| {
            let mut parts = constraint.clone().into_parts();
            (parts.constraint_id, parts.created_at) = (UNNAMED, NOW);
            parts.provenance = constraint::Provenance::default();
            Constraint::new(parts).expect("as good as before")
        });
        impact.constraints = List::new(again.collect()).expect("as many as before");
    }
    body
}

/// The fields that a body which is sent gets wrong, as far as several of them say so.
fn wrong_between(body: &Body) -> BTreeSet<String> {
    let mut wrong: BTreeSet<String> =
        body.faults(NOW).iter().map(|fault| format!("body.{}", fault.path)).collect();
    if let Body::Impact(impact) = body {
        let parents = &impact.object.provenance.derived_from;
        let stray = |constraint: &Constraint| constraint.source_refs.iter().any(|id| !parents.contains(id));
        let strays = impact.constraints.iter().enumerate().filter(|(_, constraint)| stray(constraint));
        wrong.extend(strays.map(|(n, _)| format!("body.impact_payload.constraints[{n}].source_refs")));
    }
    wrong
}

proptest! {
    #[test]
    fn what_is_shown_fits_its_schema(memory in object_memory()) {
        let shown = show(&memory).expect("an object");
        prop_assert_eq!(misfits(&shown_schema::memory(), &shown, ""), Vec::<String>::new());
    }

    #[test]
    fn what_is_shown_can_be_sent(memory in object_memory()) {
        let sent = sendable(show(&memory).expect("an object"));
        // No request can say U+0000, which free-form JSON of another origin may hold.
        prop_assume!(!sent.to_string().contains("\\u0000"));
        let body = as_new(memory.body);
        let wrong = wrong_between(&body);
        match ingest(&sent) {
            Ok(read) => {
                prop_assert!(wrong.is_empty(), "{wrong:?}");
                prop_assert_eq!(read.memory.body, body);
                prop_assert_eq!(read.memory.scope.id, memory.scope.id);
                prop_assert_eq!(read.memory.scope.scope_type, memory.scope.scope_type);
                prop_assert_eq!(read.tenant, memory.tenant);
            }
            Err(problem) => {
                let told: BTreeSet<String> = problem.fields().iter().map(|fault| fault.field()).collect();
                prop_assert_eq!(told, wrong);
            }
        }
    }
}
