//! `customMetadata`: what an application keeps with its items. It is flat, so that it can be searched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::fields::{At, Fault, Notes};
use crate::graph::condition::is_same;
use crate::limits;

/// One value of an application's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CustomValue {
    /// True or false; it stays so.
    Flag(bool),
    /// A number, as it was sent.
    Number(Number),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
}

/// An application's own values by their names, each `[A-Za-z0-9_.-]{1,64}`.
pub type Custom = BTreeMap<String, CustomValue>;

impl CustomValue {
    /// The value as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => text.as_str().into(),
            Self::Texts(texts) => texts.iter().map(String::as_str).collect(),
        }
    }

    /// Whether an item's value is what a filter asks for: a number is the same however it is written, a text may be one of
    /// a list's, and two lists have a member in common.
    #[must_use]
    pub fn meets(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Texts(texts), Self::Text(wanted)) => texts.contains(wanted),
            (Self::Text(text), Self::Texts(wanted)) => wanted.contains(text),
            (Self::Texts(texts), Self::Texts(wanted)) => wanted.iter().any(|wanted| texts.contains(wanted)),
            (Self::Number(one), Self::Number(other)) => {
                is_same(&Value::Number(one.clone()), &Value::Number(other.clone()))
            }
            _ => self == wanted,
        }
    }

    pub(super) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => read_text(text, at, notes).map(Self::Text),
            Value::Array(items) if items.len() > limits::CUSTOM_LIST_MAX => {
                let message = format!("must have at most {} members", limits::CUSTOM_LIST_MAX);
                notes.wrong(at, Fault::TooLong, message)
            }
            Value::Array(items) => {
                let texts: Vec<Option<String>> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| match item.as_str() {
                        Some(text) => read_text(text, &At::Index(at, index), notes),
                        None => notes.wrong(&At::Index(at, index), Fault::WrongType, "must be a string"),
                    })
                    .collect();
                texts.into_iter().collect::<Option<Vec<String>>>().map(Self::Texts)
            }
            Value::Null | Value::Object(_) => notes.wrong(
                at,
                Fault::WrongType,
                "must be a string, a number, a boolean or a list of strings",
            ),
        }
    }
}

fn read_text(text: &str, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    if text.chars().count() > limits::CUSTOM_TEXT_CHARS_MAX {
        let message = format!("must be at most {} characters", limits::CUSTOM_TEXT_CHARS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    if text.contains('\0') {
        return notes.wrong(at, Fault::Invalid, "must not contain U+0000");
    }
    Some(text.to_owned())
}

/// Whether one of an application's own values may be called so.
pub(crate) fn is_key(key: &str) -> bool {
    (1..=limits::CUSTOM_KEY_CHARS_MAX).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Reads a `customMetadata`.
pub(super) fn read_custom(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Custom> {
    let Value::Object(map) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object");
    };
    if map.len() > limits::CUSTOM_KEYS_MAX {
        let message = format!("must have at most {} members", limits::CUSTOM_KEYS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    let read: Vec<Option<(String, CustomValue)>> = map
        .iter()
        .map(|(key, value)| {
            let at = At::Key(at, key);
            let value = CustomValue::read(value, &at, notes);
            if !is_key(key) {
                let message = "must be called by 1 to 64 characters of A-Z a-z 0-9 _ . -";
                return notes.wrong(&at, Fault::Invalid, message);
            }
            Some((key.clone(), value?))
        })
        .collect();
    read.into_iter().collect()
}
