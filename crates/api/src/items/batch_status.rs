//! `GET /v1/memory/batch/status/{id}`.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::job::Work;
use memoryscope_engine::op::told::{self, Look, Status};
use serde_json::{Value, json};

use super::get::word;
use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::queries::NamedQuery;
use super::wire::{batch_status_schema, example};
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What a batch's name looks like.
const PATTERN: &str = "^batch_[0-9a-f]{32}$";

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v1/memory/batch/status/{id}", "getItemBatchStatus")
        .says(
            "How far a batch is",
            "For whoever sent it, for thirty days. Memories that are gone, or may not be seen, are not listed.",
        )
        .runs(&told::GET)
        .states_purpose()
        .names("id", "The batch, as `batch_id` named it.", PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "How far it is.", batch_status_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("own").with("id", example::BATCH))
}

/// Says how far a batch is.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let principal = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?.principal;
    if !is_name(&id) {
        return Err(Problem::not_found());
    }
    let cx = context(&items, principal.clone(), &meta, None);
    let problem = |refusal| error::problem(refusal, &meta);
    let done = items.engine.run(&cx, &Look { id: id.clone() }).await.map_err(problem)?;
    let access_log = done.access_log;
    let Some(batch) = done.output else { return Err(audited(Problem::not_found(), access_log)) };
    // A request of its own: two entries of the chain have two names.
    let cx = context(&items, principal, &meta, None);
    let status = Status { ids: batch.memories, purpose };
    let work = items.engine.run(&cx, &status).await.map_err(problem)?.output;
    let (mut completed, mut failed) = (0, 0);
    let mut memories: Vec<Value> = Vec::with_capacity(work.len());
    for (id, work) in &work {
        let awaits_vector = items.engine.awaits_vector(&cx.principal.tenant, *id);
        completed += usize::from(*work == Work::Completed && !awaits_vector);
        failed += usize::from(*work == Work::Failed);
        memories.push(json!({"memory_id": id.prefixed(), "status": word(*work, awaits_vector)}));
    }
    let processing = memories.len() - completed - failed;
    let body = json!({
        "code": 200,
        "batch_id": id,
        "status": outcome(processing, completed, failed + batch.refused),
        "total": batch.sent,
        "refused": batch.refused,
        "completed": completed,
        "failed": failed,
        "processing": processing,
        "createdAt": batch.created.to_string(),
        "memories": memories,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(access_log)))
}

/// How far a batch is of whose memories so many are still worked on, done, and lost.
const fn outcome(processing: usize, completed: usize, lost: usize) -> &'static str {
    match (processing, completed, lost) {
        (1.., ..) => "processing",
        (0, _, 0) => "completed",
        (0, 0, _) => "failed",
        (0, ..) => "partial",
    }
}

fn is_name(id: &str) -> bool {
    let digits = id.strip_prefix("batch_").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
