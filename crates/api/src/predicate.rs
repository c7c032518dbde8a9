//! A predicate over memories in a request: read by the domain, and described here.

use memoryscope_domain::fields::{At, Notes as Read};
use memoryscope_domain::limits;
use memoryscope_domain::predicate::{FieldKind, OPERATORS, Operators, Predicate, Speech, fields};
use serde_json::{Map, Value, json};

use crate::openapi::schema;
use crate::wire::{Decode, FieldError, Notes, Path};

/// What fields are called that have no name of their own.
const OWN_FIELD: &str = r"(metadata\.)?customMetadata\.[A-Za-z0-9_.-]{1,64}|metadata\.[A-Za-z0-9_.-]{1,64}";

/// A predicate in a dialect's words.
#[derive(Debug, Clone, Copy)]
pub struct InWords(pub Speech);

impl Decode for InWords {
    type Out = Predicate;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Predicate> {
        let mut read = Read::lenient();
        let root = At::Root("where");
        let predicate = Predicate::read(value, &root, &mut read, self.0);
        for fault in read.faults() {
            let FieldError { loc, message, fault } = fault.into();
            let steps = at.steps().into_iter().chain(loc.into_iter().skip(1)).collect();
            notes.push(FieldError { loc: steps, message, fault });
        }
        predicate.filter(|_| read.faults().is_empty())
    }

    fn schema(&self) -> Value {
        schema(self.0)
    }
}

/// The schema of a predicate in a dialect's words. It refers to itself.
#[must_use]
pub fn schema(speech: Speech) -> Value {
    let title = match speech {
        Speech::Items => "ItemPredicate",
        Speech::Core => "MemoryPredicate",
    };
    let this = schema::reference("schemas", title);
    let trees =
        json!({"type": "array", "minItems": 1, "maxItems": limits::PREDICATE_TESTS_MAX, "items": this});
    let mut properties = Map::from_iter([
        ("and".to_owned(), trees.clone()),
        ("or".to_owned(), trees),
        ("not".to_owned(), this),
    ]);
    let named = fields(speech).into_iter().map(|(name, _, kind)| (name.to_owned(), tested(kind)));
    properties.extend(named);
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    let names = format!("^({}|{OWN_FIELD})$", names.join("|"));
    json!({
        "type": "object", "title": title,
        "description": format!(
            "What has to hold: every member. A field says what it has to be: a value, a list of values, or an object of \
             operators. What a memory does not have, or is not shown, never matches, not even where it is negated; exists \
             asks whether there is something. At most {} tests and {} values in lists, {} deep.",
            limits::PREDICATE_TESTS_MAX, limits::PREDICATE_VALUES_MAX, limits::PREDICATE_DEPTH_MAX,
        ),
        "properties": properties,
        "propertyNames": {"pattern": names},
        "additionalProperties": tested(FieldKind::Any),
    })
}

/// What a field of that kind can be asked.
fn tested(kind: FieldKind) -> Value {
    let text = || json!({"type": "string", "maxLength": limits::PREDICATE_TEXT_CHARS_MAX});
    let value = match kind {
        FieldKind::Names(names) => json!({"type": "string", "enum": names}),
        FieldKind::Unit => json!({"type": "number", "minimum": 0, "maximum": 1}),
        FieldKind::Time => json!({"type": "string", "format": "date-time"}),
        FieldKind::Text | FieldKind::Texts => text(),
        FieldKind::Any => {
            let mut any = text();
            any["type"] = json!(["string", "number", "boolean"]);
            any
        }
    };
    let ordered = match kind {
        FieldKind::Any => {
            let mut ordered = text();
            ordered["type"] = json!(["string", "number"]);
            ordered
        }
        _ => value.clone(),
    };
    let values =
        json!({"type": "array", "minItems": 1, "maxItems": limits::PREDICATE_VALUES_MAX, "items": value});
    let mut held = text();
    held["minLength"] = json!(1);
    let operators = Operators::of(kind);
    let taken = OPERATORS.into_iter().filter(|name| operators.take(name)).map(|name| {
        let schema = match name {
            "in" | "nin" => values.clone(),
            "gt" | "gte" | "lt" | "lte" => ordered.clone(),
            "contains" => held.clone(),
            "exists" => json!({"type": "boolean"}),
            _ => value.clone(),
        };
        (name.to_owned(), schema)
    });
    let mut operators = json!({
        "type": "object", "minProperties": 1, "additionalProperties": false,
        "properties": taken.collect::<Map<String, Value>>(),
    });
    // What many fields have in common is told once.
    let title = match kind {
        FieldKind::Names(_) => None,
        FieldKind::Unit => Some("UnitTest"),
        FieldKind::Time => Some("TimeTest"),
        FieldKind::Text => Some("TextTest"),
        FieldKind::Texts => Some("TextsTest"),
        FieldKind::Any => Some("ValueTest"),
    };
    if let Some(title) = title {
        operators["title"] = json!(title);
    }
    json!({"anyOf": [value, values, operators]})
}
