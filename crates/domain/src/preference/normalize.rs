//! The normal form of a value: what is stored. Whatever is not named here is kept as it was sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::shapes::{LIKES_KEYS, Shape, WINDOWS_KEYS, members_by_lower_key};
use super::{ScalarKey, lower};

/// Brings a value of that shape into its normal form. Normalising twice changes nothing.
pub(super) fn normalize(shape: Shape, value: Value) -> Value {
    match (shape, value) {
        (Shape::LikesDislikes, Value::Object(map)) => named_lists(&map, LIKES_KEYS, dedupe_likes),
        (Shape::ScheduleWindows, Value::Object(map)) => named_lists(&map, WINDOWS_KEYS, dedupe_windows),
        (Shape::BooleanFlags, Value::Object(map)) => lower_keys(&map, |_| false),
        (Shape::AttentionSettings, Value::Object(map)) => lower_keys(&map, |_| true),
        (Shape::KvMap, Value::Object(map)) => lower_keys(&map, |key| key.contains("tag")),
        (Shape::ScheduleWindows, Value::Array(windows)) => Value::Array(dedupe_windows(windows)),
        (Shape::RulesList, Value::Array(rules)) => Value::Array(dedupe_rules(rules)),
        (_, other) => other,
    }
}

/// Names the lists `keys` in lower case and passes those that are arrays through `tidy`; other members stay as sent.
fn named_lists(map: &Map<String, Value>, keys: [&str; 2], tidy: impl Fn(Vec<Value>) -> Vec<Value>) -> Value {
    let mut normal = Map::new();
    for (key, value) in map {
        if !keys.contains(&lower(key).as_str()) {
            normal.insert(key.clone(), value.clone());
        }
    }
    let members = members_by_lower_key(map);
    for key in keys {
        let list = match members.get(key) {
            Some((_, Value::Array(items))) => Value::Array(tidy(items.clone())),
            Some((_, other)) => (*other).clone(),
            None => continue,
        };
        normal.insert(key.to_owned(), list);
    }
    Value::Object(normal)
}

/// Lower-cases the keys, and the values that are strings under the keys that `lowers` names.
fn lower_keys(map: &Map<String, Value>, lowers: impl Fn(&str) -> bool) -> Value {
    let members = members_by_lower_key(map).into_iter().map(|(key, (_, value))| {
        let value = match value {
            Value::String(text) if lowers(&key) => Value::String(lower(text)),
            other => other.clone(),
        };
        (key, value)
    });
    Value::Object(members.collect())
}

/// One of each without regard to case (the first spelling), sorted by code point.
fn dedupe_likes(items: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<Value> =
        items.into_iter().filter(|item| seen.insert(ScalarKey::new(item, lower))).collect();
    kept.sort_by_cached_key(|item| ScalarKey::new(item, str::to_owned));
    kept
}

/// One of each, sorted by code point.
fn dedupe_rules(rules: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<Value> =
        rules.into_iter().filter(|rule| seen.insert(ScalarKey::new(rule, str::to_owned))).collect();
    kept.sort_by_cached_key(|rule| ScalarKey::new(rule, str::to_owned));
    kept
}

/// One of each in their order; equal whatever the order of keys, since a map writes its keys sorted.
fn dedupe_windows(windows: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    windows.into_iter().filter(|window| seen.insert(window.to_string())).collect()
}
