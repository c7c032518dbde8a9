//! `POST /memory/read`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::read::{self, Read};
use memoryscope_engine::refusal::Refusal;
use serde_json::json;

use super::wire::{self, ReadRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let words = json!({"user_id": "ana", "scope": "preferences", "domain": "food",
        "purpose": "suggest a place for dinner"});
    let class = json!({"user_id": "ana", "scope": "preferences", "domain": "food",
        "purpose_class": "content_generation", "max_age_days": 90});
    super::operation(Verb::Post, "/memory/read", "readMemories")
        .says(
            "Read a summary, for a purpose",
            "All live memories of exactly this person, scope and domain, merged. The purpose is said in words or as \
             a class; what the policy does not grant it is denied, and the denial is audited.",
        )
        .runs(&read::INFO)
        .takes::<ReadRequest>(Unknown::Accept)
        .answers(200, "The summary, and a token for this grant.", wire::merged_schema())
        .refuses(&[Code::PolicyDenied])
        .example(Example::new("words").body(words))
        .example(Example::new("class").body(class))
}

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
