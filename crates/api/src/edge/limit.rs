//! Bounds a request's body: by what it declares, and by what comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::runtime::Handle;

use super::Edge;
use crate::json::TooLarge;
use crate::problem::Problem;

/// How much of a refused body is read and thrown away, so that a client that writes before it reads still
/// sees the answer.
const DRAIN_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// For how long.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Refuses a body that declares too much, and bounds every other.
pub(super) fn bound(request: Request, edge: &Edge) -> Result<Request, Problem> {
    let limit_bytes = edge.body_bytes_max(&request);
    let declared = declared_bytes(request.headers());
    // A client that asked first has sent nothing yet.
    let drain = !request.headers().contains_key(header::EXPECT);
    let (parts, inner) = request.into_parts();
    let body = Capped { inner: Some(inner), left_bytes: limit_bytes, limit_bytes, drain };
    if declared.is_some_and(|bytes| bytes > limit_bytes as u64) {
        // Dropping the body drains it.
        return Err(Problem::too_large(limit_bytes));
    }
    Ok(Request::from_parts(parts, Body::new(body)))
}

fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// A body that ends in [`TooLarge`] at its limit, and that is drained when nobody reads it to its end.
struct Capped {
    inner: Option<Body>,
    left_bytes: usize,
    limit_bytes: usize,
    drain: bool,
}

impl HttpBody for Capped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match self.left_bytes.checked_sub(bytes) {
                    Some(left_bytes) => self.left_bytes = left_bytes,
                    None => {
                        self.drain_rest();
                        let limit_bytes = self.limit_bytes;
                        return Poll::Ready(Some(Err(Box::new(TooLarge { limit_bytes }))));
                    }
                }
            }
            Some(Err(_)) | None => self.inner = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Capped {
    fn drain_rest(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.drain
            && !inner.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME_MAX, drain(inner)));
        }
    }
}

impl Drop for Capped {
    fn drop(&mut self) {
        self.drain_rest();
    }
}

async fn drain(mut body: Body) {
    let mut left_bytes = DRAIN_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(left) = left_bytes.checked_sub(bytes) else { return };
        left_bytes = left;
    }
}
