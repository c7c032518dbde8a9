//! What an endpoint answered.

use memoryscope_domain::graph::Schema;
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_engine::extract::Failure;
use serde_json::Value;

use crate::{candidates, repair};

/// What was understood of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it cost, as far as it says so.
    pub tokens: Option<u64>,
    /// What it found.
    pub found: Result<Candidates, Unread>,
}

/// Why an answer says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is no answer of this protocol.
    Foreign,
    /// The model, or a filter before it, would not.
    Refusal,
    /// It was cut off: it is longer than it may be.
    Truncated,
    /// It is empty.
    Empty,
    /// It cannot be read, for this reason; the model may be told, and asked again.
    Malformed(String),
}

impl Unread {
    /// The same as the job is told it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Foreign => Failure::unclear("malformed_answer"),
            Self::Refusal => Failure::of_text("refusal"),
            Self::Truncated => Failure::of_text("truncated_answer"),
            Self::Empty => Failure::of_text("empty_answer"),
            Self::Malformed(_) => Failure::of_text("malformed_answer"),
        }
    }
}

/// Reads the body of an answer to a chat completion.
#[must_use]
pub fn read(body: &[u8], schema: Option<&Schema>) -> Answer {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Answer { tokens: None, found: Err(Unread::Foreign) };
    };
    let tokens = answer.pointer("/usage/total_tokens").and_then(Value::as_u64);
    Answer { tokens, found: found(&answer, schema) }
}

fn found(answer: &Value, schema: Option<&Schema>) -> Result<Candidates, Unread> {
    let choice = answer.pointer("/choices/0").ok_or(Unread::Foreign)?;
    let message = choice.get("message").filter(|message| message.is_object()).ok_or(Unread::Foreign)?;
    let is_refused =
        message.get("refusal").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    match choice.get("finish_reason").and_then(Value::as_str) {
        Some("content_filter") => return Err(Unread::Refusal),
        _ if is_refused => return Err(Unread::Refusal),
        Some("length") => return Err(Unread::Truncated),
        _ => {}
    }
    let content = content(message.get("content").unwrap_or(&Value::Null));
    if content.trim().is_empty() {
        return Err(Unread::Empty);
    }
    let object = repair::object(&content).map_err(Unread::Malformed)?;
    candidates::read(&object, schema).map_err(Unread::Malformed)
}

/// The content, which some endpoints send in parts.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_answer_is_told_apart() {
        let check = |answer: Value, expect: &str| {
            let answer = read(answer.to_string().as_bytes(), None);
            let told = match &answer.found {
                Ok(found) => format!("{} found", found.nodes.len()),
                Err(Unread::Malformed(why)) => format!("malformed: {why}"),
                Err(unread) => unread.failure().reason,
            };
            assert_eq!(told, expect);
        };
        let choice = |finish: &str, message: Value| json!({"choices": [{"finish_reason": finish, "message": message}]});
        let good = r#"{"nodes": [{"id": "a", "type": "T"}]}"#;
        check(choice("stop", json!({"content": good, "refusal": null})), "1 found");
        let parts = json!([{"type": "text", "text": &good[..9]}, {"type": "text", "text": &good[9..]}]);
        check(choice("stop", json!({"content": parts})), "1 found");
        check(choice("length", json!({"content": good})), "truncated_answer");
        check(choice("content_filter", json!({"content": null})), "refusal");
        check(choice("stop", json!({"content": null, "refusal": "I cannot help with that."})), "refusal");
        check(choice("stop", json!({"content": " \n"})), "empty_answer");
        check(choice("stop", json!({})), "empty_answer");
        check(choice("stop", json!({"content": "[]"})), "malformed: it is no JSON object");
        for foreign in [json!({}), json!([]), json!({"choices": []}), json!({"choices": [{"text": "x"}]})] {
            check(foreign, "malformed_answer");
        }
    }

    #[test]
    fn what_it_cost_is_read_where_it_is_said() {
        let check = |body: &str, expect: Option<u64>| {
            assert_eq!(read(body.as_bytes(), None).tokens, expect, "{body}");
        };
        check(r#"{"usage": {"total_tokens": 12}}"#, Some(12));
        check(r#"{"usage": {"total_tokens": -1}}"#, None);
        check(r#"{"usage": null}"#, None);
        check("<html>", None);
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_read(body in proptest::collection::vec(any::<u8>(), 0..200), content in ".{0,80}") {
            let _ = read(&body, None);
            let answer = json!({"choices": [{"message": {"content": content}}]});
            let _ = read(answer.to_string().as_bytes(), None);
        }
    }
}
