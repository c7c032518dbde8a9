//! What is known of a request before anything of it is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use memoryscope_domain::ids::RequestId;
use memoryscope_domain::time::Timestamp;

/// A request's name and the time of its arrival; the edge puts it into every request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMeta {
    /// The name on every response, log line, audit entry and error.
    pub request_id: RequestId,
    /// When the request came in, by the injected clock.
    pub now: Timestamp,
}

impl<S: Sync> FromRequestParts<S> for RequestMeta {
    type Rejection = crate::problem::Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let meta = parts.extensions.get::<Self>().cloned();
        meta.ok_or_else(|| crate::problem::Problem::bug("no-edge", &NoEdge))
    }
}

/// The router is not wrapped by [`crate::edge`].
#[derive(Debug, thiserror::Error)]
#[error("the router is not wrapped by the edge")]
struct NoEdge;
