//! A message of a session: an item that says in which conversation it stands and who said it, and how far it was used.
//!
//! A message is a memory like any other. What it says stands in its content, who said it and in which session in its metadata;
//! here stands only what a memory of another kind has nothing of.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Item;
use super::metadata::MessageRole;
use super::request::SessionPatch;
use crate::constraint::closed_list;
use crate::graph::{Extraction, ExtractionStatus};
use crate::ids::MemoryId;
use crate::limits;
use crate::memory::Memory;
use crate::object::{Handling, Object};
use crate::scope::Partition;
use crate::time::Timestamp;

/// What stands between two blocks of a message's text.
const BETWEEN: &str = "\n";
/// Why nothing is extracted of what is only kept.
const HELD: &str = "stored_only";

closed_list!(
    /// How far the processing of a message is.
    MessageStatus {
        /// It is only kept: nobody asked for it to be processed yet.
        Pending "pending",
        /// It is found by searches, and waits for the extraction of its graph.
        Queued "queued",
        /// Its graph is being made. That is done in one commit, so nobody ever sees a message in it.
        Processing "processing",
        /// All is done.
        Completed "completed",
        /// The extraction of its graph was given up.
        Failed "failed",
    }
);

/// What a message has that no other item has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whether it is only kept: not searched, not embedded, not derived from, not extracted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// Where it was sent as a list of blocks: how many bytes of its text each has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<usize>,
}

impl Message {
    /// A message that was sent as this list of texts, and its text.
    #[must_use]
    pub fn of_blocks(blocks: &[String]) -> (Self, String) {
        let message = Self { is_held: false, blocks: blocks.iter().map(String::len).collect() };
        (message, blocks.join(BETWEEN))
    }

    /// Its text as the list of blocks that was sent; none where it was sent as one text, or where this is no longer that text,
    /// because it was changed or something was removed from it.
    #[must_use]
    pub fn split<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let mut rest = Some(text);
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (at, bytes) in self.blocks.iter().enumerate() {
            let left = if at == 0 { rest? } else { rest?.strip_prefix(BETWEEN)? };
            let (block, behind) = left.split_at_checked(*bytes)?;
            blocks.push(block);
            rest = Some(behind);
        }
        (!blocks.is_empty() && rest == Some("")).then_some(blocks)
    }
}

impl Item {
    /// The same as a message; one that is only kept until it is processed, where that is wanted.
    #[must_use]
    pub fn as_message(self, message: Message) -> Self {
        let extraction = if message.is_held { Some(Extraction::skipped(HELD)) } else { self.extraction };
        Self { message: Some(message), extraction, ..self }
    }

    /// Whether it is a message that is only kept.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.is_held)
    }

    /// How far its processing as a message is.
    #[must_use]
    pub fn message_status(&self) -> MessageStatus {
        if self.is_held() {
            return MessageStatus::Pending;
        }
        match self.extraction.as_ref().map(|extraction| extraction.status) {
            Some(ExtractionStatus::Queued) => MessageStatus::Queued,
            Some(ExtractionStatus::Failed) => MessageStatus::Failed,
            Some(ExtractionStatus::Completed | ExtractionStatus::Skipped) | None => MessageStatus::Completed,
        }
    }

    /// What is to be extracted of it, where it says something else from now on.
    pub(crate) fn extraction_anew(&self, policy: &super::EffectivePolicy) -> Extraction {
        if self.is_held() { Extraction::skipped(HELD) } else { Extraction::of(policy) }
    }
}

impl Object {
    /// Makes the item that it is a message. Of what is no item nothing becomes.
    pub fn be_message(&mut self, message: Message) {
        if let Some(item) = self.item.take() {
            self.item = Some(Box::new(item.as_message(message)));
            self.hold_if_held();
        }
    }

    /// Keeps a message out of searches for as long as it is only kept.
    pub(crate) fn hold_if_held(&mut self) {
        if self.item.as_ref().is_some_and(|item| item.is_held()) {
            self.sensitivity.handling = Handling::NoSearch;
        }
    }

    /// Has a message that was only kept be treated like any other item. Whether it was.
    pub(crate) fn process(&mut self) -> bool {
        let Some(item) = self.item.as_deref_mut().filter(|item| item.is_held()) else { return false };
        if let Some(message) = &mut item.message {
            message.is_held = false;
        }
        item.extraction = Some(Extraction::of(&item.policy));
        self.sensitivity.handling = Handling::Normal;
        true
    }
}

impl Memory {
    /// The message that it is, where it is one: with its session and who said it.
    #[must_use]
    pub fn message(&self) -> Option<MessageOf<'_>> {
        let item = self.item()?;
        let (message, metadata) = (item.message.as_ref()?, &item.metadata);
        Some(MessageOf {
            message,
            session: metadata.conversation_id.as_deref()?,
            role: metadata.role?,
            status: item.message_status(),
        })
    }
}

/// A message, as its memory says.
#[derive(Debug, Clone, Copy)]
pub struct MessageOf<'a> {
    /// What only messages have.
    pub message: &'a Message,
    /// The name of its session.
    pub session: &'a str,
    /// Who said it.
    pub role: MessageRole,
    /// How far its processing is.
    pub status: MessageStatus,
}

/// In the order of a conversation: by when they were made, then as they came in.
#[must_use]
pub fn in_order(a: &Memory, b: &Memory) -> Ordering {
    let place = |memory: &Memory| -> (Timestamp, Timestamp, MemoryId) {
        (memory.made_at(), memory.created, memory.id)
    };
    place(a).cmp(&place(b))
}

/// What a session is called, and what its application keeps with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionDocument {
    /// Its name.
    pub session: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the application keeps with it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl SessionDocument {
    /// The same with what is stated.
    ///
    /// # Errors
    /// Where it would have more metadata than a session may have; it says what is allowed.
    pub fn patched(&self, patch: &SessionPatch) -> Result<Self, String> {
        let mut next = self.clone();
        if let Some(title) = &patch.title {
            next.title.clone_from(title);
        }
        for (name, value) in &patch.metadata {
            match value {
                Value::Null => _ = next.metadata.remove(name),
                value => _ = next.metadata.insert(name.clone(), value.clone()),
            }
        }
        let (keys, bytes) = (limits::CUSTOM_KEYS_MAX, limits::SESSION_METADATA_BYTES_MAX);
        if next.metadata.len() > keys
            || serde_json::to_string(&next.metadata).map_or(0, |text| text.len()) > bytes
        {
            return Err(format!(
                "must have at most {keys} members and {bytes} bytes of compact JSON, with those that are there"
            ));
        }
        Ok(next)
    }
}

/// Under what the records of all sessions of a name are listed.
#[must_use]
pub fn session_group(session: &str) -> String {
    let digest = Sha256::digest(session.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The name of the record of a session, which holds whose it is: sessions of one name in two scopes are two. 64 hexadecimal digits.
#[must_use]
pub fn session_record_id(partition: Partition, session: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"memoryscope-session-v1\0");
    hasher.update(partition.0);
    hasher.update(session.as_bytes());
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_longer_the_text_is_not_split() {
        let check = |blocks: &[usize], text: &str, expect: Option<&[&str]>| {
            let message = Message { is_held: false, blocks: blocks.to_vec() };
            assert_eq!(message.split(text).as_deref(), expect, "{blocks:?} {text}");
        };
        check(&[], "", None);
        check(&[], "one", None);
        check(&[3], "one", Some(&["one"]));
        check(&[3, 3], "one\ntwo", Some(&["one", "two"]));
        check(&[3, 3], "one two", None);
        check(&[3, 3], "one\ntwo!", None);
        check(&[3, 4], "one\ntwo", None);
        check(&[1], "é", None);
        check(&[0, 2], "\né", Some(&["", "é"]));
    }

    #[test]
    fn sessions_of_one_name_are_told_apart_by_their_scope() {
        let ids =
            [(1, "s"), (2, "s"), (1, "t")].map(|(byte, name)| session_record_id(Partition([byte; 16]), name));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids.iter().all(|id| id.len() == 64));
    }

    #[test]
    fn metadata_is_put_together_and_bounded() {
        let patch = |metadata: serde_json::Value| SessionPatch {
            title: Some(Some("Trip".to_owned())),
            metadata: metadata.as_object().expect("an object").clone(),
        };
        let check = |first: serde_json::Value, then: serde_json::Value, expect: serde_json::Value| {
            let one = SessionDocument::default().patched(&patch(first)).expect("it is right");
            let two = one.patched(&patch(then)).expect("it is right");
            assert_eq!(serde_json::Value::Object(two.metadata), expect);
            assert_eq!(two.title.as_deref(), Some("Trip"));
        };
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        check(json(r#"{"a": 1, "b": [2]}"#), json(r#"{"a": null, "c": {}}"#), json(r#"{"b": [2], "c": {}}"#));
        let many = |from: usize| {
            let metadata = (from..from + 40).map(|n| (n.to_string(), Value::from(n))).collect();
            SessionPatch { title: None, metadata }
        };
        let full = SessionDocument::default().patched(&many(0)).expect("it is right");
        assert!(full.patched(&many(100)).is_err());
        let long = Value::from("x".repeat(limits::SESSION_METADATA_BYTES_MAX));
        let long = SessionPatch { title: None, metadata: Map::from_iter([("a".to_owned(), long)]) };
        assert!(SessionDocument::default().patched(&long).is_err());
    }

    proptest! {
        #[test]
        fn blocks_are_given_back_as_they_came(blocks in prop::collection::vec("[a-zé\n ]{0,5}", 1..6)) {
            let (message, text) = Message::of_blocks(&blocks);
            let split = message.split(&text).expect("they are there");
            prop_assert_eq!(split, blocks.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
