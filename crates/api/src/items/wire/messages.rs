//! Messages and sessions on the wire.

use memoryscope_domain::items::message::MessageOf;
use memoryscope_domain::items::{MessageRole, MessageStatus};
use memoryscope_domain::limits;
use memoryscope_domain::summary::Summaries;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Item;
use serde_json::{Map, Value, json};

use super::memory::content;
use super::schema::{item_fields, maybe as nullable, object as closed, says};
use crate::openapi::schema::{count, free, list, maybe, names, object, or_null, prefixed, text, time, truth};
use crate::wire::USER_ID_PATTERN;

/// What the name of a session looks like in a path. What no session can be called names none.
pub(in crate::items) const SESSION_PATTERN: &str = r"\S";

/// A message as it is shown.
pub(in crate::items) fn shown(
    id: &str,
    session: &str,
    role: MessageRole,
    content: &Value,
    created: Timestamp,
    status: MessageStatus,
) -> Value {
    json!({
        "objectId": id,
        "sessionId": session,
        "role": role.name(),
        "content": content,
        "createdAt": created.to_string(),
        "processing_status": status.name(),
    })
}

/// A memory as the message that it is.
pub(in crate::items) fn of_item(item: &Item) -> Value {
    let memory = &*item.memory;
    let Some(MessageOf { message, session, role, status }) = memory.message() else { return Value::Null };
    let said = content(memory);
    let said = match message.split(&said) {
        Some(blocks) => blocks.iter().map(|block| json!({"type": "text", "text": block})).collect(),
        None => Value::String(said),
    };
    shown(&memory.id.prefixed(), session, role, &said, memory.made_at(), status)
}

/// What a session comes to. What would need a model is null.
pub(in crate::items) fn summaries(said: &Summaries, last: Option<Timestamp>) -> Value {
    json!({
        "short_term": said.short_term,
        "medium_term": said.medium_term,
        "long_term": said.long_term,
        "topics": said.topics,
        "session_intent": said.session_intent,
        "key_decisions": said.key_decisions,
        "next_steps": said.next_steps,
        "current_state": null,
        "technical_details": null,
        "project_context": null,
        "files_accessed": null,
        "last_updated": last.map(|last| last.to_string()),
    })
}

fn line(chars_max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": chars_max, "pattern": USER_ID_PATTERN})
}

/// `POST /v1/messages`.
pub(in crate::items) fn store() -> Value {
    let mut fields = item_fields();
    fields.remove("type");
    let block = json!({
        "type": "object", "title": "MessageBlock", "required": ["type", "text"], "additionalProperties": false,
        "properties": {"type": names(["text"]), "text": {"type": "string", "minLength": 1, "maxLength": limits::ITEM_CONTENT_BYTES_MAX, "pattern": r"\S"}},
    });
    let blocks =
        json!({"type": "array", "minItems": 1, "maxItems": limits::MESSAGE_BLOCKS_MAX, "items": block});
    let one = fields.remove("content").unwrap_or_default();
    fields.insert("content".to_owned(), json!({"anyOf": [one, blocks]}));
    fields.insert("role".to_owned(), names(MessageRole::NAMES.iter().copied()));
    fields.insert(
        "sessionId".to_owned(),
        says(line(limits::SESSION_ID_CHARS_MAX), "The conversation; its user may have others."),
    );
    let processes = "Whether it is a memory like any other; else it is only kept.";
    fields.insert("process_messages".to_owned(), says(json!({"type": ["boolean", "null"]}), processes));
    fields.insert(
        "title".to_owned(),
        says(nullable(line(limits::SESSION_TITLE_CHARS_MAX)), "What the session is called from now on."),
    );
    closed("StoreMessage", &["content", "role", "sessionId"], fields)
}

/// `PATCH /v1/messages/sessions/{id}`.
pub(in crate::items) fn patch() -> Value {
    let metadata = json!({"type": ["object", "null"], "maxProperties": limits::CUSTOM_KEYS_MAX});
    let about = "Members to be put among those that are there; null takes one away.";
    let fields = Map::from_iter([
        ("title".to_owned(), says(nullable(line(limits::SESSION_TITLE_CHARS_MAX)), "Null takes it away.")),
        ("metadata".to_owned(), says(metadata, about)),
    ]);
    closed("UpdateSession", &[], fields)
}

fn message() -> Value {
    let block = object("ShownMessageBlock", [("type", names(["text"])), ("text", text())]);
    object(
        "Message",
        [
            ("objectId", prefixed("mem_")),
            ("sessionId", text()),
            ("role", names(MessageRole::NAMES.iter().copied())),
            ("content", json!({"anyOf": [text(), list(block)]})),
            ("createdAt", time()),
            ("processing_status", names(MessageStatus::NAMES.iter().copied())),
        ],
    )
}

/// A message that was stored.
pub(in crate::items) fn message_schema() -> Value {
    // The same message under a name of its own, for it may be warned of.
    let mut message = message();
    message["title"] = json!("StoredMessage");
    super::schema_answers::warned(message)
}

fn summaries_schema() -> Value {
    let nothing = || json!({"type": "null"});
    object(
        "SessionSummaries",
        [
            ("short_term", text()),
            ("medium_term", text()),
            ("long_term", text()),
            ("topics", list(text())),
            ("session_intent", or_null(text())),
            ("key_decisions", list(text())),
            ("next_steps", list(text())),
            ("current_state", nothing()),
            ("technical_details", nothing()),
            ("project_context", nothing()),
            ("files_accessed", nothing()),
            ("last_updated", or_null(time())),
        ],
    )
}

/// The messages of a session.
pub(in crate::items) fn history_schema() -> Value {
    object(
        "SessionHistory",
        [
            ("sessionId", text()),
            ("title", or_null(text())),
            ("metadata", free()),
            ("messages", list(message())),
            ("total_count", count()),
            ("has_more", truth()),
            ("summaries", or_null(summaries_schema())),
            ("context_for_llm", or_null(text())),
        ],
    )
}

/// What a session is called.
pub(in crate::items) fn session_schema() -> Value {
    super::schema_answers::warned(object(
        "NamedSession",
        [("message", text()), ("session_id", text()), ("title", or_null(text())), ("metadata", free())],
    ))
}

/// How far they are.
pub(in crate::items) fn status_schema() -> Value {
    let counts = object("MessageStatuses", []);
    let counts = MessageStatus::NAMES
        .iter()
        .fold(counts, |counts, name| crate::openapi::schema::with(counts, [(*name, count())]));
    object(
        "SessionStatus",
        [("session_id", text()), ("total_messages", count()), ("processing_status", counts)],
    )
}

/// What they come to.
pub(in crate::items) fn compressed_schema() -> Value {
    object(
        "CompressedSession",
        [
            ("session_id", text()),
            ("summaries", summaries_schema()),
            ("context_for_llm", text()),
            ("ai_agent_note", text()),
            ("from_cache", json!({"type": "boolean", "const": false})),
            ("message_count", count()),
        ],
    )
}

/// That they are processed.
pub(in crate::items) fn processed_schema() -> Value {
    let processed = object("ProcessedSession", [("message", text()), ("session_id", text())]);
    maybe(
        crate::openapi::schema::with(processed, [("messages_queued", count()), ("messages_left", count())]),
        [],
    )
}
