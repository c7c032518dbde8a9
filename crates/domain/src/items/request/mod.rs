//! The requests of the items dialect, whole.
//!
//! Each reader finds everything that is wrong, and what the answer should warn of. It knows no envelope: what a request
//! is refused with, [`InvalidRequest`] says in kind, and each family of routes has its own words and status for it.

mod add;
mod batch;
mod feedback;
mod identity;
mod message;
mod omo;
mod pattern;
mod search;
#[cfg(test)]
mod tests;
mod update;

use serde_json::Value;

use crate::fields::{At, Fault, Faults, Members, Notes, Read};
use crate::limits;

pub(super) use add::read_context;
pub use add::{AddRequest, ContextMessage, ItemType};
pub use batch::BatchRequest;
pub use feedback::{EachRead, FeedbackRequest};
pub use identity::{Acting, Identity, is_application_id, tenant_of_organization};
pub use message::{MessageRequest, SessionPatch};
pub use omo::{ExportRequest, ImportRequest, ids_among};
pub use pattern::{GraphPattern, Operator, Pattern, PropertyFilter};
pub use search::{Counts, OmoFilter, Query, SearchRequest};
pub use update::UpdateRequest;

/// How requests are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whether deprecated fields are refused.
    pub is_strict: bool,
    /// The longest content of an item, in bytes.
    pub content_bytes_max: usize,
    /// All contents of a batch together, in bytes.
    pub batch_bytes_max: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            is_strict: false,
            content_bytes_max: limits::ITEM_CONTENT_BYTES_MAX,
            batch_bytes_max: limits::ITEM_BATCH_BYTES_MAX,
        }
    }
}

/// An id of the application's own where one of the server's is meant: what clients get wrong most.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} takes ids of the server's own, and this looks like one of your application's: {SUGGESTION}")]
pub struct DeprecatedId {
    /// Where.
    pub field: String,
    /// What was sent: shown to who sent it.
    pub provided_value: String,
}

/// What to do about it.
pub const SUGGESTION: &str = "send it as external_user_id";

/// Something that is longer than it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} has {bytes} bytes; at most {bytes_max} are allowed")]
pub struct TooLarge {
    /// Where.
    pub field: String,
    /// How long it is.
    pub bytes: usize,
    /// How long it may be.
    pub bytes_max: usize,
}

/// More of something than one request may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} must have at most {max} members")]
pub struct TooMany {
    /// Where.
    pub field: String,
    /// How many it may have.
    pub max: usize,
}

/// Why a request is refused before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// 400.
    #[error(transparent)]
    DeprecatedId(#[from] DeprecatedId),
    /// 413.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// 413.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// 400: a search for nothing.
    #[error("query must not be empty or blank; * finds what is recent")]
    BlankQuery,
    /// 422, or 501 where nothing but [`Fault::Unsupported`] is in it.
    #[error(transparent)]
    Faults(#[from] Faults),
}

impl InvalidRequest {
    /// Whether the request is right, and asks for something that this server does not do.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Faults(faults)
            if faults.omitted_count == 0 && faults.list.iter().all(|fault| fault.fault == Fault::Unsupported))
    }
}

/// What was removed from requests, and may still be sent by older clients.
fn read_removed(members: &mut Members<'_>, notes: &mut Notes) {
    members.removed("simple_schema_mode", "was removed and has no effect", notes);
}

/// The content of an item: not blank, and as it is.
fn read_content(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    bytes_max: usize,
    too_large: &mut Option<TooLarge>,
) -> Option<String> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    if text.trim().is_empty() {
        return notes.wrong(at, Fault::TooShort, "must not be empty or blank");
    }
    if text.len() > bytes_max {
        let field = crate::fields::field_text(&at.steps());
        too_large.get_or_insert(TooLarge { field, bytes: text.len(), bytes_max });
        return None;
    }
    Some(text.to_owned())
}

/// The request, unless something is wrong; of several reasons, the one that is told by itself.
fn finish<T>(
    notes: Notes,
    read: Option<T>,
    trap: Option<DeprecatedId>,
    too_large: Option<TooLarge>,
) -> Result<Read<T>, InvalidRequest> {
    if let Some(trap) = trap {
        return Err(trap.into());
    }
    if let Some(too_large) = too_large {
        return Err(too_large.into());
    }
    Ok(notes.finish(read)?)
}
