//! `GET /v2/memories/{id}`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::get::{self, Get};
use memoryscope_engine::refusal::Refusal;

use super::who::Place;
use super::wire::requests::GetRequest;
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
    super::operation(Verb::Get, "/v2/memories/{id}", "getMemory")
        .says(
            "One memory, for a purpose",
            "As the policy obliges it to be shown. What may not be seen is answered as what never was.",
        )
        .runs(&get::GET)
        .names("id", "The memory, as it was answered when it was stored.", MEMORY_ID_PATTERN)
        .asks::<GetRequest>()
        .answers(200, "The memory.", answers::one_schema())
        .example(
            Example::new("own")
                .with("id", example::ID)
                .with("tenant_id", example::TENANT)
                .with("purpose", "chat_response")
                .with("X-MemoryScope-User", example::USER),
        )
}

/// Shows a memory.
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
    let done = engine.run(&cx, &Get { id, purpose }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = answers::item(&done.output, meta.now)
        .ok_or_else(|| error::problem(Refusal::Bug("what was shown is no object".to_owned()), &meta))?;
    Ok(shown(&done, body))
}
