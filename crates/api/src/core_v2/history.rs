//! `GET /v2/memories/{id}/history`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::get::{self, History};
use memoryscope_engine::op::query::Shown;

use super::who::Place;
use super::wire::requests::GetRequest;
use super::wire::shown as wire_shown;
use super::wire::{answers, example, memory_id};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::Problem;
use crate::refused::both;
use crate::wire::{Unknown, decode_query, parameter};

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v2/memories/{id}/history", "getMemoryHistory")
        .says(
            "A memory's versions, for a purpose",
            "All of them as the current one may be shown. What may not be seen is answered as what never was.",
        )
        .runs(&get::HISTORY)
        .names("id", "The memory, as it was answered when it was stored.", MEMORY_ID_PATTERN)
        .asks::<GetRequest>()
        .answers(200, "The versions.", answers::history_schema())
        .example(
            Example::new("own")
                .with("id", example::ID)
                .with("tenant_id", example::TENANT)
                .with("purpose", "chat_response")
                .with("X-MemoryScope-User", example::USER),
        )
}

/// Shows a memory's versions.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &memory_id());
    let (id, read) = both(id, decode_query::<GetRequest>(query.as_deref(), Unknown::Refuse))?;
    let GetRequest { tenant, purpose } = read.value;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, None);
    let done = engine.run(&cx, &History { id, purpose }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let versions = &done.output.versions;
    let items = versions.iter().enumerate().filter_map(|(at, version)| {
        // Only the current version can be dormant: what it was before was something else.
        let is_current = at + 1 == versions.len();
        let is_dormant = is_current && done.output.is_dormant;
        let state = if is_dormant { Shown::Dormant } else { Shown::Stored(version.state) };
        wire_shown::memory(version, state, meta.now)
    });
    let items: Vec<_> = items.collect();
    let body = answers::history(&items, done.output.more);
    Ok(shown(&done, body))
}
