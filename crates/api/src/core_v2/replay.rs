//! `POST /v2/replay`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::replay;
use serde_json::json;

use super::who::Place;
use super::wire::example;
use super::wire::replayed::{ReplayRequest, replayed, replayed_schema};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Fault, FieldError, Path, Unknown};

pub(super) fn operation() -> Operation {
    let plain = json!({"tenant_id": example::TENANT, "access_log_id": example::LOG});
    let mut other = plain.clone();
    other["override_context"] = json!({"purpose": "safety_filtering"});
    super::operation(Verb::Post, "/v2/replay", "replayDecision")
        .says(
            "Make a logged decision again",
            "As of what it saw, by the policy that decided, and compared with what was recorded; or with another \
             purpose, policy or time, and what that changes. Only what the caller may see now is shown.",
        )
        .runs(&replay::INFO)
        .takes::<ReplayRequest>(Unknown::Refuse)
        .answers(200, "What it came to.", replayed_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("as it was").body(plain).with("X-MemoryScope-User", example::USER))
        .example(Example::new("otherwise").body(other).with("X-MemoryScope-User", example::USER))
}

/// Makes a decision again.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let ReplayRequest { tenant, log, overridden } =
        document.decode_at::<ReplayRequest>(Unknown::Refuse, meta.now)?.value;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, None);
    let done = engine.replay(&cx, log, overridden).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    if done.output.is_policy_unknown {
        let root = Path::Root("body");
        let context = Path::Key(&root, "override_context");
        let message =
            "must be the version of the logged, the active or the built-in policy, or a kept policy's hash";
        let fault = FieldError::new(&Path::Key(&context, "policy_version"), Fault::Invalid, message);
        return Err(Problem::invalid(vec![fault]).detail("access_log_id", done.access_log.prefixed()));
    }
    let trace = done.output.trace.as_ref();
    Ok(answer(StatusCode::OK, replayed(&done.output), trace, done.access_log))
}
