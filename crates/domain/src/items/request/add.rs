//! A new item.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Identity;
use super::{DeprecatedId, InvalidRequest, Reading, TooLarge, finish, read_content, read_removed};
use crate::constraint::closed_list;
use crate::fields::{At, Members, Notes, Read, Unknown, WarningKind, any_case, list_of, text};
use crate::items::metadata::{ItemMetadata, MessageRole, Metadata, MetadataPlace, MetadataPolicy};
use crate::items::policy::RequestPolicy;
use crate::limits;

closed_list!(
    /// What an item is.
    ItemType {
        /// A text.
        Text "text",
        /// A piece of code.
        CodeSnippet "code_snippet",
        /// A document, or a part of one.
        Document "document",
    }
);

/// A message that surrounds an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMessage {
    /// Who said it.
    pub role: MessageRole,
    /// What was said.
    pub content: String,
}

/// A request to add an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddRequest {
    /// What it holds.
    pub content: String,
    /// What it is.
    pub item_type: ItemType,
    /// For whom, and where.
    pub identity: Identity,
    /// How it is treated.
    pub policy: RequestPolicy,
    /// What it is about.
    pub metadata: ItemMetadata,
    /// What was said around it, the oldest first.
    pub context: Vec<ContextMessage>,
}

impl AddRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        Self::read_at(body, &At::Root("body"), Notes::new(reading.is_strict), reading, None)
    }

    /// Reads a request where it stands; `inherited` is what its batch says of who acts and where.
    pub(super) fn read_at(
        value: &Value,
        at: &At<'_>,
        mut notes: Notes,
        reading: &Reading,
        inherited: Option<&Identity>,
    ) -> Result<Read<Self>, InvalidRequest> {
        let (mut trap, mut too_large) = (None, None);
        let read = read(value, at, &mut notes, reading, &mut trap, &mut too_large);
        let read = read.map(|request| match inherited {
            Some(inherited) => Self { identity: request.identity.or(inherited), ..request },
            None => request,
        });
        finish(notes, read, trap, too_large)
    }
}

fn read(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    reading: &Reading,
    trap: &mut Option<DeprecatedId>,
    too_large: &mut Option<TooLarge>,
) -> Option<AddRequest> {
    let mut members = Members::open(value, at, notes)?;
    let content = members.required("content", notes, |value, at, notes| {
        read_content(value, at, notes, reading.content_bytes_max, too_large)
    });
    let item_type = members.optional("type", notes, read_type);
    let metadata = members
        .optional("metadata", notes, |value, at, notes| Metadata::read(value, at, notes, MetadataPlace::Add));
    let Metadata { item, identity, policy: said } = metadata.unwrap_or_default();
    let identity = Identity::read(&mut members, identity, notes, trap);
    let policy = with_metadata(RequestPolicy::read(&mut members, notes), said, &members, notes);
    let context = members.optional("context", notes, read_context);
    read_removed(&mut members, notes);
    members.close(Unknown::Warn, notes);
    Some(AddRequest {
        content: content?,
        item_type: item_type.unwrap_or(ItemType::Text),
        identity,
        policy,
        metadata: item,
        context: context.unwrap_or_default(),
    })
}

/// What the metadata says of how the item is treated lies one layer below the request; what loses is named.
pub(super) fn with_metadata(
    policy: RequestPolicy,
    said: MetadataPolicy,
    members: &Members<'_>,
    notes: &mut Notes,
) -> RequestPolicy {
    let place = members.place("metadata");
    let stated = &policy.stated;
    let losers = [
        ("consent", stated.consent.is_some() && said.consent.is_some() && stated.consent != said.consent),
        ("risk", stated.risk.is_some() && said.risk.is_some() && stated.risk != said.risk),
        ("acl", stated.acl.is_some() && said.acl.is_some() && stated.acl != said.acl),
    ];
    for (field, _) in losers.into_iter().filter(|(_, lost)| *lost) {
        let message = "has no effect: the request says otherwise";
        notes.warn(&At::Key(&place, field), WarningKind::Overridden, message);
    }
    RequestPolicy { metadata: said.into(), ..policy }
}

/// Nothing is a text; documents had another name once.
pub(super) fn read_type(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<ItemType> {
    let from_name = |name: &str| match name {
        "" => Some((ItemType::Text, false)),
        "documentmemoryitem" => Some((ItemType::Document, true)),
        name => ItemType::from_name(name).map(|item_type| (item_type, false)),
    };
    let (item_type, is_former) = any_case(ItemType::NAMES, from_name)(value, at, notes)?;
    if is_former {
        notes.deprecated_value(at, "document");
    }
    Some(item_type)
}

pub(in crate::items) fn read_context(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
) -> Option<Vec<ContextMessage>> {
    list_of(limits::ITEM_CONTEXT_MESSAGES_MAX, |value, at, notes: &mut Notes| {
        let mut members = Members::open(value, at, notes)?;
        let role = members.required("role", notes, any_case(MessageRole::NAMES, MessageRole::from_name));
        let content = members.required("content", notes, text(limits::CONTENT_BYTES_MAX));
        members.close(Unknown::Warn, notes);
        Some(ContextMessage { role: role?, content: content? })
    })(value, at, notes)
}
