//! `GET /v2/spiral`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::spiral::{self, GetSpiral};

use super::who::Place;
use super::wire::example;
use super::wire::spiral::{SpiralRequest, spiral as told, spiral_schema};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::Problem;
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v2/spiral", "getSpiral")
        .says(
            "Whether a scope is in a spiral",
            "Which pattern, how surely and until when; never by what it was found. Who may not read the scope is answered \
             as if there were none.",
        )
        .runs(&spiral::INFO)
        .asks::<SpiralRequest>()
        .answers(200, "The pattern, or none.", spiral_schema())
        .example(
            Example::new("own")
                .with("tenant_id", example::TENANT)
                .with("scope_type", "user")
                .with("scope_id", example::USER),
        )
}

/// Tells of a scope's spiral.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let request = decode_query::<SpiralRequest>(query.as_deref(), Unknown::Refuse)?.value;
    let SpiralRequest { tenant, scope } = request;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let done =
        engine.run(&cx, &GetSpiral { scope }).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = told(done.output.as_ref());
    Ok(shown(&done, body))
}
