//! `GET /v1/review`, `POST /v1/review/{id}/approve` and `POST /v1/review/{id}/reject`: what waits until somebody reviews it.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::lifecycle::Step;
use memoryscope_engine::op::review::{LIST, Queue};
use memoryscope_engine::op::step::{self, MakeStep};
use serde_json::{Value, json};

use super::reading::ReviewPurpose;
use super::who::Acts;
use super::wire::example;
use super::wire::review::{
    ApproveRequest, RejectRequest, ReviewQuery, StepRequest, queue_schema, reviewed_schema, shown,
};
use super::{Items, answer, context, error, get};
use crate::auth::Caller;
use crate::cursor::{Binding, Cursor};
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

/// The routes.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    let approve = posted::<ApproveRequest>("/v1/review/{id}/approve", "approveItem")
        .says(
            "Approve what waits for a review",
            "The flag is taken away, and the access list counts again on the memory and on its nodes; what is restricted is \
             active. Approving again what was approved changes nothing.",
        )
        .runs(&step::APPROVE)
        .example(reviewed(json!({"external_user_id": "rita", "risk": "none", "reason": "It is harmless."})));
    let reject = posted::<RejectRequest>("/v1/review/{id}/reject", "rejectItem")
        .says(
            "Reject what waits for a review",
            "It is revoked, and what was derived from it follows. Rejecting again what was rejected changes nothing.",
        )
        .runs(&step::REJECT)
        .example(reviewed(json!({"external_user_id": "rita", "reason": "It names a third person."})));
    routes.add(list_operation(), list).add(approve, made::<ApproveRequest>).add(reject, made::<RejectRequest>)
}

fn list_operation() -> Operation {
    super::operation(Verb::Get, "/v1/review", "listReview")
        .says(
            "What waits for a review",
            "What is flagged or restricted in the organization and may be seen by whoever reviews it, the oldest memory \
             first. Without the header X-Purpose it is read for support_agent_review.",
        )
        .runs(&LIST)
        .states_purpose()
        .asks::<ReviewQuery>()
        .answers(200, "What waits.", queue_schema())
        .refuses(&[Code::PolicyDenied])
        .example(Example::new("some").with("X-MemoryScope-Roles", "reviewer").with("limit", 5))
}

fn posted<T: StepRequest>(path: &'static str, id: &'static str) -> Operation {
    super::operation(Verb::Post, path, id)
        .names("id", get::ID, MEMORY_ID_PATTERN)
        .takes::<T>(Unknown::Accept)
        .once()
        .answers(200, "It is done, or was done before.", reviewed_schema())
        .refuses(&[
            Code::PolicyDenied,
            Code::Forbidden,
            Code::NotFound,
            Code::Conflict,
            Code::PayloadTooLarge,
        ])
}

fn reviewed(body: Value) -> Example {
    Example::new("one").with("id", example::ID).with("X-MemoryScope-Roles", "reviewer").body(body)
}

/// Lists what waits.
async fn list(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    ReviewPurpose(purpose): ReviewPurpose,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<ReviewQuery>(query.as_deref(), Unknown::Accept)?.value;
    let named = query.named;
    let acts = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?;
    let tenant = acts.principal.tenant.clone();
    let binding = Binding::of(&[Some("review"), Some(tenant.as_str()), Some(purpose.name())]);
    let mark = query.cursor.map(|cursor| cursor.of(binding, "query")).transpose()?;
    let cx = context(&items, acts.principal, &meta, None);
    let after = match mark {
        Some(mark) => {
            let refused = |refusal| error::problem(refusal, &meta);
            Some(mark.place("query", (&items.engine, &cx), refused).await?)
        }
        None => None,
    };
    let done = items.engine.run(&cx, &Queue { purpose, after, limit: query.limit }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = json!({
        "code": 200,
        "status": "success",
        "data": done.output.items.iter().map(shown).collect::<Vec<Value>>(),
        "next_cursor": done.output.next.map(|next| Cursor::new(next, binding).text()),
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Ends a review.
async fn made<T: StepRequest>(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = get::named(&id)?;
    let route = format!("POST /v1/review/{{id}}/{}", T::NAME);
    let idempotency = caller.idempotency(&route, &json!([id.prefixed(), document.value()]));
    let read = document.decode_at::<T>(Unknown::Accept, meta.now)?;
    let warnings = super::warn::of_unknown(&read.unknown);
    let (named, step) = read.value.into_step();
    let message = match step {
        Step::Approve { .. } => "The memory is approved",
        _ => "The memory is rejected",
    };
    let acts = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &MakeStep { id, step }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let made = done.output.map_err(|barred| error::barred(barred, done.access_log))?;
    let risk = made.memory.item().map(|item| item.policy.risk.value.name());
    let body = json!({
        "code": 200,
        "status": "success",
        "message": message,
        "memoryId": id.prefixed(),
        "objectId": id.prefixed(),
        "state": made.memory.state.name(),
        "risk": risk,
        "updatedAt": made.memory.updated_at().to_string(),
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &warnings, Some(done.access_log)))
}
