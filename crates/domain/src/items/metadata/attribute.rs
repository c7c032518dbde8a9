//! Metadata as policies see it: `memory.metadata.<path>`.

use super::{Custom, CustomValue, ItemMetadata};
use crate::policy::Value;

impl ItemMetadata {
    /// What stands at a path, named as clients send it: `role`, `topics`, `customMetadata.team`. What is published nowhere is
    /// no policy's business.
    #[must_use]
    pub fn attribute(&self, path: &str) -> Value<'_> {
        match path {
            "role" => self.role.map_or(Value::Absent, |role| Value::Text(role.name())),
            "category" => self.category.map_or(Value::Absent, |category| Value::Text(category.name())),
            "topics" => texts(self.topics.as_ref()),
            "emotion_tags" => texts(self.emotion_tags.as_ref()),
            "emoji_tags" => texts(self.emoji_tags.as_ref()),
            "createdAt" => self.created_at.map_or(Value::Absent, Value::Time),
            _ => {
                let own = match path {
                    "hierarchical_structures" => &self.hierarchical_structures,
                    "sourceUrl" => &self.source_url,
                    "sourceType" => &self.source_type,
                    "pageId" => &self.page_id,
                    "conversationId" => &self.conversation_id,
                    "location" => &self.location,
                    _ => &None,
                };
                if let Some(text) = own {
                    return Value::Text(text);
                }
                match path.strip_prefix("customMetadata.") {
                    Some(key) => {
                        self.custom.as_ref().map_or(Value::Absent, |custom| custom_value(custom, key))
                    }
                    None => custom_value(&self.extra, path),
                }
            }
        }
    }
}

fn texts(texts: Option<&Vec<String>>) -> Value<'_> {
    texts.map_or(Value::Absent, |texts| Value::Set(texts))
}

fn custom_value<'a>(custom: &'a Custom, key: &str) -> Value<'a> {
    match custom.get(key) {
        None => Value::Absent,
        Some(CustomValue::Flag(flag)) => Value::Bool(*flag),
        Some(CustomValue::Number(number)) => number.as_f64().map_or(Value::Absent, Value::Number),
        Some(CustomValue::Text(text)) => Value::Text(text),
        Some(CustomValue::Texts(texts)) => Value::Set(texts),
    }
}
