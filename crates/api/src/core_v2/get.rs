//! `GET /v2/memories/{id}`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::get::{self, Get};
use memoryscope_engine::refusal::Refusal;

use super::who::Place;
use super::wire::answers;
use super::wire::requests::GetRequest;
use super::{context, error, named, shown};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Operation, Verb};
use crate::problem::Problem;

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v2/memories/{id}", "getMemory")
        .says(
            "One memory, for a purpose",
            "As the policy obliges it to be shown. What may not be seen is answered as what never was.",
        )
        .runs(&get::GET)
        .names("id", named::ID, MEMORY_ID_PATTERN)
        .asks::<GetRequest>()
        .answers(200, "The memory.", answers::one_schema())
        .example(named::own())
}

/// Shows a memory.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (id, GetRequest { tenant, purpose }) = named::read(&id, query.as_deref())?;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, None);
    let done = engine.run(&cx, &Get { id, purpose }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = answers::item(&done.output, meta.now, false)
        .ok_or_else(|| error::problem(Refusal::Bug("what was shown is no object".to_owned()), &meta))?;
    Ok(shown(&done, body))
}
