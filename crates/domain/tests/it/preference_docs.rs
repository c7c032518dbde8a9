//! The examples of docs/merging.md are true.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::preference::{Kind, Preference, Source, merge};
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// The blocks of the page that are fenced as JSON.
fn blocks() -> Vec<Value> {
    let page = include_str!("../../../../docs/merging.md");
    let fenced = page.split("```json\n").skip(1);
    fenced.map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap()).collect()
}

#[track_caller]
fn check_merge(example: &Value) -> Kind {
    let kind = Kind::from_name(example["scope"].as_str().unwrap()).unwrap();
    let values = example["memories"].as_array().unwrap();
    let memories: Vec<_> = (0u8..)
        .zip(values)
        .map(|(at, value)| {
            let preference = Preference::new(kind, None, Source::UserSetting, value.clone()).unwrap();
            (
                Timestamp::from_unix_micros(at.into()),
                MemoryId::from_uuid(Uuid::from_u128(at.into())),
                preference,
            )
        })
        .collect();
    let summary = merge(kind, memories.iter().map(|(at, id, preference)| (*at, *id, preference)));
    let mut answer = json!({
        "summary_text": summary.summary_text,
        "summary_struct": summary.summary_struct,
        "confidence": f64::from(summary.confidence_tenths) / 10.0,
    });
    if !summary.conflicts.is_empty() {
        answer["conflicts"] = json!(summary.conflicts);
    }
    assert_eq!(answer, example["answer"], "{}", serde_json::to_string_pretty(&answer).unwrap());
    kind
}

#[track_caller]
fn check_form(example: &Value) {
    let sent = example["value_json"].clone();
    let preference = Preference::new(Kind::Preferences, None, Source::UserSetting, sent).unwrap();
    let found = json!({ "value_json": example["value_json"], "shape": preference.shape().name(), "stored": preference.value() });
    assert_eq!(&found, example);
}

#[test]
fn the_examples_of_the_page_are_true() {
    let mut kinds = Vec::new();
    let mut shapes = Vec::new();
    for example in blocks() {
        if example.get("scope").is_some() {
            kinds.push(check_merge(&example));
        } else {
            check_form(&example);
            shapes.push(example["shape"].clone());
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL);
    shapes.sort_unstable_by_key(Value::to_string);
    shapes.dedup();
    assert_eq!(shapes.len(), 6, "an example for each shape");
}
