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

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::{AuditId, TenantId, UserId};
use memoryscope_domain::policy::Dialect;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::engine::Engine;
use serde_json::Value;

pub use self::wire::CreateRequest;
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Operation, Routes, Tag, Verb};
use crate::refused::with_access_log;

/// The dialect's routes.
#[must_use]
pub fn routes() -> Routes<Arc<Engine>> {
    Routes::new()
        .add(create::operation(), create::handler)
        .add(batch::operation(), batch::handler)
        .add(read::operation(), read::handler)
        .add(continue_read::operation(), continue_read::handler)
        .add(revoke::operation(), revoke::handler)
        .add(list::operation(), list::handler)
        .add(delete::operation(), delete::handler)
}

/// A route of the dialect.
fn operation(verb: Verb, path: &'static str, id: &'static str) -> Operation {
    Operation::new(verb, path, Tag::Scoped, id)
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
