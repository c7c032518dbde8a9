//! The core dialect, `/v2` (api-core.md): events, impacts and seeds.
//!
//! A translator and nothing more: request, operation, response.

mod batch;
mod bridges;
mod error;
mod explain;
mod gate;
mod get;
mod history;
mod ingest;
mod list;
mod named;
mod policies;
mod query;
mod reconstruct;
mod replay;
mod spiral;
mod step;
mod subjects;
mod who;
mod wire;

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::policy::{Dialect, Trace};
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::engine::{Done, Engine};
use serde::Serialize;

use self::who::Place;
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Operation, Routes, Tag, Verb};
use crate::refused::with_access_log;

/// The dialect's routes.
#[must_use]
pub fn routes() -> Routes<Arc<Engine>> {
    let routes = Routes::new()
        .add(ingest::operation(), ingest::handler)
        .add(batch::operation(), batch::handler)
        .add(list::operation(), list::handler)
        .add(query::operation(), query::handler)
        .add(get::operation(), get::handler)
        .add(history::operation(), history::handler)
        .add(reconstruct::operation(), reconstruct::handler)
        .add(gate::operation(), gate::handler)
        .add(explain::operation(), explain::handler)
        .add(replay::operation(), replay::handler)
        .add(spiral::operation(), spiral::handler);
    bridges::routes(subjects::routes(policies::routes(step::routes(routes))))
}

/// A route of the dialect.
fn operation(verb: Verb, path: &'static str, id: &'static str) -> Operation {
    Operation::new(verb, path, Tag::Core, id)
}

/// The context of a request.
fn context(
    engine: &Engine,
    caller: &Caller,
    meta: &RequestMeta,
    place: Place<'_>,
    idempotency: Option<Idempotency>,
) -> Context {
    let principal = who::principal(caller, place);
    Context { idempotency, ..engine.begin(principal, meta.request_id.clone(), Dialect::Core, meta.now) }
}

/// An answer with why it was decided so, and the name of its audit entry.
fn answer(status: StatusCode, body: impl Serialize, trace: Option<&Trace>, access_log: AuditId) -> Response {
    told(status, wire::answers::decided(body, trace, access_log), access_log)
}

fn told(status: StatusCode, body: impl Serialize, access_log: AuditId) -> Response {
    // Into a vector, which thousands of small writes are appended to for less than to what `axum::Json` writes to.
    let response = match serde_json::to_vec(&body) {
        Ok(text) => {
            let json = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, json)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    with_access_log(response, access_log)
}

/// The answer of what was read, and behind which bridges.
fn shown<T>(done: &Done<T>, body: impl Serialize) -> Response {
    let body = wire::answers::decided_behind(body, done.trace.as_ref(), &done.bridged, done.access_log);
    told(StatusCode::OK, body, done.access_log)
}
