//! What a property may be: its type and its bounds; and what becomes of a value that is something else.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, any_case, each, flag, integer, line, number, prose};
use crate::limits;
use crate::time::Timestamp;

closed_list!(
    /// What sort of value a property has.
    PropertyType {
        /// A text.
        String "string",
        /// A whole number of 64 bits.
        Integer "integer",
        /// A number.
        Float "float",
        /// True or false.
        Boolean "boolean",
        /// A list.
        Array "array",
        /// A time in RFC 3339.
        Datetime "datetime",
        /// An object.
        Object "object",
    }
);

/// A number's lowest or highest value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bound(Number);

impl Bound {
    fn as_f64(&self) -> f64 {
        // JSON numbers are finite here.
        self.0.as_f64().unwrap_or_default()
    }
}

/// What one property of a type may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// What sort of value.
    #[serde(rename = "type")]
    pub property_type: PropertyType,
    /// Whether a node must have it, where there is no default.
    #[serde(default)]
    pub required: bool,
    /// What it is where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values that a text, or each member of a list, may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enum_values: Option<Vec<String>>,
    /// The fewest characters of a text, or members of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// The most characters of a text, or members of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// The lowest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Bound>,
    /// The highest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Bound>,
    /// A regular expression that a text must match somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Why a value is none for a property; it says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Misfit {
    /// What is wrong, for people; it never repeats the value.
    pub message: String,
    /// What is wrong, for programs.
    pub fault: Fault,
}

fn misfit<T>(fault: Fault, message: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { message: message.into(), fault })
}

impl Property {
    /// A property of a type, with no bounds.
    #[must_use]
    pub const fn of(property_type: PropertyType) -> Self {
        Self {
            property_type,
            required: false,
            default: None,
            description: None,
            enum_values: None,
            min_length: None,
            max_length: None,
            min_value: None,
            max_value: None,
            pattern: None,
        }
    }

    /// Takes a value as a caller gives it; a whole number may be written with a point.
    ///
    /// # Errors
    /// When it is of another type, or out of bounds.
    pub fn check(&self, value: &Value) -> Result<Value, Misfit> {
        let value = match (self.property_type, value) {
            (PropertyType::String, Value::String(text)) => self.check_text(text).map(|()| value.clone())?,
            (PropertyType::Datetime, Value::String(text)) => match Timestamp::parse(text) {
                Ok(_) => value.clone(),
                Err(error) => return misfit(Fault::Invalid, error.to_string()),
            },
            (PropertyType::Integer, Value::Number(number)) => match whole(number) {
                Some(whole) => self.check_number(&whole).map(|()| Value::Number(whole))?,
                None => return misfit(Fault::WrongType, "must be a whole number"),
            },
            (PropertyType::Float, Value::Number(number)) => {
                self.check_number(number).map(|()| value.clone())?
            }
            (PropertyType::Array, Value::Array(items)) => self.check_list(items).map(|()| value.clone())?,
            (PropertyType::Boolean, Value::Bool(_)) | (PropertyType::Object, Value::Object(_)) => {
                value.clone()
            }
            _ => return misfit(Fault::WrongType, format!("must be {}", self.property_type.phrase())),
        };
        Ok(value)
    }

    /// Takes a value as an extractor finds it, and makes of it what the property asks for, where that can only mean one
    /// thing: `"42"` is 42, `"yes"` is true, `"HIGH"` is `high` of an enumeration.
    ///
    /// # Errors
    /// When it cannot be made to fit.
    pub fn coerce(&self, value: &Value) -> Result<Value, Misfit> {
        match self.converted(value) {
            Some(converted) => self.check(&converted),
            None => self.check(value),
        }
    }

    fn converted(&self, value: &Value) -> Option<Value> {
        match (self.property_type, value) {
            (PropertyType::String, Value::String(text)) => self.listed(text).map(Value::from),
            (PropertyType::String, Value::Number(_) | Value::Bool(_)) => {
                let text = value.to_string();
                Some(self.listed(&text).unwrap_or(text).into())
            }
            (PropertyType::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
            (PropertyType::Float, Value::String(text)) => finite(text).map(Value::Number),
            (PropertyType::Boolean, Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" => Some(true.into()),
                "false" | "no" => Some(false.into()),
                _ => None,
            },
            (PropertyType::Datetime, Value::String(text)) => {
                let text = text.trim();
                let time = Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}T00:00:00")));
                time.ok().map(|time| time.to_string().into())
            }
            (PropertyType::Array, Value::Array(items)) => {
                let listed = |item: &Value| match item.as_str().and_then(|text| self.listed(text)) {
                    Some(text) => text.into(),
                    None => item.clone(),
                };
                Some(items.iter().map(listed).collect())
            }
            (PropertyType::Array, Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
                self.converted(&Value::Array(vec![value.clone()]))
            }
            _ => None,
        }
    }

    /// The value of the enumeration that a text is, but for case and white space around it.
    fn listed(&self, text: &str) -> Option<String> {
        let lower = crate::preference::lower(text.trim());
        let values = self.enum_values.as_ref()?;
        values.iter().find(|value| crate::preference::lower(value) == lower).cloned()
    }

    fn check_text(&self, text: &str) -> Result<(), Misfit> {
        self.check_length(text.chars().count(), "characters")?;
        self.check_listed(text)?;
        match self.pattern.as_deref().map(compile) {
            Some(Ok(pattern)) if !pattern.is_match(text) => {
                misfit(Fault::Invalid, "must match the schema's pattern")
            }
            _ => Ok(()),
        }
    }

    fn check_listed(&self, text: &str) -> Result<(), Misfit> {
        match &self.enum_values {
            Some(values) if !values.iter().any(|value| value == text) => {
                misfit(Fault::NotAllowed, format!("must be one of: {}", values.join(", ")))
            }
            _ => Ok(()),
        }
    }

    fn check_length(&self, length: usize, unit: &str) -> Result<(), Misfit> {
        let length = length as u64;
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            return misfit(Fault::TooShort, format!("must have at least {min} {unit}"));
        }
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            return misfit(Fault::TooLong, format!("must have at most {max} {unit}"));
        }
        Ok(())
    }

    fn check_list(&self, items: &[Value]) -> Result<(), Misfit> {
        self.check_length(items.len(), "members")?;
        for item in items.iter().filter(|_| self.enum_values.is_some()) {
            match item.as_str() {
                Some(text) => self.check_listed(text)?,
                None => return misfit(Fault::WrongType, "must be a list of strings"),
            }
        }
        Ok(())
    }

    fn check_number(&self, number: &Number) -> Result<(), Misfit> {
        let value = number.as_f64().unwrap_or_default();
        if let Some(min) = self.min_value.as_ref().filter(|min| value < min.as_f64()) {
            return misfit(Fault::OutOfRange, format!("must be at least {}", min.0));
        }
        if let Some(max) = self.max_value.as_ref().filter(|max| value > max.as_f64()) {
            return misfit(Fault::OutOfRange, format!("must be at most {}", max.0));
        }
        Ok(())
    }

    /// The property as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("type".to_owned(), self.property_type.name().into());
        json.insert("required".to_owned(), self.required.into());
        let mut some = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.to_owned(), value);
            }
        };
        some("default", self.default.clone());
        some("description", self.description.as_deref().map(Value::from));
        some("enum_values", self.enum_values.as_ref().map(|values| values.iter().cloned().collect()));
        some("min_length", self.min_length.map(Value::from));
        some("max_length", self.max_length.map(Value::from));
        some("min_value", self.min_value.as_ref().map(|bound| Value::Number(bound.0.clone())));
        some("max_value", self.max_value.as_ref().map(|bound| Value::Number(bound.0.clone())));
        some("pattern", self.pattern.as_deref().map(Value::from));
        Value::Object(json)
    }
}

impl PropertyType {
    const fn phrase(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Boolean => "true or false",
            Self::Array => "a list",
            Self::Datetime => "an RFC 3339 time such as 2026-01-31T12:00:00Z",
            Self::Object => "an object",
        }
    }

    const fn has_length(self) -> bool {
        matches!(self, Self::String | Self::Array)
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

/// The whole number that a number is, if it is one that 64 bits hold.
fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let value = number.as_f64()?;
    // Beyond 2^53 a double does not say which whole number was meant.
    let is_exact = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    is_exact.then(|| Number::from(value as i64))
}

fn finite(text: &str) -> Option<Number> {
    let text = text.trim();
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|_| is_plain).and_then(Number::from_f64)
}

fn compile(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(limits::PATTERN_BYTES_MAX).build()
}

impl Property {
    /// Reads a property of a schema.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let from_name = PropertyType::from_name;
        let property_type = members.required("type", notes, any_case(PropertyType::NAMES, from_name));
        let required = members.optional("required", notes, flag);
        let default = members.optional("default", notes, |value, _, _| Some(value.clone()));
        let description = members.optional("description", notes, prose(limits::SCHEMA_DESCRIPTION_CHARS_MAX));
        let enum_values = members.optional("enum_values", notes, read_enum);
        let min_length = members.optional("min_length", notes, read_length);
        let max_length = members.optional("max_length", notes, read_length);
        let min_value = members.optional("min_value", notes, read_bound);
        let max_value = members.optional("max_value", notes, read_bound);
        let pattern = members.optional("pattern", notes, read_pattern);
        let property = Self {
            property_type: property_type?,
            required: required.unwrap_or(false),
            default: None,
            description,
            enum_values,
            min_length,
            max_length,
            min_value,
            max_value,
            pattern,
        };
        property.refuse_contradictions(&members, notes);
        let default = default.and_then(|default| match property.check(&default) {
            Ok(default) => Some(default),
            Err(misfit) => notes.wrong(&members.place("default"), misfit.fault, misfit.message),
        });
        members.close(Unknown::Refuse, notes);
        Some(Self { default, ..property })
    }

    fn refuse_contradictions(&self, members: &Members<'_>, notes: &mut Notes) {
        let kind = self.property_type;
        let rules = [
            ("enum_values", kind.has_length(), "is for strings and arrays"),
            ("pattern", kind == PropertyType::String, "is for strings"),
            ("min_length", kind.has_length(), "is for strings and arrays"),
            ("max_length", kind.has_length(), "is for strings and arrays"),
            ("min_value", kind.is_number(), "is for integers and floats"),
            ("max_value", kind.is_number(), "is for integers and floats"),
        ];
        for (field, fits, message) in rules {
            if !fits && members.sends(field) {
                notes.wrong::<()>(&members.place(field), Fault::NotAllowed, message);
            }
        }
        if matches!((self.min_length, self.max_length), (Some(min), Some(max)) if min > max) {
            let message = "must not be less than min_length";
            notes.wrong::<()>(&members.place("max_length"), Fault::OutOfRange, message);
        }
        if matches!((&self.min_value, &self.max_value), (Some(min), Some(max)) if min.as_f64() > max.as_f64())
        {
            let message = "must not be less than min_value";
            notes.wrong::<()>(&members.place("max_value"), Fault::OutOfRange, message);
        }
    }
}

fn read_length(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<u64> {
    let length = integer(0, limits::NODE_PROPERTIES_BYTES_MAX as i64)(value, at, notes)?;
    u64::try_from(length).ok()
}

fn read_bound(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Bound> {
    number(value, at, notes)?;
    value.as_number().cloned().map(Bound)
}

fn read_enum(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Vec<String>> {
    let Value::Array(items) = value else { return notes.wrong(at, Fault::WrongType, "must be a list") };
    if items.is_empty() || items.len() > limits::ENUM_VALUES_MAX {
        let fault = if items.is_empty() { Fault::TooShort } else { Fault::TooLong };
        return notes.wrong(at, fault, format!("must have 1 to {} values", limits::ENUM_VALUES_MAX));
    }
    let values = each(items, at, notes, line(limits::ENUM_VALUE_CHARS_MAX))?;
    for (index, value) in values.iter().enumerate() {
        if values.iter().take(index).any(|earlier| earlier == value) {
            return notes.wrong(&At::Index(at, index), Fault::NotAllowed, "is there twice");
        }
    }
    Some(values)
}

fn read_pattern(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let Some(pattern) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    if pattern.chars().count() > limits::PATTERN_CHARS_MAX {
        let message = format!("must be at most {} characters", limits::PATTERN_CHARS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    match compile(pattern) {
        Ok(_) => Some(pattern.to_owned()),
        // What the library says repeats parts of the pattern only as positions and names.
        Err(error) => {
            let message =
                format!("must be a regular expression without look-around and back-references: {error}");
            notes.wrong(at, Fault::Invalid, message)
        }
    }
}
