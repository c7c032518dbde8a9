//! Query strings and path parameters: text, through the same specs as bodies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::notes::{Errors, Notes, Unknown};
use super::path::{Fault, FieldError, Path};
use super::{Decode, Description, Shape, describe};
use crate::problem::{Code, Problem};

/// A query string's parameters, each given once.
#[derive(Debug, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads `a=1&b=2`; also what is wrong with it as text (a repeated parameter, U+0000).
    ///
    /// # Errors
    /// 400 when it is not percent-encoded UTF-8.
    pub fn parse(raw: &str) -> Result<(Self, Errors), Problem> {
        let mut query = Self::default();
        let mut faults = Errors::default();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (unescape(name)?, unescape(value)?);
            let root = Path::Root("query");
            let at = Path::Key(&root, &name);
            if query.0.contains_key(&name) {
                faults.push(FieldError::new(&at, Fault::Repeated, "must be given once"));
                continue;
            }
            if name.contains('\0') || value.contains('\0') {
                faults.push(FieldError::new(&at, Fault::NulCharacter, "must not contain U+0000"));
            }
            query.0.insert(name, value);
        }
        Ok((query, faults))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn unescape(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let both = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                both.ok_or_else(malformed)?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

fn malformed() -> Problem {
    Problem::new(Code::BadRequest, "The query string is not percent-encoded UTF-8")
}

/// Reads one path parameter, such as an id.
///
/// # Errors
/// 422 naming `path.name`.
pub fn parameter<D: Decode>(name: &'static str, text: &str, spec: &D) -> Result<D::Out, Problem> {
    let root = Path::Root("path");
    let at = Path::Key(&root, name);
    let mut notes = Notes::new(Unknown::Refuse, Errors::default());
    let out = if text.contains('\0') {
        notes.wrong(&at, Fault::NulCharacter, "must not contain U+0000")
    } else {
        spec.decode_text(text, &at, &mut notes)
    };
    Ok(notes.finish(out, &at)?.value)
}

/// A shape as `OpenAPI` query parameters.
#[must_use]
pub fn parameters<T: Shape>() -> Vec<Value> {
    let Description { properties, required, one_of } = describe::<T>();
    let describe = |(name, mut schema): (String, Value)| {
        if let Some(Value::Array(kinds)) = schema.get("type")
            && let [kind, Value::Null | Value::String(_)] = kinds.as_slice()
        {
            // A query string has no null: absence is all there is.
            schema["type"] = kind.clone();
            if let Some(Value::Array(names)) = schema.get_mut("enum") {
                names.retain(|name| !name.is_null());
            }
        }
        let must = required.contains(&name.as_str());
        let mut told = json!({"name": name, "in": "query", "required": must, "schema": schema});
        if one_of.contains(&name.as_str()) {
            told["description"] = json!(format!("One of {} must be there.", one_of.join(", ")));
        }
        told
    };
    properties.into_iter().map(describe).collect()
}
