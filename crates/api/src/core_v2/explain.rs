//! `POST /v2/explain`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::explain::{self, ExplainMemories};
use serde_json::json;

use super::who::Place;
use super::wire::example;
use super::wire::looked::{Asked, Described, ExplainRequest, WouldBe, explained_log, explained_schema};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let log = json!({"tenant_id": example::TENANT, "access_log_id": example::LOG});
    let memories = json!({
        "tenant_id": example::TENANT, "memory_ids": [example::ID],
        "request": {"purpose": "chat_response"},
    });
    super::operation(Verb::Post, "/v2/explain", "explainDecision")
        .says(
            "Why a decision came out as it did",
            "Of an access log: each memory that was returned, with the rules that decided. Of memories: how they would \
             be decided. Only of what the caller may see now; auditors hear of the withheld too.",
        )
        .runs(&explain::INFO)
        .takes::<ExplainRequest>(Unknown::Refuse)
        .answers(200, "The explanation.", explained_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("log").body(log).with("X-MemoryScope-User", example::USER))
        .example(Example::new("memories").body(memories).with("X-MemoryScope-User", example::USER))
}

/// Explains a decision.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let ExplainRequest { tenant, about } =
        document.decode_at::<ExplainRequest>(Unknown::Refuse, meta.now)?.value;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, None);
    match about {
        Asked::Log(log) => {
            let done = engine.explain(&cx, log).await.map_err(|refusal| error::problem(refusal, &meta))?;
            Ok(shown(&done, explained_log(&done.output)))
        }
        Asked::Memories(ids, Described { purpose, operation, tool, include_events }) => {
            let tool = tool.map(|tool| tool.as_str().to_owned());
            let op = ExplainMemories { ids, purpose, operation, tool, include_events };
            let mut done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
            let would_be = WouldBe::of(std::mem::take(&mut done.output), purpose);
            Ok(shown(&done, would_be.said()))
        }
    }
}
