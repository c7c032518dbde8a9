//! Reads a predicate from JSON.
//!
//! An object is the conjunction of its members. A member is called by a field, and says what that has to be: a value (`eq`), a
//! list of values (`in`), or an object of operators, all of which have to hold; or it is `and` or `or` with a list of
//! predicates, or `not` with one.

use serde_json::{Map, Value};

use super::field::{CUSTOM, METADATA};
use super::{Comparison, Field, FieldKind, Operand, Predicate, Speech, Test, fields};
use crate::fields::{At, Fault, Notes, each, flag, time, unit};
use crate::limits;

/// The operators.
pub const OPERATORS: [&str; 10] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "exists"];

/// Which operators a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operators {
    /// Whether `gt`, `gte`, `lt` and `lte`.
    pub is_ordered: bool,
    /// Whether `contains`.
    pub holds_texts: bool,
}

impl Operators {
    /// Those that a field of this kind takes.
    #[must_use]
    pub const fn of(kind: FieldKind) -> Self {
        Self {
            is_ordered: matches!(kind, FieldKind::Unit | FieldKind::Time | FieldKind::Text | FieldKind::Any),
            holds_texts: matches!(kind, FieldKind::Text | FieldKind::Texts | FieldKind::Any),
        }
    }

    /// Whether it takes the operator of that name.
    #[must_use]
    pub fn take(self, name: &str) -> bool {
        match name {
            "gt" | "gte" | "lt" | "lte" => self.is_ordered,
            "contains" => self.holds_texts,
            name => OPERATORS.contains(&name),
        }
    }

    fn names(self) -> String {
        let names: Vec<&str> = OPERATORS.into_iter().filter(|name| self.take(name)).collect();
        names.join(", ")
    }
}

impl Predicate {
    /// What a request says in a dialect's words. It tests [`limits::PREDICATE_TESTS_MAX`] fields at most, against
    /// [`limits::PREDICATE_VALUES_MAX`] values, and nests [`limits::PREDICATE_DEPTH_MAX`] deep.
    pub fn read(value: &Value, at: &At<'_>, notes: &mut Notes, speech: Speech) -> Option<Self> {
        let mut reader = Reader { speech, tests: 0, values: 0 };
        let read = reader.tree(value, (at, 1), notes);
        let bounds = [
            (reader.tests, limits::PREDICATE_TESTS_MAX, "tests"),
            (reader.values, limits::PREDICATE_VALUES_MAX, "values in its lists"),
        ];
        for (count, max, what) in bounds {
            if count > max {
                return notes.wrong(at, Fault::TooLong, format!("must have at most {max} {what}"));
            }
        }
        read
    }
}

/// Where a tree stands, and how deep.
type Place<'a> = (&'a At<'a>, usize);

struct Reader {
    speech: Speech,
    tests: usize,
    values: usize,
}

impl Reader {
    fn tree(&mut self, value: &Value, (at, depth): Place<'_>, notes: &mut Notes) -> Option<Predicate> {
        let Value::Object(members) = value else {
            return notes.wrong(
                at,
                Fault::WrongType,
                "must be a JSON object of fields and what they have to be",
            );
        };
        if depth > limits::PREDICATE_DEPTH_MAX {
            let message = format!("must nest at most {} deep", limits::PREDICATE_DEPTH_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        let parts: Vec<Option<Predicate>> = members
            .iter()
            .map(|(name, value)| {
                let at = At::Key(at, name);
                match name.as_str() {
                    "and" => self.trees(value, (&at, depth), notes).map(Predicate::And),
                    "or" => self.trees(value, (&at, depth), notes).map(Predicate::Or),
                    "not" => Some(Predicate::Not(Box::new(self.tree(value, (&at, depth + 1), notes)?))),
                    name => self.field(name, value, &at, notes),
                }
            })
            .collect();
        parts.into_iter().collect::<Option<_>>().map(joined)
    }

    fn trees(&mut self, value: &Value, (at, depth): Place<'_>, notes: &mut Notes) -> Option<Vec<Predicate>> {
        let Value::Array(items) = value else { return notes.wrong(at, Fault::WrongType, "must be a list") };
        if items.is_empty() {
            return notes.wrong(at, Fault::TooShort, "must have at least 1 member");
        }
        // What is beyond this is too much whatever it says.
        if items.len() > limits::PREDICATE_TESTS_MAX {
            let message = format!("must have at most {} members", limits::PREDICATE_TESTS_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        let read: Vec<Option<Predicate>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.tree(item, (&At::Index(at, index), depth + 1), notes))
            .collect();
        read.into_iter().collect()
    }

    fn field(&mut self, name: &str, value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Predicate> {
        let Some((field, kind)) = Field::named(name, self.speech) else {
            return notes.wrong(at, Fault::UnknownField, self.no_such_field());
        };
        let test = |comparison| Predicate::Test(Test { field: field.clone(), comparison });
        match value {
            Value::Object(operators) => {
                let read = self.operators(operators, kind, at, notes)?;
                Some(joined(read.into_iter().map(test).collect()))
            }
            Value::Array(_) => self.comparison("in", value, kind, at, notes).map(test),
            value => self.comparison("eq", value, kind, at, notes).map(test),
        }
    }

    fn no_such_field(&self) -> String {
        let names: Vec<&str> = fields(self.speech).iter().map(|(name, ..)| *name).collect();
        format!(
            "is no field that can be tested: these are {}, {CUSTOM}<name> and {METADATA}<name>",
            names.join(", ")
        )
    }

    fn operators(
        &mut self,
        operators: &Map<String, Value>,
        kind: FieldKind,
        at: &At<'_>,
        notes: &mut Notes,
    ) -> Option<Vec<Comparison>> {
        if operators.is_empty() {
            return notes.wrong(at, Fault::TooShort, "must have at least 1 operator");
        }
        let taken = Operators::of(kind);
        let read: Vec<Option<Comparison>> = operators
            .iter()
            .map(|(name, value)| {
                let at = At::Key(at, name);
                if taken.take(name) {
                    return self.comparison(name, value, kind, &at, notes);
                }
                let known = OPERATORS.contains(&name.as_str());
                let (fault, what) = if known {
                    (Fault::NotAllowed, "is not for this field")
                } else {
                    (Fault::UnknownField, "is no operator")
                };
                notes.wrong(&at, fault, format!("{what}: use {}", taken.names()))
            })
            .collect();
        read.into_iter().collect()
    }

    fn comparison(
        &mut self,
        operator: &str,
        value: &Value,
        kind: FieldKind,
        at: &At<'_>,
        notes: &mut Notes,
    ) -> Option<Comparison> {
        self.tests += 1;
        match operator {
            "exists" => flag(value, at, notes).map(Comparison::Exists),
            "contains" => read_text(value, at, notes).and_then(|text| match text.is_empty() {
                true => notes.wrong(at, Fault::TooShort, "must not be empty"),
                false => Some(Comparison::Contains(text)),
            }),
            "in" => self.operands(value, kind, at, notes).map(Comparison::In),
            "nin" => self.operands(value, kind, at, notes).map(Comparison::Nin),
            "eq" => operand(value, kind, at, notes).map(Comparison::Eq),
            "ne" => operand(value, kind, at, notes).map(Comparison::Ne),
            ordered => {
                if value.is_boolean() && kind == FieldKind::Any {
                    return notes.wrong(at, Fault::WrongType, "must be a string or a number");
                }
                let operand = operand(value, kind, at, notes)?;
                Some(match ordered {
                    "gt" => Comparison::Gt(operand),
                    "gte" => Comparison::Gte(operand),
                    "lt" => Comparison::Lt(operand),
                    _ => Comparison::Lte(operand),
                })
            }
        }
    }

    fn operands(
        &mut self,
        value: &Value,
        kind: FieldKind,
        at: &At<'_>,
        notes: &mut Notes,
    ) -> Option<Vec<Operand>> {
        let Value::Array(items) = value else { return notes.wrong(at, Fault::WrongType, "must be a list") };
        if items.is_empty() {
            return notes.wrong(at, Fault::TooShort, "must have at least 1 member");
        }
        if items.len() > limits::PREDICATE_VALUES_MAX {
            let message = format!("must have at most {} members", limits::PREDICATE_VALUES_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        self.values += items.len();
        each(items, at, notes, |item, at, notes| operand(item, kind, at, notes))
    }
}

fn operand(value: &Value, kind: FieldKind, at: &At<'_>, notes: &mut Notes) -> Option<Operand> {
    match (kind, value) {
        (FieldKind::Names(names), Value::String(name)) => {
            let known = names.contains(&name.as_str()).then(|| Operand::Text(name.clone()));
            known.or_else(|| {
                notes.wrong(at, Fault::NotAllowed, format!("must be one of: {}", names.join(", ")))
            })
        }
        (FieldKind::Unit, Value::Number(number)) => {
            unit(value, at, notes).map(|_| Operand::Number(number.clone()))
        }
        (FieldKind::Unit, _) => notes.wrong(at, Fault::WrongType, "must be a number"),
        (FieldKind::Time, value) => time(value, at, notes).map(Operand::Time),
        (FieldKind::Any, Value::Bool(flag)) => Some(Operand::Flag(*flag)),
        (FieldKind::Any, Value::Number(number)) => Some(Operand::Number(number.clone())),
        (FieldKind::Any, Value::Null | Value::Array(_) | Value::Object(_)) => {
            let message = "must be a string, a number or a boolean; exists asks whether there is something";
            notes.wrong(at, Fault::WrongType, message)
        }
        _ => read_text(value, at, notes).map(Operand::Text),
    }
}

fn read_text(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    if text.chars().count() > limits::PREDICATE_TEXT_CHARS_MAX {
        let message = format!("must be at most {} characters", limits::PREDICATE_TEXT_CHARS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    Some(text.to_owned())
}

/// All of these; one alone is itself.
fn joined(mut parts: Vec<Predicate>) -> Predicate {
    match parts.len() {
        1 => parts.remove(0),
        _ => Predicate::And(parts),
    }
}
