//! What a memory says, and payloads that are JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::list::{Distinct, List};
use super::number::Invalid;
use super::text::{Label, Language, Line, Name, Prose};
use crate::limits;

/// What a memory says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// In which language; `und` where nobody said.
    pub language: Language,
    said: Said,
}

/// A text or JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Text(String),
    Json(Value),
}

impl Content {
    /// A text, as it is: not trimmed.
    ///
    /// # Errors
    /// When it is blank, over [`limits::CONTENT_BYTES_MAX`], or holds a NUL, which no store's text can.
    pub fn text(language: Language, text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() {
            return Err(Invalid::Rule("must not be empty or blank"));
        }
        if text.len() > limits::CONTENT_BYTES_MAX {
            return Err(Invalid::Rule("must be at most 65536 bytes"));
        }
        if text.contains('\0') {
            return Err(Invalid::Rule("must not contain the character U+0000"));
        }
        Ok(Self { language, said: Said::Text(text.to_owned()) })
    }

    /// JSON.
    ///
    /// # Errors
    /// When it is null, over [`limits::CONTENT_BYTES_MAX`] as compact JSON, or nests deeper than
    /// [`limits::JSON_DEPTH_MAX`].
    pub fn json(language: Language, json: Value) -> Result<Self, Invalid> {
        if json.is_null() {
            return Err(Invalid::Rule("must not be null"));
        }
        bounded(&json, limits::CONTENT_BYTES_MAX, "must be at most 65536 bytes of compact JSON")?;
        Ok(Self { language, said: Said::Json(json) })
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.said {
            Said::Text(text) => Some(text),
            Said::Json(_) => None,
        }
    }

    /// The JSON, where it is that.
    #[must_use]
    pub const fn as_json(&self) -> Option<&Value> {
        match &self.said {
            Said::Text(_) => None,
            Said::Json(json) => Some(json),
        }
    }

    /// `text` or `json`.
    #[must_use]
    pub const fn format(&self) -> &'static str {
        match &self.said {
            Said::Text(_) => "text",
            Said::Json(_) => "json",
        }
    }

    /// The JSON, where it is that, to remove something from it.
    pub(super) const fn json_mut(&mut self) -> Option<&mut Value> {
        match &mut self.said {
            Said::Text(_) => None,
            Said::Json(json) => Some(json),
        }
    }
}

/// Checks the bounds of a JSON value. Depth first: serialising recurses.
fn bounded(value: &Value, bytes_max: usize, too_long: &'static str) -> Result<(), Invalid> {
    if depth_exceeds(value, limits::JSON_DEPTH_MAX) {
        return Err(Invalid::Rule("must not nest deeper than 64 levels"));
    }
    if value.to_string().len() > bytes_max {
        return Err(Invalid::Rule(too_long));
    }
    Ok(())
}

fn depth_exceeds(value: &Value, max: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if max == 0 => true,
        Value::Array(items) => items.iter().any(|item| depth_exceeds(item, max - 1)),
        Value::Object(members) => members.values().any(|member| depth_exceeds(member, max - 1)),
        _ => false,
    }
}

/// Members of a payload that its dialect gives no meaning to: a JSON object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FreeForm(Map<String, Value>);

impl FreeForm {
    /// Takes members.
    ///
    /// # Errors
    /// When they are over [`limits::PAYLOAD_BYTES_MAX`] as compact JSON, or nest deeper than
    /// [`limits::JSON_DEPTH_MAX`].
    pub fn new(members: Map<String, Value>) -> Result<Self, Invalid> {
        let value = Value::Object(members);
        bounded(&value, limits::PAYLOAD_BYTES_MAX, "must be at most 16384 bytes of compact JSON")?;
        let Value::Object(members) = value else { return Ok(Self::default()) };
        Ok(Self(members))
    }

    /// The members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// How something is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Procedural {
    /// The steps, in their order.
    #[serde(default)]
    pub steps: List<Prose<{ limits::NOTE_CHARS_MAX }>, { limits::STEPS_MAX }>,
    /// Whatever else was said.
    #[serde(default)]
    pub rest: FreeForm,
}

/// What a body remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Somatic {
    /// What is to be left out of prompts: derivation makes an `avoid` of each.
    #[serde(default)]
    pub do_not_prompt_with: Distinct<Label, { limits::DO_NOT_PROMPT_WITH_MAX }>,
    /// Whatever else was said.
    #[serde(default)]
    pub rest: FreeForm,
}

/// Switches of a scope that a memory brings along: `spiral`, …
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeFlags(std::collections::BTreeMap<Name, bool>);

impl ScopeFlags {
    /// Takes flags.
    ///
    /// # Errors
    /// When there are more than [`limits::SCOPE_FLAGS_MAX`].
    pub fn new(flags: impl IntoIterator<Item = (Name, bool)>) -> Result<Self, Invalid> {
        let flags: std::collections::BTreeMap<_, _> = flags.into_iter().collect();
        if flags.len() > limits::SCOPE_FLAGS_MAX {
            Err(Invalid::Members(limits::SCOPE_FLAGS_MAX))
        } else {
            Ok(Self(flags))
        }
    }

    /// Whether a flag was set, and to what.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<bool> {
        let flag = Line::parse(name).ok()?;
        self.0.get(&flag).copied()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(name, flag)| (name.as_str(), *flag))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_is_bounded() {
        let text = |text: &str| Content::text(Language::default(), text);
        let json = |value: Value| Content::json(Language::default(), value);
        assert_eq!(
            text(" a\n").map(|content| content.as_text().map(str::to_owned)),
            Ok(Some(" a\n".to_owned()))
        );
        assert!(text(&"x".repeat(limits::CONTENT_BYTES_MAX)).is_ok());
        for bad in ["", " \n", "a\0b", &"x".repeat(limits::CONTENT_BYTES_MAX + 1)] {
            assert!(text(bad).is_err(), "{}", bad.len());
        }
        let deep = |levels: usize| (1..levels).fold(json!([]), |value, _| json!([value]));
        assert!(json(json!(false)).is_ok() && json(deep(64)).is_ok());
        assert!(json(Value::Null).is_err() && json(deep(65)).is_err());
        assert!(json(json!("x".repeat(limits::CONTENT_BYTES_MAX - 2))).is_ok());
        assert!(json(json!("x".repeat(limits::CONTENT_BYTES_MAX - 1))).is_err());
        let members = |bytes: usize| Map::from_iter([("a".to_owned(), json!("x".repeat(bytes - 8)))]);
        assert!(FreeForm::new(members(limits::PAYLOAD_BYTES_MAX)).is_ok());
        assert!(FreeForm::new(members(limits::PAYLOAD_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn content_is_read_back() {
        let content = Content::json(Language::default(), json!({"a": 1})).expect("good");
        let text = serde_json::to_string(&content).expect("writes");
        assert_eq!(text, r#"{"language":"und","said":{"json":{"a":1}}}"#);
        assert_eq!(serde_json::from_str::<Content>(&text).expect("reads"), content);
    }

    #[test]
    fn flags_are_found_by_name() {
        let name = |text: &str| Name::parse(text).expect("good");
        let flags = ScopeFlags::new([(name("spiral"), true), (name("a"), false)]).expect("few");
        assert_eq!(
            (flags.get("spiral"), flags.get("a"), flags.get("b"), flags.get("")),
            (Some(true), Some(false), None, None)
        );
        assert!(
            ScopeFlags::new((0..=limits::SCOPE_FLAGS_MAX).map(|n| (name(&n.to_string()), true))).is_err()
        );
    }
}
