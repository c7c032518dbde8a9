//! `POST /memory/read/continue`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::grant::Token;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::continue_read::{self, Continue};
use serde_json::json;

use super::wire::{self, ContinueRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    super::operation(Verb::Post, "/memory/read/continue", "continueReading")
        .says(
            "Read again under a token",
            "With the person, scope, domain, purpose and age of the grant. The policy that is active now decides anew.",
        )
        .runs(&continue_read::INFO)
        .takes::<ContinueRequest>(Unknown::Accept)
        .answers(200, "The summary of today, under the same grant.", wire::merged_schema())
        .refuses(&[Code::PolicyDenied, Code::Revoked, Code::Expired, Code::NotFound])
        .example(Example::new("token").body(json!({"revocation_token": wire::EXAMPLE_TOKEN})))
        .example(
            Example::new("younger").body(json!({"revocation_token": wire::EXAMPLE_TOKEN, "max_age_days": 7})),
        )
}

/// Reads again under a token.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let read = document.decode::<ContinueRequest>(Unknown::Accept)?;
    let cx = context(&engine, &caller, &meta, None, None);
    let token = read.value.token.clone().unwrap_or(Token::NOBODYS);
    let op = Continue { token_hash: token.hash(), max_age_days: read.value.max_age_days };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = wire::with_warnings(wire::merged(&done.output, &token), &read);
    Ok(answer(StatusCode::OK, body, done.access_log))
}
