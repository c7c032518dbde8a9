//! When a constraint applies: a condition on the properties of what was found.
//!
//! `{"priority": "high"}` is an equality; several in one map must all hold; `_and` and `_or` take lists of such maps,
//! `_not` takes one, and all of them nest. A property that is missing equals nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Name;
use crate::fields::{At, Fault, Notes, each};
use crate::limits;

/// A condition on properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The property is there and equals the value.
    Equals {
        /// Which property.
        property: Name,
        /// What it equals; numbers are equal when they are the same number, however they are written.
        value: Value,
    },
    /// All hold; of none, that is so.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
}

impl Condition {
    /// Whether it holds of these properties.
    #[must_use]
    pub fn holds(&self, properties: &Map<String, Value>) -> bool {
        match self {
            Self::Equals { property, value } => {
                properties.get(property.as_str()).is_some_and(|sent| is_same(sent, value))
            }
            Self::All(parts) => parts.iter().all(|part| part.holds(properties)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(properties)),
            Self::Not(part) => !part.holds(properties),
        }
    }

    /// The condition as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let pair = |key: &str, value: Value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
        match self {
            Self::Equals { property, value } => pair(property.as_str(), value.clone()),
            Self::All(parts) if parts.is_empty() => Value::Object(Map::new()),
            Self::All(parts) => pair("_and", parts.iter().map(Self::to_json).collect()),
            Self::Any(parts) => pair("_or", parts.iter().map(Self::to_json).collect()),
            Self::Not(part) => pair("_not", part.to_json()),
        }
    }

    /// Reads a `when`.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut budget = limits::CONDITION_TESTS_MAX;
        read_map(value, at, notes, limits::CONDITION_DEPTH_MAX, &mut budget)
    }

    /// The properties that it looks at, each time that it does.
    pub(crate) fn properties(&self) -> Vec<&Name> {
        match self {
            Self::Equals { property, .. } => vec![property],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Not(part) => part.properties(),
        }
    }
}

fn read_map(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    depth: usize,
    budget: &mut usize,
) -> Option<Condition> {
    let Value::Object(map) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object of conditions");
    };
    let Some(below) = depth.checked_sub(1) else {
        let message = format!("must not nest deeper than {} levels", limits::CONDITION_DEPTH_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    };
    let read: Vec<Option<Condition>> = map
        .iter()
        .map(|(key, value)| read_member(key, value, &At::Key(at, key), notes, below, budget))
        .collect();
    let mut parts = read.into_iter().collect::<Option<Vec<_>>>()?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Condition::All(parts)),
    }
}

fn read_member(
    key: &str,
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    depth: usize,
    budget: &mut usize,
) -> Option<Condition> {
    match key {
        "_and" => read_parts(value, at, notes, depth, budget).map(Condition::All),
        "_or" => read_parts(value, at, notes, depth, budget).map(Condition::Any),
        "_not" => read_map(value, at, notes, depth, budget).map(|part| Condition::Not(Box::new(part))),
        _ if key.starts_with('_') => {
            let message = "is no operator: known are _and, _or and _not; no property is tested whose name begins with _";
            notes.wrong(at, Fault::UnknownField, message)
        }
        _ => {
            let Some(left) = budget.checked_sub(1) else {
                let message = format!("is one test too many: at most {}", limits::CONDITION_TESTS_MAX);
                return notes.wrong(at, Fault::TooLong, message);
            };
            *budget = left;
            match Name::parse(key) {
                Ok(property) => Some(Condition::Equals { property, value: value.clone() }),
                Err(error) => {
                    notes.wrong(at, Fault::Invalid, format!("is no name of a property: it {error}"))
                }
            }
        }
    }
}

fn read_parts(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    depth: usize,
    budget: &mut usize,
) -> Option<Vec<Condition>> {
    match value {
        Value::Array(items) if items.is_empty() => {
            notes.wrong(at, Fault::TooShort, "must have at least one condition")
        }
        Value::Array(items) => {
            let budget = std::cell::RefCell::new(budget);
            each(items, at, notes, |item, at, notes| {
                read_map(item, at, notes, depth, &mut budget.borrow_mut())
            })
        }
        _ => notes.wrong(at, Fault::WrongType, "must be a list of conditions"),
    }
}

/// Whether two values are the same: numbers by their value, so that `1` is `1.0`.
pub(crate) fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || match (one.as_i64(), other.as_i64(), one.as_u64(), other.as_u64()) {
                    (Some(one), Some(other), ..) => one == other,
                    (_, _, Some(one), Some(other)) => one == other,
                    _ => is_same_float(one.as_f64(), other.as_f64()),
                }
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_same(one, other)))
        }
        _ => left == right,
    }
}

#[expect(clippy::float_cmp, reason = "the same number is meant, not a near one")]
fn is_same_float(one: Option<f64>, other: Option<f64>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Condition, Vec<String>> {
        let mut notes = Notes::lenient();
        let read = Condition::read(value, &At::Root("when"), &mut notes);
        let faults = notes.faults().iter().map(|f| format!("{}: {}", f.field(), f.message)).collect();
        read.ok_or(faults)
    }

    #[test]
    fn conditions_hold_or_do_not() {
        let check = |when: Value, properties: Value, expect: bool| {
            let condition = read(&when).expect("a condition");
            assert_eq!(
                condition.holds(properties.as_object().expect("an object")),
                expect,
                "{when} of {properties}"
            );
            assert_eq!(read(&condition.to_json()).as_ref(), Ok(&condition), "{when}");
        };
        check(json!({"a": "x"}), json!({"a": "x"}), true);
        check(json!({"a": "x"}), json!({}), false);
        check(json!({"a": null}), json!({}), false);
        check(json!({"a": null}), json!({"a": null}), true);
        check(json!({"a": 1}), json!({"a": 1.0}), true);
        check(json!({"a": [1, {"b": 2}]}), json!({"a": [1.0, {"b": 2.0}]}), true);
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), false);
        check(json!({}), json!({"a": 1}), true);
        check(json!({"_and": [{"a": 1}, {"b": 2}]}), json!({"a": 1, "b": 2}), true);
        check(json!({"_or": [{"a": 1}, {"b": 2}]}), json!({"b": 2}), true);
        check(json!({"_or": [{"a": 1}, {"b": 2}]}), json!({"b": 3}), false);
        check(json!({"_not": {"a": 1}}), json!({}), true);
        check(json!({"_not": {"a": 1, "b": 2}}), json!({"a": 1}), true);
        check(
            json!({"p": "h", "_or": [{"s": "a"}, {"_not": {"u": true}}]}),
            json!({"p": "h", "u": true}),
            false,
        );
    }

    #[test]
    fn what_is_no_condition_is_named() {
        let check = |when: Value, expect: &[&str]| {
            let faults = read(&when).expect_err("no condition");
            assert_eq!(faults, expect, "{when}");
        };
        check(json!([]), &["when: must be a JSON object of conditions"]);
        check(
            json!({"_xor": [], "_and": {}, "_or": [], "_not": 1, "": 2}),
            &[
                "when.: is no name of a property: it must not be empty or blank",
                "when._and: must be a list of conditions",
                "when._not: must be a JSON object of conditions",
                "when._or: must have at least one condition",
                "when._xor: is no operator: known are _and, _or and _not; no property is tested whose name begins with _",
            ],
        );
        let deep = (0..9).fold(json!({"a": 1}), |inner, _| json!({"_not": inner}));
        assert_eq!(read(&deep).expect_err("too deep").len(), 1);
        let wide: Map<String, Value> = (0..65).map(|n| (format!("p{n}"), json!(1))).collect();
        assert_eq!(read(&Value::Object(wide)).expect_err("too wide").len(), 1);
    }
}
