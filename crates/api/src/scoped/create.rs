//! `POST /memory`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::create::{self, Create};
use memoryscope_engine::refusal::Refusal;
use serde_json::json;

use super::wire::{self, CreateRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let least = json!({"user_id": "ana", "scope": "schedule", "source": "user_setting", "ttl_days": 365,
        "value_json": [{"day": "monday", "start": "09:00", "end": "17:00"}]});
    super::operation(Verb::Post, "/memory", "createMemory")
        .says(
            "Store a memory",
            "It lives for `ttl_days` and can be read for the purposes that the policy grants.",
        )
        .runs(&create::INFO)
        .takes::<CreateRequest>(Unknown::Accept)
        .once()
        .answers(201, "It is stored.", wire::created_schema())
        .refuses(&[Code::PolicyDenied, Code::Forbidden])
        .example(Example::new("likes").body(wire::example()))
        .example(Example::new("windows").body(least))
        .example(Example::new("once").with("Idempotency-Key", "likes-of-ana-1").body(wire::example()))
}

/// Stores a memory.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let read = document.decode::<CreateRequest>(Unknown::Accept)?;
    let CreateRequest { user, item } = &read.value;
    let idempotency = caller.idempotency("POST /memory", document.value());
    let cx = context(&engine, &caller, &meta, Some(user.clone()), idempotency);
    let kind = item.preference.kind();
    let op = Create { user: user.clone(), items: vec![item.clone()] };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let access_log = done.access_log;
    let created = match done.output.into_iter().next() {
        Some(Ok(created)) => created,
        Some(Err(trace)) => {
            return Err(error::write_denied(kind, *trace, access_log, &meta));
        }
        None => return Err(error::problem(Refusal::Bug("nothing was created".to_owned()), &meta)),
    };
    let body = wire::with_warnings(wire::created(&created), &read);
    Ok(answer(StatusCode::CREATED, body, access_log))
}
