//! `POST /v2/tools/gate`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::gate::{self, AskGate};
use serde_json::json;

use super::who::Place;
use super::wire::example;
use super::wire::gate::{GateRequest, gate as told, gate_schema};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let call = json!({
        "tenant_id": example::TENANT, "scope": example::scope(), "tool": "order_food",
        "purpose": "task_execution", "evidence_ids": [example::ID],
    });
    super::operation(Verb::Post, "/v2/tools/gate", "gateTool")
        .says(
            "Ask whether a tool may be called",
            "On what evidence, and under which constraints. A closed gate is an answer, not an error.",
        )
        .runs(&gate::INFO)
        .takes::<GateRequest>(Unknown::Refuse)
        .answers(200, "What the gate says.", gate_schema())
        .refuses(&[Code::PolicyDenied])
        .example(Example::new("call").body(call))
}

/// Asks a tool's gate.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let request = document.decode_at::<GateRequest>(Unknown::Refuse, meta.now)?.value;
    let GateRequest { tenant, scope, tool, purpose, evidence } = request;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let op = AskGate { scope, tool: tool.as_str().to_owned(), purpose, evidence };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = told(&op.tool, &done.output);
    Ok(shown(&done, body))
}
