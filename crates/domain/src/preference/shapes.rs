//! Which shape a value has. Keys are looked at in lower case, as they will be stored: otherwise `{"Likes": …}` would
//! be a map today and likes when the stored value is sent again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{InvalidReason, InvalidValue, lower};
use crate::limits;

/// The keys that make an object `likes_dislikes`.
pub(super) const LIKES_KEYS: [&str; 2] = ["likes", "dislikes"];
/// The keys that make an object `schedule_windows`.
pub(super) const WINDOWS_KEYS: [&str; 2] = ["windows", "time_slots"];
/// The keys that make an object `attention_settings`.
const ATTENTION_KEYS: [&str; 2] = ["focus_mode", "do_not_disturb"];
/// The keys of which each window in an array has at least one, written exactly so.
const WINDOW_KEYS: [&str; 3] = ["start", "end", "day"];

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// An object with `likes` or `dislikes`: arrays of scalars.
    LikesDislikes,
    /// An object of booleans only; the empty object too.
    BooleanFlags,
    /// An object with `windows` or `time_slots`, or a non-empty array of objects that each have `start`, `end` or `day`.
    ScheduleWindows,
    /// An object with `focus_mode` or `do_not_disturb`.
    AttentionSettings,
    /// Any other object.
    KvMap,
    /// A non-empty array of strings.
    RulesList,
}

impl Shape {
    /// Every shape, in the order in which they are tried (arrays last).
    pub const ALL: [Self; 6] = [
        Self::LikesDislikes,
        Self::BooleanFlags,
        Self::ScheduleWindows,
        Self::AttentionSettings,
        Self::KvMap,
        Self::RulesList,
    ];

    /// Its name in documents and stores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LikesDislikes => "likes_dislikes",
            Self::BooleanFlags => "boolean_flags",
            Self::ScheduleWindows => "schedule_windows",
            Self::AttentionSettings => "attention_settings",
            Self::KvMap => "kv_map",
            Self::RulesList => "rules_list",
        }
    }

    /// The first shape that fits. Detection after normalisation gives the same shape.
    ///
    /// # Errors
    /// When none fits, or `likes` or `dislikes` is no array of scalars: up to [`InvalidValue::REPORTED_MAX`] faults.
    pub fn detect(value: &Value) -> Result<Self, Vec<InvalidValue>> {
        match value {
            Value::Object(map) => detect_object(map),
            Value::Array(items) if items.is_empty() => Err(fault("", InvalidReason::NoShape)),
            Value::Array(items) if items.iter().all(Value::is_string) => Ok(Self::RulesList),
            Value::Array(items) if items.iter().all(is_window) => Ok(Self::ScheduleWindows),
            Value::Array(_) => Err(fault("", InvalidReason::NoShape)),
            _ => Err(fault("", InvalidReason::NotContainer)),
        }
    }
}

fn detect_object(map: &Map<String, Value>) -> Result<Shape, Vec<InvalidValue>> {
    let members = members_by_lower_key(map);
    let has = |keys: [&str; 2]| keys.iter().any(|key| members.contains_key(*key));
    if has(LIKES_KEYS) {
        let mut faults = Vec::new();
        for (sent, list) in LIKES_KEYS.iter().filter_map(|key| members.get(*key)) {
            check_scalars(sent, list, &mut faults);
        }
        faults.truncate(InvalidValue::REPORTED_MAX);
        return if faults.is_empty() { Ok(Shape::LikesDislikes) } else { Err(faults) };
    }
    if members.values().all(|(_, value)| value.is_boolean()) {
        return Ok(Shape::BooleanFlags);
    }
    if has(WINDOWS_KEYS) {
        return Ok(Shape::ScheduleWindows);
    }
    Ok(if has(ATTENTION_KEYS) { Shape::AttentionSettings } else { Shape::KvMap })
}

/// The members under their lower-cased keys, each with its key as sent. Of keys that become equal, the one that is
/// in lower case already stands; where none is, the one that sorts last.
pub(super) fn members_by_lower_key(map: &Map<String, Value>) -> BTreeMap<String, (&str, &Value)> {
    let mut members: BTreeMap<String, (&str, &Value)> = BTreeMap::new();
    for (sent, value) in map {
        let key = lower(sent);
        let taken = members.get(&key).is_some_and(|(stands, _)| *stands == key);
        if !taken {
            members.insert(key, (sent.as_str(), value));
        }
    }
    members
}

fn check_scalars(sent: &str, list: &Value, faults: &mut Vec<InvalidValue>) {
    let Value::Array(items) = list else {
        faults.extend(fault(sent, InvalidReason::NotArray));
        return;
    };
    for (index, item) in items.iter().enumerate() {
        if faults.len() == InvalidValue::REPORTED_MAX {
            return;
        }
        if item.is_array() || item.is_object() {
            faults.extend(fault(&format!("{sent}[{index}]"), InvalidReason::NotScalar));
        }
    }
}

fn is_window(item: &Value) -> bool {
    WINDOW_KEYS.iter().any(|key| item.get(key).is_some())
}

/// Refuses a value that is longer or nests deeper than the limits.
pub(super) fn check_bounds(value: &Value) -> Result<(), Vec<InvalidValue>> {
    if !nests_within(value, limits::JSON_DEPTH_MAX) {
        return Err(fault("", InvalidReason::TooDeep));
    }
    if value.to_string().len() > limits::VALUE_JSON_BYTES_MAX {
        return Err(fault("", InvalidReason::TooLong));
    }
    Ok(())
}

/// Whether `value` nests at most `depth` containers. The recursion is as deep as `depth`, whatever the value.
fn nests_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| nests_within(item, depth - 1)),
        Value::Object(map) => depth > 0 && map.values().all(|item| nests_within(item, depth - 1)),
        _ => true,
    }
}

fn fault(path: &str, reason: InvalidReason) -> Vec<InvalidValue> {
    vec![InvalidValue { path: path.to_owned(), reason }]
}
