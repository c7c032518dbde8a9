//! The items dialect, `/v1` (api-items.md): what clients of the Papr Memory API speak.
//!
//! A translator and nothing more: request, operation, response.

mod add;
mod batch;
mod batch_status;
mod delete;
mod envelope;
mod erase_all;
mod error;
mod feedback;
mod get;
mod graph;
mod known;
mod messages;
mod namespaces;
mod omo;
mod paging;
mod reading;
mod review;
mod schemas;
mod search;
mod sessions;
mod unbuilt;
mod update;
mod users;
mod warn;
mod who;
mod wire;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::fields::Warning;
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::engine::Engine;
use serde_json::Value;

pub(crate) use self::envelope::refusal;
pub use self::reading::ItemsConfig;
use crate::meta::RequestMeta;
use crate::openapi::{Operation, Routes, Tag, Verb};
use crate::refused::with_access_log;

/// What the dialect's handlers share.
#[derive(Debug, Clone)]
pub struct Items {
    engine: Arc<Engine>,
    config: ItemsConfig,
}

impl Items {
    /// The dialect over an engine.
    #[must_use]
    pub const fn new(engine: Arc<Engine>, config: ItemsConfig) -> Self {
        Self { engine, config }
    }
}

/// The dialect's routes. What has a fixed name comes before `/{id}`.
#[must_use]
pub fn routes() -> Routes<Items> {
    let routes = Routes::new()
        .add(add::operation(), add::handler)
        .add(batch::operation(), batch::handler)
        .add(search::operation(), search::handler)
        .add(erase_all::operation(), erase_all::handler)
        .add(get::status_operation(), get::status_handler)
        .add(batch_status::operation(), batch_status::handler)
        .add(get::operation(), get::handler)
        .add(update::operation(), update::handler)
        .add(delete::operation(), delete::handler)
        .add(schemas::create_operation(), schemas::create)
        .add(schemas::list_operation(), schemas::list)
        .add(schemas::get_operation(), schemas::get)
        .add(schemas::update_operation(), schemas::update)
        .add(schemas::delete_operation(), schemas::delete)
        .add(graph::node_operation(), graph::node)
        .add(graph::edges_operation(), graph::edges)
        .add(graph::around_operation(), graph::neighbourhood);
    let routes = routes
        .add(omo::export_operation(), omo::export)
        .add(omo::file_operation(), omo::export_file)
        .add(omo::import_operation(), omo::import);
    let routes = feedback::routes(messages::routes(review::routes(routes)));
    unbuilt::routes(namespaces::routes(users::routes(routes)))
}

/// A route of the dialect.
fn operation(verb: Verb, path: &'static str, id: &'static str) -> Operation {
    Operation::new(verb, path, Tag::Items, id)
}

/// The context of a request.
fn context(
    items: &Items,
    principal: Principal,
    meta: &RequestMeta,
    idempotency: Option<Idempotency>,
) -> Context {
    let cx = items.engine.begin(principal, meta.request_id.clone(), Dialect::Items, meta.now);
    Context { idempotency, ..cx }
}

/// An answer with the name of its audit entry, and what it warns of.
fn answer(
    status: StatusCode,
    mut body: Value,
    warnings: &[Warning],
    access_log: Option<AuditId>,
) -> Response {
    warn::write(&mut body, warnings);
    let response = (status, axum::Json(body)).into_response();
    let response = warn::head(response, warnings);
    match access_log {
        Some(access_log) => with_access_log(response, access_log),
        None => response,
    }
}
