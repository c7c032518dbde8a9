//! Refuses what asks for another server, bounds a request's time, and catches its panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;

use super::{Edge, limit};
use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};

/// A handler panicked. What it said is not kept: it may hold content.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked")]
struct Panicked;

pub(super) async fn guard(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let meta = request.extensions().get::<RequestMeta>().cloned();
    let meant = edge.config.hosts.as_ref().map_or(Ok(()), |hosts| hosts.check(&request));
    // Bounded in any case: a body that is not read is drained.
    let bounded = limit::bound(request, &edge);
    let mut response = match meant.and(bounded) {
        Ok(request) => {
            let work = AssertUnwindSafe(next.run(request)).catch_unwind();
            match tokio::time::timeout(edge.config.timeout, work).await {
                Ok(Ok(response)) => response,
                Ok(Err(_payload)) => {
                    let id = meta.as_ref().map_or("no-edge", |meta| meta.request_id.as_str());
                    Problem::bug(id, &Panicked).into_response()
                }
                Err(_) => timed_out(&edge).into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    };
    if Problem::of(&response).is_some_and(|problem| problem.code() == Code::PayloadTooLarge) {
        // The rest of the body is on its way: no next request can be told from it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn timed_out(edge: &Edge) -> Problem {
    let seconds = edge.config.timeout.as_secs();
    Problem::new(Code::Timeout, format!("The request took longer than {seconds} seconds"))
        .hint("Whether it took effect is not known: send it again with the same Idempotency-Key")
}

/// Makes panics log their place and nothing else: what they say may hold content. Call it once, at the start.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
