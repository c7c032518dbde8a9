//! A small decoder that finds *all* that is wrong with a request, and describes what it takes.
//!
//! A request is a [`Shape`]: one function that asks [`Fields`] for each field with a spec that says what the
//! field may hold. Run on a request, the function decodes it; run on nothing, it yields the JSON schema.
//! So ask for all fields first, and use `?` only when building the result:
//!
//! ```
//! use memoryscope_api::wire::{self, Fields, Shape, Unknown, string, whole};
//!
//! struct Create { domain: Option<String>, ttl_days: i64 }
//!
//! impl Shape for Create {
//!     const NAME: &'static str = "Create";
//!     fn read(f: &mut Fields<'_>) -> Option<Self> {
//!         let domain = f.optional("domain", string().trimmed().chars(0..=500));
//!         let ttl_days = f.required("ttl_days", whole(1..=365));
//!         Some(Self { domain, ttl_days: ttl_days? })
//!     }
//! }
//!
//! let sent = serde_json::json!({"ttl_days": 7});
//! assert_eq!(wire::decode_value::<Create>(&sent, Unknown::Refuse).unwrap().value.ttl_days, 7);
//! assert_eq!(wire::schema::<Create>(Unknown::Refuse)["required"][0], "ttl_days");
//! ```

mod notes;
mod numbers;
mod of_domain;
mod path;
mod query;
mod specs;
mod text;

use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

pub use notes::{Deprecated, Errors, Notes, Unknown};
pub use numbers::{Number, Whole, boolean, number, whole};
pub use path::{Fault, FieldError, Path, Step, field_text};
pub use query::{Query, parameter, parameters};
pub use specs::{Parsed, any, each, json_bytes, list_of, map_of, object, object_of_any, object_or_array};
pub use text::{DOMAIN_PATTERN, Text, USER_ID_PATTERN, choice, one_of, string, time};

use crate::json::Document;
use crate::problem::Problem;

/// How far a field's name may be from a known one to be taken for a slip.
const SLIP_DISTANCE_MAX: usize = 3;

/// What one value may be: it reads it, and describes it.
pub trait Decode {
    /// What it is read into.
    type Out;

    /// Reads a JSON value; says in `notes` what is wrong with it.
    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out>;

    /// Reads a query or path parameter.
    fn decode_text(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        self.decode(&Value::from(text), at, notes)
    }

    /// The JSON schema (2020-12) of what is taken.
    fn schema(&self) -> Value;

    /// Reads what this yields further: into an identifier, a time, a name. The error's text is shown, and must
    /// not repeat the value.
    fn parsed<T, E, F>(self, read: F) -> Parsed<Self, F>
    where
        Self: Sized,
        E: std::fmt::Display,
        F: Fn(&Self::Out) -> Result<T, E>,
    {
        Parsed::new(self, read)
    }
}

/// An object of a request: one function that both decodes and describes it.
pub trait Shape: Sized {
    /// Its name in the `OpenAPI` document.
    const NAME: &'static str;

    /// Asks for every field, then builds the result. `None` once something is wrong, or when only described.
    fn read(f: &mut Fields<'_>) -> Option<Self>;
}

/// What was read, and what the answer's `warnings[]` should say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// The request.
    pub value: T,
    /// Fields that the route does not know, where it accepts such: `body.memories[3].colour`.
    pub unknown: Vec<String>,
    /// Deprecated fields that were sent.
    pub deprecated: Vec<Deprecated>,
}

impl<T> Read<T> {
    /// The answer's `warnings[]`.
    #[must_use]
    pub fn warnings(&self) -> Vec<Value> {
        let unknown =
            self.unknown.iter().map(|field| json!({"field": field, "message": "is not known here"}));
        unknown.chain(self.deprecated.iter().map(Deprecated::warning)).collect()
    }
}

/// Where the fields come from.
#[derive(Debug)]
enum Source<'a> {
    Object(&'a Map<String, Value>),
    Query(&'a Query),
    Describe(Description),
}

/// What a shape's function says of it.
#[derive(Debug, Default)]
struct Description {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
    /// Of these fields, one must be there.
    one_of: Vec<&'static str>,
}

/// The fields of one object or query string, asked for one by one.
#[derive(Debug)]
pub struct Fields<'a> {
    source: Source<'a>,
    at: Path<'a>,
    notes: &'a mut Notes,
    known: Vec<&'static str>,
}

#[expect(clippy::needless_pass_by_value, reason = "specs are built where they are asked with")]
impl Fields<'_> {
    /// A field that must be there.
    pub fn required<D: Decode>(&mut self, name: &'static str, spec: D) -> Option<D::Out> {
        if let Source::Describe(told) = &mut self.source {
            told.required.push(name);
        }
        let out = self.ask(name, &spec, false);
        if out.is_none() && !self.sent(name) {
            self.refuse(name, Fault::Missing, "is required");
        }
        out
    }

    /// A field that may be absent or null.
    pub fn optional<D: Decode>(&mut self, name: &'static str, spec: D) -> Option<D::Out> {
        self.ask(name, &spec, true)
    }

    /// A field that is `default` when absent or null.
    pub fn or<D: Decode>(&mut self, name: &'static str, spec: D, default: D::Out) -> Option<D::Out>
    where
        D::Out: Clone + Into<Value>,
    {
        let absent = !self.sends(name);
        let out = self.ask(name, &spec, true);
        if let Source::Describe(told) = &mut self.source {
            told.properties[name]["default"] = default.clone().into();
        }
        if absent { Some(default) } else { out }
    }

    /// A field that is `default` when absent or null, where the value it is read into is shown as `shown`.
    pub fn or_shown<D: Decode>(
        &mut self,
        name: &'static str,
        spec: D,
        default: D::Out,
        shown: impl Into<Value>,
    ) -> Option<D::Out> {
        let absent = !self.sends(name);
        let out = self.ask(name, &spec, true);
        if let Source::Describe(told) = &mut self.source {
            told.properties[name]["default"] = shown.into();
        }
        if absent { Some(default) } else { out }
    }

    /// A field that answers have and requests may not: `message` says why. It stands in no schema.
    pub fn barred(&mut self, name: &'static str, message: &'static str) {
        self.known.push(name);
        if !self.describing() && self.sends(name) {
            self.refuse(name, Fault::NotAllowed, message);
        }
    }

    /// When the request came in, where its shape is one that asks: see [`decode_at`].
    #[must_use]
    pub const fn now(&self) -> Option<Timestamp> {
        self.notes.now()
    }

    /// A field where absent and null differ: `Some(None)` is null, `None` is absent (or wrong).
    pub fn nullable<D: Decode>(&mut self, name: &'static str, spec: D) -> Option<Option<D::Out>> {
        if self.is_null(name) {
            self.known.push(name);
            return Some(None);
        }
        self.ask(name, &spec, true).map(Some)
    }

    /// An optional field of former times; `successor` is what to send now.
    pub fn deprecated<D: Decode>(
        &mut self,
        name: &'static str,
        successor: &'static str,
        spec: D,
    ) -> Option<D::Out> {
        let out = self.ask(name, &spec, true);
        if let Source::Describe(told) = &mut self.source {
            told.properties[name]["deprecated"] = json!(true);
        } else if self.sent(name) {
            self.notes.deprecated(&Path::Key(&self.at, name), name, successor);
        }
        out
    }

    /// One of these fields must be there, and not null. The first is named where none is.
    pub fn one_needed(&mut self, names: &'static [&'static str]) {
        let there = names.iter().any(|name| self.sends(name));
        if let Source::Describe(told) = &mut self.source {
            told.one_of = names.to_vec();
        } else if let (false, Some(first)) = (there, names.first()) {
            self.refuse(first, Fault::Missing, "is required");
        }
    }

    /// Says that a field is wrong for a reason that only the whole object shows.
    pub fn refuse(&mut self, name: &str, fault: Fault, message: impl Into<std::borrow::Cow<'static, str>>) {
        if !self.describing() {
            self.notes.push(FieldError::new(&Path::Key(&self.at, name), fault, message));
        }
    }

    /// The same of a field further down, unless something is wrong there already: a fault between fields is told of
    /// fields that could be read.
    pub fn refuse_between(
        &mut self,
        below: &[Step],
        fault: Fault,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        if !self.describing() {
            let mut error = FieldError::new(&self.at, fault, message);
            error.loc.extend_from_slice(below);
            self.notes.push_between(error);
        }
    }

    /// Whether a field was sent, null included.
    #[must_use]
    pub fn sent(&self, name: &str) -> bool {
        match &self.source {
            Source::Object(map) => map.contains_key(name),
            Source::Query(query) => query.get(name).is_some(),
            Source::Describe(..) => true,
        }
    }

    /// Whether a field was sent, and not as null.
    #[must_use]
    pub fn sends(&self, name: &str) -> bool {
        self.sent(name) && !self.is_null(name)
    }

    /// Whether the schema is asked for, and not a request read.
    #[must_use]
    pub fn describing(&self) -> bool {
        matches!(self.source, Source::Describe(..))
    }

    fn is_null(&self, name: &str) -> bool {
        matches!(&self.source, Source::Object(map) if map.get(name).is_some_and(Value::is_null))
    }

    fn ask<D: Decode>(&mut self, name: &'static str, spec: &D, null_is_absent: bool) -> Option<D::Out> {
        self.known.push(name);
        let at = Path::Key(&self.at, name);
        match &mut self.source {
            Source::Object(map) => match map.get(name)? {
                Value::Null if null_is_absent => None,
                value => spec.decode(value, &at, self.notes),
            },
            Source::Query(query) => spec.decode_text(query.get(name)?, &at, self.notes),
            Source::Describe(told) => {
                let schema = spec.schema();
                told.properties
                    .insert(name.to_owned(), if null_is_absent { or_null(schema) } else { schema });
                None
            }
        }
    }

    /// What was sent and never asked for.
    fn close(&mut self) {
        let unknown: Vec<&str> = match &self.source {
            Source::Object(map) => map.keys().map(String::as_str).collect(),
            Source::Query(query) => query.names().collect(),
            Source::Describe(..) => Vec::new(),
        };
        for name in unknown.into_iter().filter(|name| !self.known.contains(name)) {
            let nearest = self.known.iter().map(|known| (strsim::levenshtein(known, name), known)).min();
            let slip =
                nearest.filter(|(distance, known)| *distance <= SLIP_DISTANCE_MAX.min(known.len() / 2));
            self.notes.unknown(&Path::Key(&self.at, name), slip.map(|(_, known)| *known));
        }
    }
}

/// A schema that also takes null. Enumerations list it.
fn or_null(mut schema: Value) -> Value {
    let kinds = match schema.get("type").cloned() {
        Some(kind @ Value::String(_)) => vec![kind, json!("null")],
        Some(Value::Array(kinds)) => kinds.into_iter().chain([json!("null")]).collect(),
        _ => return schema,
    };
    schema["type"] = json!(kinds);
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
    schema
}

/// Reads one object at a place.
pub(crate) fn read_object<T: Shape>(value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<T> {
    let Value::Object(map) = value else {
        notes.push(FieldError::new(at, Fault::WrongType, "must be a JSON object"));
        return None;
    };
    read_fields(Source::Object(map), *at, notes)
}

fn read_fields<T: Shape>(source: Source<'_>, at: Path<'_>, notes: &mut Notes) -> Option<T> {
    let mut fields = Fields { source, at, notes, known: Vec::new() };
    let out = T::read(&mut fields);
    fields.close();
    out
}

/// Reads a whole body.
///
/// # Errors
/// 422 with every wrong field.
pub fn decode<T: Shape>(document: &Document, unknown: Unknown) -> Result<Read<T>, Problem> {
    let mut notes = Notes::new(unknown, document.faults().clone());
    let out = read_object(document.value(), &Path::Root("body"), &mut notes);
    Ok(notes.finish(out, &Path::Root("body"))?)
}

/// Reads a whole body of a shape that asks for the time: for what may not lie in the future.
///
/// # Errors
/// 422 with every wrong field.
pub fn decode_at<T: Shape>(
    document: &Document,
    unknown: Unknown,
    now: Timestamp,
) -> Result<Read<T>, Problem> {
    let mut notes = Notes::new(unknown, document.faults().clone()).at(now);
    let out = read_object(document.value(), &Path::Root("body"), &mut notes);
    Ok(notes.finish(out, &Path::Root("body"))?)
}

/// Reads a value that no request brought, as if it were a body.
///
/// # Errors
/// 422 with every wrong field.
pub fn decode_value<T: Shape>(value: &Value, unknown: Unknown) -> Result<Read<T>, Problem> {
    let mut notes = Notes::new(unknown, Errors::default());
    let out = read_object(value, &Path::Root("body"), &mut notes);
    Ok(notes.finish(out, &Path::Root("body"))?)
}

/// Reads a query string.
///
/// # Errors
/// 400 when it is not percent-encoded UTF-8, 422 with every wrong parameter.
pub fn decode_query<T: Shape>(raw: Option<&str>, unknown: Unknown) -> Result<Read<T>, Problem> {
    let (query, faults) = Query::parse(raw.unwrap_or_default())?;
    let mut notes = Notes::new(unknown, faults);
    let out = read_fields(Source::Query(&query), Path::Root("query"), &mut notes);
    Ok(notes.finish(out, &Path::Root("query"))?)
}

/// The JSON schema of a shape; with [`Unknown::Refuse`], its objects take no other members.
#[must_use]
pub fn schema<T: Shape>(unknown: Unknown) -> Value {
    let mut schema = object_schema::<T>();
    if unknown == Unknown::Refuse {
        close_objects(&mut schema);
    }
    schema
}

pub(crate) fn object_schema<T: Shape>() -> Value {
    let Description { properties, required, one_of } = describe::<T>();
    let mut schema = json!({"type": "object", "title": T::NAME, "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !one_of.is_empty() {
        let there = |name: &&str| json!({"required": [name], "properties": {*name: {"type": "string"}}});
        schema["anyOf"] = one_of.iter().map(there).collect();
    }
    schema
}

/// What a shape's function says of it when it is given nothing.
fn describe<T: Shape>() -> Description {
    let mut notes = Notes::new(Unknown::Accept, Errors::default());
    let source = Source::Describe(Description::default());
    let mut fields = Fields { source, at: Path::Root("body"), notes: &mut notes, known: Vec::new() };
    drop(T::read(&mut fields));
    match fields.source {
        Source::Describe(told) => told,
        Source::Object(_) | Source::Query(_) => Description::default(),
    }
}

/// Bars other members from every object whose members are listed.
fn close_objects(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close_objects);
            if map.contains_key("properties") && map.contains_key("title") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close_objects),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
