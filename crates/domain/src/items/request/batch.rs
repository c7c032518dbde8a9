//! Many new items at once.

use serde_json::Value;

use super::add::AddRequest;
use super::identity::Identity;
use super::{DeprecatedId, InvalidRequest, Reading, TooLarge, finish, read_removed};
use crate::fields::{At, Fault, Members, Notes, Read, Unknown, integer};
use crate::items::metadata::MetadataIdentity;
use crate::items::policy::RequestPolicy;
use crate::limits;
use crate::webhook::{ADDRESS, Webhook, is_address};

/// A request to add items. Each is right or wrong by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// For whom and where, where an item does not say.
    pub identity: Identity,
    /// How the items are treated: the layer below what each says.
    pub policy: RequestPolicy,
    /// The items in their order, with the batch's identity where they have none.
    pub items: Vec<Result<Read<AddRequest>, InvalidRequest>>,
    /// How many are written together.
    pub batch_size: usize,
    /// Whom to tell.
    pub webhook: Option<Webhook>,
    /// The contents of all items together, in bytes.
    pub content_bytes: usize,
}

impl BatchRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// What is wrong with the batch as a whole. What is wrong with an item stands in its place.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let mut notes = Notes::new(reading.is_strict);
        let (mut trap, mut too_large) = (None, None);
        let read = read(body, &At::Root("body"), &mut notes, reading, &mut trap, &mut too_large);
        finish(notes, read, trap, too_large)
    }
}

fn read(
    body: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    reading: &Reading,
    trap: &mut Option<DeprecatedId>,
    too_large: &mut Option<TooLarge>,
) -> Option<BatchRequest> {
    let mut members = Members::open(body, at, notes)?;
    let memories = members.required("memories", notes, |value, at, notes| match value {
        Value::Array(items) if (1..=limits::ITEM_BATCH_ITEMS_MAX).contains(&items.len()) => {
            Some(items.clone())
        }
        Value::Array(items) => {
            let fault = if items.is_empty() { Fault::TooShort } else { Fault::TooLong };
            notes.wrong(at, fault, format!("must have 1 to {} items", limits::ITEM_BATCH_ITEMS_MAX))
        }
        _ => notes.wrong(at, Fault::WrongType, "must be a list"),
    });
    let identity = Identity::read(&mut members, MetadataIdentity::default(), notes, trap);
    let policy = RequestPolicy::read(&mut members, notes);
    let size_max = i64::try_from(limits::ITEM_BATCH_ITEMS_MAX).unwrap_or(i64::MAX);
    let batch_size = members.optional("batch_size", notes, integer(1, size_max));
    let url = members.optional("webhook_url", notes, |value, at, notes| match value {
        Value::String(url) if url.len() <= limits::WEBHOOK_BYTES_MAX && is_address(url) => Some(url.clone()),
        _ => notes.wrong(at, Fault::Invalid, ADDRESS),
    });
    let secret = members.optional("webhook_secret", notes, |value, at, notes| match value {
        Value::String(secret) if (1..=limits::WEBHOOK_BYTES_MAX).contains(&secret.len()) => {
            Some(secret.clone())
        }
        _ => {
            let message = format!("must be a string of 1 to {} bytes", limits::WEBHOOK_BYTES_MAX);
            notes.wrong(at, Fault::Invalid, message)
        }
    });
    read_removed(&mut members, notes);
    let memories = memories?;
    let contents = memories.iter().filter_map(|item| item.get("content").and_then(Value::as_str));
    let content_bytes: usize = contents.map(str::len).sum();
    if content_bytes > reading.batch_bytes_max {
        let (field, bytes_max) = ("body.memories".to_owned(), reading.batch_bytes_max);
        *too_large = Some(TooLarge { field, bytes: content_bytes, bytes_max });
        return None;
    }
    let list_at = members.place("memories");
    let items = memories
        .iter()
        .enumerate()
        .map(|(index, item)| {
            AddRequest::read_at(item, &At::Index(&list_at, index), notes.apart(), reading, Some(&identity))
        })
        .collect();
    members.close(Unknown::Warn, notes);
    let batch_size = batch_size.unwrap_or(limits::ITEM_BATCH_SIZE_DEFAULT);
    Some(BatchRequest {
        identity,
        policy,
        items,
        batch_size: usize::try_from(batch_size).unwrap_or(1),
        webhook: url.map(|url| Webhook { url, secret }),
        content_bytes,
    })
}
