//! Where a listing goes on.

use super::wire::ListRequest;
use crate::cursor::Binding;

/// What a listing's cursors are good for.
pub(super) fn binding(request: &ListRequest) -> Binding {
    let domain = request.domain.as_ref().map(|domain| domain.as_str());
    let purpose = request.purpose.class.map(|class| class.name());
    Binding::of(&[Some(request.user.as_str()), Some(request.kind.name()), domain, purpose])
}
