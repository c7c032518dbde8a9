//! A change of an item.

use serde_json::Value;

use super::add::{ContextMessage, ItemType, read_context, read_type, with_metadata};
use super::identity::Identity;
use super::{DeprecatedId, InvalidRequest, Reading, TooLarge, finish, read_content, read_removed};
use crate::fields::{At, Members, Notes, Read, Unknown};
use crate::items::metadata::{ItemMetadata, Metadata, MetadataPlace};
use crate::items::policy::RequestPolicy;

/// A request to change an item: it replaces what it states, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateRequest {
    /// What it holds from now on.
    pub content: Option<String>,
    /// What it is from now on.
    pub item_type: Option<ItemType>,
    /// Who changes it: checked against its write list.
    pub identity: Identity,
    /// How it is treated from now on, where that is stated.
    pub policy: RequestPolicy,
    /// What it is about from now on: see [`ItemMetadata::changed_by`].
    pub metadata: Option<ItemMetadata>,
    /// What was said around it.
    pub context: Option<Vec<ContextMessage>>,
}

impl UpdateRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::new(reading.is_strict);
        let (mut trap, mut too_large) = (None, None);
        let read = read(body, &At::Root("body"), &mut notes, reading, &mut trap, &mut too_large);
        finish(notes, read, trap, too_large)
    }

    /// Whether it states anything that would change an item.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        self.content.is_some()
            || self.item_type.is_some()
            || self.metadata.is_some()
            || self.context.is_some()
            || !self.policy.stated.is_silent()
            || !self.policy.metadata.is_silent()
    }
}

fn read(
    body: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    reading: &Reading,
    trap: &mut Option<DeprecatedId>,
    too_large: &mut Option<TooLarge>,
) -> Option<UpdateRequest> {
    let mut members = Members::open(body, at, notes)?;
    let content = members.optional("content", notes, |value, at, notes| {
        read_content(value, at, notes, reading.content_bytes_max, too_large)
    });
    let item_type = members.optional("type", notes, read_type);
    let metadata = members.optional("metadata", notes, |value, at, notes| {
        Metadata::read(value, at, notes, MetadataPlace::Update)
    });
    let (item, identity, said) = match metadata {
        Some(Metadata { item, identity, policy }) => (Some(item), identity, policy),
        None => Default::default(),
    };
    let identity = Identity::read(&mut members, identity, notes, trap);
    let policy = with_metadata(RequestPolicy::read(&mut members, notes), said, &members, notes);
    let context = members.optional("context", notes, read_context);
    read_removed(&mut members, notes);
    members.close(Unknown::Warn, notes);
    let metadata = item.filter(|item| *item != ItemMetadata::default());
    Some(UpdateRequest { content, item_type, identity, policy, metadata, context })
}
