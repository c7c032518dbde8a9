//! Where a listing goes on.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::time::Timestamp;

use super::wire::ListRequest;
use crate::cursor::{Binding, Cursor};
use crate::problem::Problem;

/// The position as text.
pub(super) fn write(request: &ListRequest, position: (Timestamp, MemoryId)) -> String {
    Cursor::new(position, binding(request)).text()
}

/// The position that a request goes on at.
///
/// # Errors
/// 422 when its cursor is another query's.
pub(super) fn position(request: &ListRequest) -> Result<Option<(Timestamp, MemoryId)>, Problem> {
    request.cursor.map(|cursor| cursor.position(binding(request), "query")).transpose()
}

fn binding(request: &ListRequest) -> Binding {
    let domain = request.domain.as_ref().map(|domain| domain.as_str());
    let purpose = request.purpose.class.map(|class| class.name());
    Binding::of(&[Some(request.user.as_str()), Some(request.kind.name()), domain, purpose])
}
