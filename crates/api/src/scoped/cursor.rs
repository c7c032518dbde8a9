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

/// The position that a text stands for.
///
/// # Errors
/// 422 when it is no cursor, or another query's.
pub(super) fn read(request: &ListRequest) -> Result<Option<(Timestamp, MemoryId)>, Problem> {
    let Some(text) = &request.cursor else { return Ok(None) };
    parse(text, &binding(request)).map(Some).ok_or_else(|| {
        let root = Path::Root("query");
        let at = Path::Key(&root, "cursor");
        let message = "must be the next_cursor of the same query";
        Problem::invalid(vec![FieldError::new(&at, Fault::Invalid, message)])
    })
}

fn parse(text: &str, binding: &[u8]) -> Option<(Timestamp, MemoryId)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let (id, bound) = rest.split_first_chunk::<16>()?;
    let position = (
        Timestamp::from_unix_micros(i64::from_be_bytes(*time)),
        MemoryId::from_uuid(uuid::Uuid::from_bytes(*id)),
    );
    (bound == binding).then_some(position)
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
