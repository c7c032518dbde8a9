//! Numbers and booleans: no one is taken for another, and no text for either.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::path::{Fault, Path};
use super::{Decode, Notes};

/// A whole number within bounds. `true`, `1.0` and `"1"` are none.
#[must_use]
pub fn whole(range: RangeInclusive<i64>) -> Whole {
    Whole { range }
}

/// See [`whole`].
#[derive(Debug, Clone)]
pub struct Whole {
    range: RangeInclusive<i64>,
}

impl Whole {
    fn out_of_range(&self) -> String {
        match (*self.range.start(), *self.range.end()) {
            (i64::MIN, i64::MAX) => "is out of range".to_owned(),
            (low, i64::MAX) => format!("must be at least {low}"),
            (i64::MIN, high) => format!("must be at most {high}"),
            (low, high) => format!("must be between {low} and {high}"),
        }
    }
}

impl Decode for Whole {
    type Out = i64;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<i64> {
        match value.as_i64() {
            Some(number) if self.range.contains(&number) => Some(number),
            None if !value.is_u64() => notes.wrong(at, Fault::WrongType, "must be a whole number"),
            _ => notes.wrong(at, Fault::OutOfRange, self.out_of_range()),
        }
    }

    fn decode_text(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<i64> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return notes.wrong(at, Fault::WrongType, "must be a whole number");
        }
        match text.parse::<i64>() {
            Ok(number) if self.range.contains(&number) => Some(number),
            _ => notes.wrong(at, Fault::OutOfRange, self.out_of_range()),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "integer"});
        if *self.range.start() != i64::MIN {
            schema["minimum"] = json!(self.range.start());
        }
        if *self.range.end() != i64::MAX {
            schema["maximum"] = json!(self.range.end());
        }
        schema
    }
}

/// A number within bounds, whole or not.
#[must_use]
pub fn number(range: RangeInclusive<f64>) -> Number {
    Number { range }
}

/// See [`number`].
#[derive(Debug, Clone)]
pub struct Number {
    range: RangeInclusive<f64>,
}

impl Decode for Number {
    type Out = f64;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<f64> {
        match value.as_f64() {
            Some(number) if self.range.contains(&number) => Some(number),
            None => notes.wrong(at, Fault::WrongType, "must be a number"),
            Some(_) => {
                let message = format!("must be between {} and {}", self.range.start(), self.range.end());
                notes.wrong(at, Fault::OutOfRange, message)
            }
        }
    }

    fn decode_text(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<f64> {
        match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => self.decode(&Value::Number(number), at, notes),
            Err(_) => notes.wrong(at, Fault::WrongType, "must be a number"),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "number"});
        if self.range.start().is_finite() {
            schema["minimum"] = json!(self.range.start());
        }
        if self.range.end().is_finite() {
            schema["maximum"] = json!(self.range.end());
        }
        schema
    }
}

/// `true` or `false`, and no number or text.
#[must_use]
pub fn boolean() -> impl Decode<Out = bool> {
    Boolean
}

struct Boolean;

impl Decode for Boolean {
    type Out = bool;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<bool> {
        value.as_bool().or_else(|| notes.wrong(at, Fault::WrongType, "must be true or false"))
    }

    fn decode_text(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<bool> {
        text.parse().ok().or_else(|| notes.wrong(at, Fault::WrongType, "must be true or false"))
    }

    fn schema(&self) -> Value {
        json!({"type": "boolean"})
    }
}
