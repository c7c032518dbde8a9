//! `POST /v2/memories`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::ingest::{self, Ingest};
use memoryscope_engine::refusal::Refusal;

use super::who::Place;
use super::wire::{IngestRequest, answers, example};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    super::operation(Verb::Post, "/v2/memories", "ingestMemory")
        .says(
            "Store an event, an impact or a seed",
            "The policy sets its state, and only tightens what was asked for. What follows from an event is derived and \
             stored with it.",
        )
        .runs(&ingest::INFO)
        .takes::<IngestRequest>(Unknown::Refuse)
        .once()
        .answers(201, "It is stored.", answers::ingested_schema("IngestedMemory"))
        .refuses(&[Code::PolicyDenied, Code::Forbidden])
        .example(Example::new("event").body(example::event()))
        .example(Example::new("impact").body(example::impact()))
        .example(Example::new("once").with("Idempotency-Key", "event-of-ana-1").body(example::event()))
}

/// Stores a memory.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let IngestRequest { tenant, memory } =
        document.decode_at::<IngestRequest>(Unknown::Refuse, meta.now)?.value;
    let idempotency = caller.idempotency("POST /v2/memories", document.value());
    let scope = memory.scope.clone();
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, idempotency);
    let op = Ingest { items: vec![memory] };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output.into_iter().next() {
        Some(Ok(stored)) => {
            let body = answers::ingested(&tenant, &stored);
            Ok(answer(StatusCode::CREATED, body, Some(&stored.trace), done.access_log))
        }
        Some(Err(rejected)) => Err(error::rejected(rejected, done.access_log, None, &meta)),
        None => Err(error::problem(Refusal::Bug("nothing was decided".to_owned()), &meta)),
    }
}
