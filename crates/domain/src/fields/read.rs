//! Readers of the common kinds of values.

use serde_json::{Map, Value};

use super::{At, Fault, Notes};
use crate::object::Unit;
use crate::time::Timestamp;

/// A text as it is: at most that many bytes. The caller checks what it may hold.
pub(crate) fn text(bytes_max: usize) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<String> {
    move |value, at, notes| match value.as_str() {
        Some(text) if text.len() <= bytes_max => Some(text.to_owned()),
        Some(_) => notes.wrong(at, Fault::TooLong, format!("must be at most {bytes_max} bytes")),
        None => notes.wrong(at, Fault::WrongType, "must be a string"),
    }
}

/// A name on one line: trimmed, not blank, no control characters, at most that many characters.
pub(crate) fn line(chars_max: usize) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<String> {
    move |value, at, notes| {
        let trimmed = trimmed(value, at, notes)?;
        if trimmed.chars().any(char::is_control) {
            return notes.wrong(at, Fault::Invalid, "must not contain control characters");
        }
        bounded(trimmed, chars_max, at, notes)
    }
}

/// A few sentences: trimmed, not blank, of control characters only line breaks and tabs.
pub(crate) fn prose(chars_max: usize) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<String> {
    move |value, at, notes| {
        let trimmed = trimmed(value, at, notes)?;
        if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let message = "must not contain control characters but line breaks and tabs";
            return notes.wrong(at, Fault::Invalid, message);
        }
        bounded(trimmed, chars_max, at, notes)
    }
}

fn trimmed<'v>(value: &'v Value, at: &At<'_>, notes: &mut Notes) -> Option<&'v str> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return notes.wrong(at, Fault::TooShort, "must not be empty or blank");
    }
    Some(trimmed)
}

fn bounded(text: &str, chars_max: usize, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    if text.chars().count() > chars_max {
        return notes.wrong(at, Fault::TooLong, format!("must be at most {chars_max} characters"));
    }
    Some(text.to_owned())
}

/// True or false.
pub(crate) fn flag(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<bool> {
    value.as_bool().or_else(|| notes.wrong(at, Fault::WrongType, "must be true or false"))
}

/// A whole number in a closed range.
pub(crate) fn integer(min: i64, max: i64) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<i64> {
    move |value, at, notes| match value.as_i64() {
        Some(number) if (min..=max).contains(&number) => Some(number),
        None if !value.is_number() => notes.wrong(at, Fault::WrongType, "must be a whole number"),
        _ => notes.wrong(at, Fault::OutOfRange, format!("must be a whole number from {min} to {max}")),
    }
}

/// A finite number.
pub(crate) fn number(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<f64> {
    value.as_f64().or_else(|| notes.wrong(at, Fault::WrongType, "must be a number"))
}

/// A number from 0 to 1.
pub(crate) fn unit(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Unit> {
    let number = number(value, at, notes)?;
    Unit::new(number).map_err(|error| notes.wrong::<()>(at, Fault::OutOfRange, error.to_string())).ok()
}

/// A time in RFC 3339.
pub(crate) fn time(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Timestamp> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    Timestamp::parse(text).map_err(|error| notes.wrong::<()>(at, Fault::Invalid, error.to_string())).ok()
}

/// One of a closed list of names, exactly as they are written.
pub(crate) fn one_of<T>(
    names: &'static [&'static str],
    from_name: impl Fn(&str) -> Option<T>,
) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T> {
    move |value, at, notes| match value.as_str() {
        Some(text) => from_name(text)
            .or_else(|| notes.wrong(at, Fault::NotAllowed, format!("must be one of: {}", names.join(", ")))),
        None => notes.wrong(at, Fault::WrongType, "must be a string"),
    }
}

/// One of a closed list of names in lower case, in whatever case they are sent.
pub(crate) fn any_case<T>(
    names: &'static [&'static str],
    from_name: impl Fn(&str) -> Option<T>,
) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T> {
    one_of(names, move |text: &str| from_name(text.trim().to_ascii_lowercase().as_str()))
}

/// A list of at most that many members; `None` once one of them is wrong.
pub(crate) fn list_of<T>(
    members_max: usize,
    read: impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T>,
) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<Vec<T>> {
    move |value, at, notes| {
        let Value::Array(items) = value else { return notes.wrong(at, Fault::WrongType, "must be a list") };
        if items.len() > members_max {
            return notes.wrong(at, Fault::TooLong, format!("must have at most {members_max} members"));
        }
        each(items, at, notes, &read)
    }
}

/// Reads each member, all of them, before it says whether one was wrong.
pub(crate) fn each<T>(
    items: &[Value],
    at: &At<'_>,
    notes: &mut Notes,
    read: impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T>,
) -> Option<Vec<T>> {
    let read: Vec<Option<T>> =
        items.iter().enumerate().map(|(index, item)| read(item, &At::Index(at, index), notes)).collect();
    read.into_iter().collect()
}

/// A list of names, or the same in one text with commas between them. Equal ones are kept once, blank ones left out
/// of the text.
pub(crate) fn name_list(
    members_max: usize,
    chars_max: usize,
) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<Vec<String>> {
    move |value, at, notes| {
        let names = match value {
            Value::String(text) => {
                let parts: Vec<Value> =
                    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect();
                list_of(members_max, line(chars_max))(&Value::Array(parts), at, notes)?
            }
            Value::Array(_) => list_of(members_max, line(chars_max))(value, at, notes)?,
            _ => {
                let message = "must be a list of strings, or one string with commas between them";
                return notes.wrong(at, Fault::WrongType, message);
            }
        };
        let mut seen = std::collections::BTreeSet::new();
        Some(names.into_iter().filter(|name| seen.insert(name.clone())).collect())
    }
}

/// An object whose members mean nothing here: at most that many, and that many bytes of compact JSON.
pub(crate) fn object_within(
    members_max: usize,
    bytes_max: usize,
) -> impl Fn(&Value, &At<'_>, &mut Notes) -> Option<Map<String, Value>> {
    move |value, at, notes| {
        let Value::Object(map) = value else {
            return notes.wrong(at, Fault::WrongType, "must be a JSON object");
        };
        if map.len() > members_max {
            return notes.wrong(at, Fault::TooLong, format!("must have at most {members_max} members"));
        }
        if value.to_string().len() > bytes_max {
            let message = format!("must be at most {bytes_max} bytes of compact JSON");
            return notes.wrong(at, Fault::TooLong, message);
        }
        Some(map.clone())
    }
}
