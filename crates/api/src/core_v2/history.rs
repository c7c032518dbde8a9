//! `GET /v2/memories/{id}/history`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::get::{self, History};
use memoryscope_engine::op::query::Shown;

use super::who::Place;
use super::wire::answers;
use super::wire::requests::HistoryRequest;
use super::wire::shown as wire_shown;
use super::{context, error, named, shown};
use crate::auth::Caller;
use crate::cursor::Cursor;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::Problem;

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v2/memories/{id}/history", "getMemoryHistory")
        .says(
            "A memory's versions, for a purpose",
            "All of them as the current one may be shown, the oldest first. What may not be seen is answered as what \
             never was.",
        )
        .runs(&get::HISTORY)
        .names("id", named::ID, MEMORY_ID_PATTERN)
        .asks::<HistoryRequest>()
        .answers(200, "A page of versions, and where to go on.", answers::history_schema())
        .example(named::own())
        .example(Example { name: "first", ..named::own() }.with("limit", 1))
}

/// Shows a memory's versions.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (id, request) = named::read::<HistoryRequest>(&id, query.as_deref())?;
    let binding = request.binding(id);
    let after = request.cursor.map(|cursor| cursor.of(binding, "query")?.version("query")).transpose()?;
    let op = History { id, purpose: request.named.purpose, after: after.unwrap_or(0), limit: request.limit };
    let cx = context(&engine, &caller, &meta, Place { tenant: &request.named.tenant, scope: None }, None);
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let items = done.output.versions.iter().filter_map(|version| {
        // Only the current version can be dormant: what it was before was something else.
        let is_weak = done.output.is_dormant && version.version == done.output.current;
        wire_shown::memory(version, Shown::of(version.state, is_weak), meta.now)
    });
    let items: Vec<_> = items.collect();
    let next = done.output.next.map(|version| Cursor::of_version(version, binding).text());
    let body = answers::history(&items, next.as_deref());
    Ok(shown(&done, body))
}
