//! The scoped dialect, `/memory` (api-scoped.md): preferences, constraints, schedules of one person.
//!
//! A translator and nothing more: request, operation, response.

mod batch;
mod continue_read;
mod create;
mod cursor;
mod delete;
mod error;
mod list;
mod read;
mod revoke;
mod value;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post};
use memoryscope_domain::ids::{AuditId, TenantId, UserId};
use memoryscope_domain::policy::Dialect;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::engine::Engine;
use serde_json::Value;

use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::refused::with_access_log;

/// The dialect's routes.
pub fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/memory", post(create::handler).get(list::handler))
        .route("/memory/batch", post(batch::handler))
        .route("/memory/read", post(read::handler))
        .route("/memory/read/continue", post(continue_read::handler))
        .route("/memory/revoke", post(revoke::handler))
        .route("/memory/{id}", delete(delete::handler))
        .with_state(engine)
}

/// The context of a request: the default tenant, and the person that the request names.
fn context(
    engine: &Engine,
    caller: &Caller,
    meta: &RequestMeta,
    user: Option<UserId>,
    idempotency: Option<Idempotency>,
) -> Context {
    let mut principal = caller.principal(TenantId::default_tenant());
    principal.user = user;
    Context { idempotency, ..engine.begin(principal, meta.request_id.clone(), Dialect::Scoped, meta.now) }
}

/// An answer with the name of its audit entry.
fn answer(status: StatusCode, body: Value, access_log: AuditId) -> Response {
    with_access_log((status, axum::Json(body)).into_response(), access_log)
}
