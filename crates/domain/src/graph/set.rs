//! What a constraint sets on what it finds or makes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Name;
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, any_case, prose};
use crate::limits;

closed_list!(
    /// How an extracted text meets the one that is there.
    TextMode {
        /// It takes its place.
        Replace "replace",
        /// It follows it.
        Append "append",
        /// The two become one text.
        Merge "merge",
    }
);

/// What a property is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetValue {
    /// This.
    Exact(Value),
    /// What the extractor finds.
    Auto {
        /// How it meets what is there.
        text_mode: TextMode,
        /// What the extractor is told about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
    },
}

/// Properties and what they are set to.
pub type Set = BTreeMap<Name, SetValue>;

/// Reads a `set`.
pub(crate) fn read_set(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Set> {
    let Value::Object(map) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object of properties");
    };
    if map.len() > limits::NODE_PROPERTIES_MAX {
        let message = format!("must have at most {} members", limits::NODE_PROPERTIES_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    if value.to_string().len() > limits::NODE_PROPERTIES_BYTES_MAX {
        let message = format!("must be at most {} bytes of compact JSON", limits::NODE_PROPERTIES_BYTES_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    let read: Vec<Option<(Name, SetValue)>> = map
        .iter()
        .map(|(key, value)| {
            let at = At::Key(at, key);
            let name = match Name::parse(key) {
                Ok(name) => Some(name),
                Err(error) => {
                    notes.wrong(&at, Fault::Invalid, format!("is no name of a property: it {error}"))
                }
            };
            Some((name?, SetValue::read(value, &at, notes)?))
        })
        .collect();
    read.into_iter().collect()
}

/// A `set` as it is sent.
pub(crate) fn set_json(set: &Set) -> Value {
    Value::Object(set.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_json())).collect())
}

impl SetValue {
    /// An object with nothing but `mode`, `text_mode` and `prompt` asks for extraction, unless its mode is another than
    /// `auto`; everything else is the value itself.
    fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let Value::Object(map) = value else { return Some(Self::Exact(value.clone())) };
        let is_auto = match map.get("mode") {
            Some(mode) => mode.as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("auto")),
            None => !map.is_empty() && map.keys().all(|key| key == "text_mode" || key == "prompt"),
        };
        if !is_auto {
            return Some(Self::Exact(value.clone()));
        }
        let mut members = Members::open(value, at, notes)?;
        members.ignored("mode");
        let text_mode = members.optional("text_mode", notes, any_case(TextMode::NAMES, TextMode::from_name));
        let prompt = members.optional("prompt", notes, prose(limits::EXTRACTION_PROMPT_CHARS_MAX));
        members.close(Unknown::Refuse, notes);
        Some(Self::Auto { text_mode: text_mode.unwrap_or(TextMode::Replace), prompt })
    }

    fn to_json(&self) -> Value {
        let (text_mode, prompt) = match self {
            Self::Exact(value) => return value.clone(),
            Self::Auto { text_mode, prompt } => (text_mode, prompt),
        };
        let mut members = Map::new();
        members.insert("mode".to_owned(), "auto".into());
        members.insert("text_mode".to_owned(), text_mode.name().into());
        if let Some(prompt) = prompt {
            members.insert("prompt".to_owned(), prompt.as_str().into());
        }
        Value::Object(members)
    }
}
