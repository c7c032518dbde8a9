//! Where a listing goes on: opaque, and good for the query that it came from only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::time::Timestamp;
use sha2::{Digest, Sha256};

use super::wire::ListRequest;
use crate::problem::Problem;
use crate::wire::{Fault, FieldError, Path};

/// How many bytes bind a cursor to its query. They guard against slips; what a caller may see is decided anew.
const BINDING_BYTES: usize = 8;

/// The position as text.
pub(super) fn write(request: &ListRequest, position: (Timestamp, MemoryId)) -> String {
    let mut bytes = Vec::with_capacity(8 + 16 + BINDING_BYTES);
    bytes.extend_from_slice(&position.0.unix_micros().to_be_bytes());
    bytes.extend_from_slice(position.1.uuid().as_bytes());
    bytes.extend_from_slice(&binding(request));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A cursor that was sent: a position, and the query that it is good for.
#[derive(Debug)]
pub(super) struct Cursor {
    position: (Timestamp, MemoryId),
    bound: [u8; BINDING_BYTES],
}

/// The text is no cursor, or another query's.
#[derive(Debug, thiserror::Error)]
#[error("must be the next_cursor of the same query")]
pub(super) struct NotOurs;

impl Cursor {
    /// What a text says, whichever query it is good for.
    pub(super) fn parse(text: &str) -> Result<Self, NotOurs> {
        parse(text).ok_or(NotOurs)
    }
}

/// The position that a request goes on at.
///
/// # Errors
/// 422 when its cursor is another query's. Only a request that is right as a whole is a query, so this one fault
/// is told alone.
pub(super) fn position(request: &ListRequest) -> Result<Option<(Timestamp, MemoryId)>, Problem> {
    let Some(cursor) = &request.cursor else { return Ok(None) };
    if cursor.bound == binding(request) {
        return Ok(Some(cursor.position));
    }
    let root = Path::Root("query");
    let at = Path::Key(&root, "cursor");
    Err(Problem::invalid(vec![FieldError::new(&at, Fault::Invalid, NotOurs.to_string())]))
}

fn parse(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let (id, bound) = rest.split_first_chunk::<16>()?;
    let position = (
        Timestamp::from_unix_micros(i64::from_be_bytes(*time)),
        MemoryId::from_uuid(uuid::Uuid::from_bytes(*id)),
    );
    Some(Cursor { position, bound: bound.try_into().ok()? })
}

fn binding(request: &ListRequest) -> [u8; BINDING_BYTES] {
    let mut hasher = Sha256::new();
    let domain = request.domain.as_ref().map(|domain| domain.as_str());
    let purpose = request.purpose.class.map(|class| class.name());
    for part in [Some(request.user.as_str()), Some(request.kind.name()), domain, purpose] {
        let text = part.unwrap_or_default();
        hasher.update([u8::from(part.is_some())]);
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    let digest = hasher.finalize();
    std::array::from_fn(|at| digest[at])
}
