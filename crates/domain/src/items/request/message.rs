//! A message of a session, and what is said of the session itself.

use serde_json::{Map, Value};

use super::{AddRequest, InvalidRequest, Reading, finish};
use crate::fields::{
    At, Fault, Members, Notes, Read, Unknown, WarningKind, any_case, each, flag, line, object_within, text,
};
use crate::items::message::Message;
use crate::items::metadata::MessageRole;
use crate::limits;

/// A request to store a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRequest {
    /// Which session it belongs to.
    pub session: String,
    /// What only messages have.
    pub message: Message,
    /// What the session is called from now on, where that is said.
    pub title: Option<String>,
    /// Everything else: the item that it is, with its role and its session in its metadata.
    pub item: AddRequest,
}

/// What a message says, with the form in which it was sent.
struct Said {
    text: String,
    blocks: Message,
}

impl MessageRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let root = At::Root("body");
        let mut notes = Notes::new(reading.is_strict);
        let Some(mut members) = Members::open(body, &root, &mut notes) else {
            return finish(notes, None, None, None);
        };
        let said = members.required("content", &mut notes, read_content);
        let role = members.required("role", &mut notes, any_case(MessageRole::NAMES, MessageRole::from_name));
        let session = members.required("sessionId", &mut notes, line(limits::SESSION_ID_CHARS_MAX));
        let processes = members.optional("process_messages", &mut notes, flag).unwrap_or(true);
        let title = members.optional("title", &mut notes, line(limits::SESSION_TITLE_CHARS_MAX));
        let place = members.place("metadata");
        for (name, stated) in [("role", role.map(MessageRole::name)), ("conversationId", session.as_deref())]
        {
            let copy = body.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Value::as_str);
            if copy.is_some_and(|copy| stated.is_some_and(|stated| !copy.trim().eq_ignore_ascii_case(stated)))
            {
                let message = "has no effect: the message itself says otherwise";
                notes.warn(&At::Key(&place, name), WarningKind::Overridden, message);
            }
        }
        if members.sends("type") {
            notes.warn(&members.place("type"), WarningKind::Unknown, "is not known here");
        }
        let text = said.as_ref().map(|said| said.text.as_str());
        let item = as_item(body, text, role, session.as_deref());
        // What is wrong with what every item has is found with what is wrong with the message.
        let item = match AddRequest::read(&item, reading) {
            Ok(read) => {
                notes.take_warnings(read.warnings);
                Some(read.value)
            }
            Err(InvalidRequest::Faults(faults)) => {
                let is_own = |field: &str| field == "body.content" && text.is_none();
                faults.list.into_iter().filter(|fault| !is_own(&fault.field())).for_each(|fault| {
                    notes.fault(fault);
                });
                None
            }
            Err(other) => return Err(other),
        };
        let request = said.zip(role).zip(session).zip(item);
        let request = request.map(|(((said, _), session), item)| Self {
            session,
            message: Message { is_held: !processes, ..said.blocks },
            title,
            item,
        });
        finish(notes, request, None, None)
    }
}

/// The request as it would add the item that the message is.
fn as_item(body: &Value, text: Option<&str>, role: Option<MessageRole>, session: Option<&str>) -> Value {
    let mut item = body.as_object().cloned().unwrap_or_default();
    for name in ["content", "role", "sessionId", "process_messages", "title", "type"] {
        item.remove(name);
    }
    if let Some(text) = text {
        item.insert("content".to_owned(), text.into());
    }
    let metadata = item.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    // It may come as JSON text. What cannot be read is found where it is read.
    if let Some(read) =
        metadata.as_str().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
    {
        *metadata = Value::Object(read);
    }
    if let Value::Object(metadata) = metadata {
        // The same under other spellings would be another's.
        metadata.remove("conversation_id");
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                metadata.insert(name.to_owned(), value.into());
            }
        };
        put("role", role.map(MessageRole::name));
        put("conversationId", session);
    }
    Value::Object(item)
}

/// One text, or a list of blocks, each a text.
fn read_content(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Said> {
    match value {
        Value::String(text) => Some(Said { text: text.clone(), blocks: Message::default() }),
        Value::Array(blocks) if blocks.is_empty() || blocks.len() > limits::MESSAGE_BLOCKS_MAX => {
            let message = format!("must have 1 to {} blocks", limits::MESSAGE_BLOCKS_MAX);
            notes.wrong(at, if blocks.is_empty() { Fault::TooShort } else { Fault::TooLong }, message)
        }
        Value::Array(blocks) => {
            let texts = each(blocks, at, notes, read_block)?;
            let (blocks, text) = Message::of_blocks(&texts);
            Some(Said { text, blocks })
        }
        _ => notes.wrong(
            at,
            Fault::WrongType,
            "must be a string or a list of {\"type\": \"text\", \"text\": …}",
        ),
    }
}

fn read_block(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let mut members = Members::open(value, at, notes)?;
    let of_type = members.required("type", notes, |value, at, notes: &mut Notes| match value.as_str() {
        Some("text") => Some(()),
        Some(_) => notes.wrong(at, Fault::NotAllowed, "must be text: no other content is kept here"),
        None => notes.wrong(at, Fault::WrongType, "must be a string"),
    });
    of_type?;
    let text = members.required("text", notes, |value, at, notes: &mut Notes| {
        let text = text(limits::CONTENT_BYTES_MAX)(value, at, notes)?;
        if text.trim().is_empty() {
            return notes.wrong(at, Fault::TooShort, "must not be empty or blank");
        }
        Some(text)
    });
    members.close(Unknown::Refuse, notes);
    text
}

/// What is said of a session: it replaces what it states, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionPatch {
    /// What it is called from now on; of the inner value none takes the title away.
    pub title: Option<Option<String>>,
    /// Members to be put among those that are there; null takes one away.
    pub metadata: Map<String, Value>,
}

impl SessionPatch {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::lenient();
        let patch = Members::open(body, &At::Root("body"), &mut notes).map(|mut members| {
            let is_taken_away = body.get("title").is_some_and(Value::is_null);
            let title = members.optional("title", &mut notes, line(limits::SESSION_TITLE_CHARS_MAX));
            let metadata = members.optional(
                "metadata",
                &mut notes,
                object_within(limits::CUSTOM_KEYS_MAX, limits::SESSION_METADATA_BYTES_MAX),
            );
            members.close(Unknown::Warn, &mut notes);
            let title = if is_taken_away { Some(None) } else { title.map(Some) };
            Self { title, metadata: metadata.unwrap_or_default() }
        });
        finish(notes, patch, None, None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Read<MessageRequest>, InvalidRequest> {
        MessageRequest::read(body, &Reading::default())
    }

    #[track_caller]
    fn refuses(body: &Value, expect: &[&str]) {
        let InvalidRequest::Faults(faults) = read(body).expect_err("it is wrong") else {
            panic!("no faults")
        };
        let found: Vec<String> =
            faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_message_is_an_item_with_its_role_and_session() {
        let body = json!({
            "content": "Hello", "role": "User", "sessionId": "s", "title": "Greetings", "external_user_id": "ana",
            "metadata": {"category": "preference", "role": "assistant", "conversationId": "t"},
        });
        let Read { value, warnings } = read(&body).expect("it is right");
        assert_eq!((value.session.as_str(), value.title.as_deref()), ("s", Some("Greetings")));
        assert_eq!(value.message, Message::default());
        assert_eq!(value.item.content, "Hello");
        assert_eq!(value.item.metadata.role, Some(MessageRole::User));
        assert_eq!(value.item.metadata.conversation_id.as_deref(), Some("s"));
        let fields: Vec<&str> = warnings.iter().map(|warning| warning.field.as_str()).collect();
        assert_eq!(fields, ["body.metadata.role", "body.metadata.conversationId"]);
    }

    #[test]
    fn blocks_of_text_are_one_text() {
        let body = json!({
            "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
            "role": "assistant", "sessionId": "s", "process_messages": false,
        });
        let value = read(&body).expect("it is right").value;
        assert_eq!(value.item.content, "One.\nTwo.");
        assert_eq!(value.message, Message { is_held: true, blocks: vec![4, 4] });
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        refuses(
            &json!({}),
            &["body.content: is required", "body.role: is required", "body.sessionId: is required"],
        );
        refuses(
            &json!({
                "content": [{"type": "image", "url": "x"}, {"type": "text", "text": "a", "size": 1}, 7],
                "role": "system", "sessionId": " ", "consent": "maybe", "process_messages": "no",
            }),
            &[
                "body.content[0].type: must be text: no other content is kept here",
                "body.content[1].size: is not known here",
                "body.content[2]: must be a JSON object",
                "body.role: must be one of: user, assistant",
                "body.sessionId: must not be empty or blank",
                "body.process_messages: must be true or false",
                "body.consent: must be one of: explicit, implicit, terms, none",
            ],
        );
        refuses(
            &json!({"content": [], "role": "user", "sessionId": "s"}),
            &["body.content: must have 1 to 100 blocks"],
        );
        let blank = json!({"content": [{"type": "text", "text": " "}], "role": "user", "sessionId": "s"});
        refuses(&blank, &["body.content[0].text: must not be empty or blank"]);
        let long = json!({"content": "x".repeat(limits::ITEM_CONTENT_BYTES_MAX + 1), "role": "user", "sessionId": "s"});
        assert!(matches!(read(&long), Err(InvalidRequest::TooLarge(_))));
        refuses(&json!([]), &["body: must be a JSON object"]);
    }

    #[test]
    fn a_session_is_changed_by_what_is_stated() {
        let check = |body: Value, title: Option<Option<&str>>, members: usize| {
            let patch = SessionPatch::read(&body).expect("it is right").value;
            assert_eq!(patch.title, title.map(|title| title.map(str::to_owned)), "{body}");
            assert_eq!(patch.metadata.len(), members, "{body}");
        };
        check(json!({}), None, 0);
        check(json!({"title": "Trip"}), Some(Some("Trip")), 0);
        check(json!({"title": null, "metadata": {"a": [1], "b": null}}), Some(None), 2);
        assert!(SessionPatch::read(&json!({"title": 7})).is_err());
        assert!(SessionPatch::read(&json!({"metadata": []})).is_err());
    }
}
