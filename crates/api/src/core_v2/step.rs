//! `POST /v2/memories/{id}/seal` and the other steps with a memory that was stored; `DELETE /v2/memories/{id}`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId};
use memoryscope_domain::lifecycle::{Barred, Step};
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Idempotency;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::step::{self, MakeStep};
use serde_json::{Value, json};

use super::who::Place;
use super::wire::steps::{
    AttestRequest, DisputeRequest, EraseRequest, RecallRequest, ReinforceRequest, ReleaseRequest,
    RevokeRequest, SealRequest, StepRequest,
};
use super::wire::{example, memory_id, stepped};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::{audited, both};
use crate::wire::{Fault, FieldError, Path as Place_, Unknown, decode_query, parameter};

/// The routes of all steps.
pub(super) fn routes(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    let reasoned = || json!({"tenant_id": example::TENANT, "reason": "Ana asked for it."});
    let seal = posted::<SealRequest>("/v2/memories/{id}/seal", "sealMemory", reasoned())
        .says("Seal a memory", "Nothing of it is shown any more, nor of what was derived from it.")
        .runs(&step::SEAL);
    let release = posted::<ReleaseRequest>("/v2/memories/{id}/release", "releaseMemory", reasoned())
        .says("Open a memory's seal", "It stays restricted, and so does what was derived from it.")
        .runs(&step::RELEASE);
    let revoke = posted::<RevokeRequest>("/v2/memories/{id}/revoke", "revokeMemory", reasoned())
        .says("Revoke a memory", "It is unusable from this instant, and so is what only it supports.")
        .runs(&step::REVOKE);
    let delta = json!({"tenant_id": example::TENANT, "delta": 0.2});
    let reinforce = posted::<ReinforceRequest>("/v2/memories/{id}/reinforce", "reinforceMemory", delta)
        .says("Make a memory stronger", "By so much more than what is left of it now; at most 1.")
        .runs(&step::REINFORCE)
        .refuses(&[Code::Blocked]);
    let updates = json!({"tenant_id": example::TENANT, "updates": {"note": "I see it otherwise now."}});
    let recall = posted::<RecallRequest>("/v2/memories/{id}/recall", "recallMemory", updates)
        .says(
            "Recall a memory, and perhaps change it",
            "As far as its reconsolidation policy goes; one field that it refuses refuses all.",
        )
        .runs(&step::RECALL)
        .refuses(&[Code::ReconsolidationDenied]);
    let dispute = posted::<DisputeRequest>("/v2/memories/{id}/dispute", "disputeMemory", reasoned())
        .says("Dispute a memory", "It is in no prompt and no tool decision until it is undisputed again.")
        .runs(&step::DISPUTE);
    let attest = json!({"tenant_id": example::TENANT, "attestation": "I was there.", "verdict": "affirm"});
    let attest = posted::<AttestRequest>("/v2/memories/{id}/attest", "attestMemory", attest)
        .says(
            "Attest to a memory, or against it",
            "As many distinct persons as the policy's quorum make it undisputed; one who contradicts makes it contested.",
        )
        .runs(&step::ATTEST);
    routes
        .add(seal, made::<SealRequest>)
        .add(release, made::<ReleaseRequest>)
        .add(revoke, made::<RevokeRequest>)
        .add(reinforce, made::<ReinforceRequest>)
        .add(recall, made::<RecallRequest>)
        .add(dispute, made::<DisputeRequest>)
        .add(attest, made::<AttestRequest>)
        .add(erase(), erased)
}

fn posted<T: StepRequest>(path: &'static str, id: &'static str, body: Value) -> Operation {
    let example =
        Example::new("one").with("id", example::ID).with("X-MemoryScope-User", example::USER).body(body);
    named(Verb::Post, path, id).takes::<T>(Unknown::Refuse).example(example)
}

fn named(verb: Verb, path: &'static str, id: &'static str) -> Operation {
    super::operation(verb, path, id)
        .names("id", "The memory, as it was answered when it was stored.", MEMORY_ID_PATTERN)
        .once()
        .answers(200, "It is done, or was done before.", stepped::stepped_schema())
        .refuses(&[Code::PolicyDenied, Code::Forbidden, Code::Conflict, Code::PayloadTooLarge])
}

fn erase() -> Operation {
    named(Verb::Delete, "/v2/memories/{id}", "eraseMemory")
        .says("Erase a memory", "Its content is gone, and that of what was computed from it.")
        .runs(&step::ERASE)
        .asks::<EraseRequest>()
        .example(
            Example::new("one")
                .with("id", example::ID)
                .with("tenant_id", example::TENANT)
                .with("X-MemoryScope-User", example::USER),
        )
}

/// Makes the step that the body describes.
async fn made<T: StepRequest>(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &memory_id());
    let (id, read) = both(id, document.decode_at::<T>(Unknown::Refuse, meta.now))?;
    let (tenant, step) = read.value.into_step();
    let name = format!("POST /v2/memories/{{id}}/{}", T::NAME);
    let idempotency = caller.idempotency(&name, &json!([id.prefixed(), document.value()]));
    make(&engine, &meta, &caller, idempotency, &tenant, MakeStep { id, step }).await
}

/// Erases a memory.
async fn erased(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &memory_id());
    let (id, read) = both(id, decode_query::<EraseRequest>(query.as_deref(), Unknown::Refuse))?;
    let tenant = read.value.tenant;
    let idempotency =
        caller.idempotency("DELETE /v2/memories/{id}", &json!([id.prefixed(), tenant.as_str()]));
    make(&engine, &meta, &caller, idempotency, &tenant, MakeStep { id, step: Step::Erase }).await
}

async fn make(
    engine: &Engine,
    meta: &RequestMeta,
    caller: &Caller,
    idempotency: Option<Idempotency>,
    tenant: &TenantId,
    op: MakeStep,
) -> Result<Response, Problem> {
    let cx = context(engine, caller, meta, Place { tenant, scope: None }, idempotency);
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, meta))?;
    match &done.output {
        Ok(made) => {
            let body = stepped::stepped(op.id, made, meta.now);
            Ok(answer(StatusCode::OK, body, done.trace.as_ref(), done.access_log))
        }
        Err(barred) => Err(self::barred(barred, op.id, done.access_log, meta.now)),
    }
}

/// Whole seconds, rounded up: whoever comes back then finds it over.
fn seconds_until(end: Timestamp, now: Timestamp) -> u32 {
    let micros = end.micros_since(now).max(0);
    u32::try_from(micros.saturating_add(999_999) / 1_000_000).unwrap_or(u32::MAX)
}

/// Why this memory cannot be changed so: told to whoever may know of it.
fn barred(barred: &Barred, id: MemoryId, access_log: AuditId, now: Timestamp) -> Problem {
    let text = barred.to_string();
    let text = format!("{}{}", text[..1].to_uppercase(), &text[1..]);
    let problem = match barred {
        Barred::State(state) | Barred::NotWaiting(state) => {
            Problem::new(Code::Conflict, text).detail("state", state.name())
        }
        Barred::Reconsolidation(fields) => {
            let fields: Vec<String> = fields.iter().map(|field| format!("updates.{field}")).collect();
            Problem::new(Code::ReconsolidationDenied, text).detail("refused_fields", fields)
        }
        Barred::Pending => Problem::new(Code::Conflict, text).retry_after(limits::PENDING_INTERVAL_SECONDS),
        Barred::Computed
        | Barred::Full(_)
        | Barred::NoItem
        | Barred::Invalid(_)
        | Barred::Inherited
        | Barred::Flagged => Problem::new(Code::Conflict, text),
        Barred::Spiral { until } => Problem::new(Code::Blocked, text)
            .detail("expires_at", until.to_string())
            .retry_after(seconds_until(*until, now)),
        Barred::Nobody => {
            let header = Place_::Key(&Place_::Root("header"), "X-MemoryScope-User");
            Problem::invalid(vec![FieldError::new(&header, Fault::Missing, "must name who attests")])
        }
    };
    let problem = problem.detail("memory_id", id.prefixed()).detail("access_log_id", access_log.prefixed());
    audited(problem, access_log)
}
