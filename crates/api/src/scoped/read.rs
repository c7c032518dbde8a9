//! `POST /memory/read`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::read::Read;
use memoryscope_engine::refusal::Refusal;

use super::wire::{self, ReadRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::problem::Problem;
use crate::wire::Unknown;

/// Merges what a person has on one shelf, for a purpose.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let read = document.decode::<ReadRequest>(Unknown::Accept)?;
    let request = &read.value;
    let cx = context(&engine, &caller, &meta, Some(request.user.clone()), None);
    let op = Read {
        user: request.user.clone(),
        kind: request.kind,
        domain: request.domain.clone(),
        purpose: request.purpose.class,
        purpose_text: request.purpose.text.clone(),
        max_age_days: request.max_age_days,
    };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let Some(token) = &done.output.token else {
        return Err(error::problem(Refusal::Bug("a read gave no token".to_owned()), &meta));
    };
    let body = wire::with_warnings(wire::merged(&done.output, token), &read);
    Ok(answer(StatusCode::OK, body, done.access_log))
}
