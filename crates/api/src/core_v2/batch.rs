//! `POST /v2/memories/batch`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::batch::{IngestedItem, ingest_batch};
use memoryscope_engine::op::ingest;
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

use super::who::Place;
use super::wire::requests::BatchRequest;
use super::wire::{answers, example};
use super::{context, error, who};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let two =
        json!({"tenant_id": example::TENANT, "memories": [example::untenanted(), example::untenanted()]});
    super::operation(Verb::Post, "/v2/memories/batch", "ingestMemories")
        .says(
            "Store events, impacts and seeds",
            "Up to a thousand, each accepted or refused on its own; results are in their order.",
        )
        .runs(&ingest::INFO)
        .takes::<BatchRequest>(Unknown::Refuse)
        .once()
        .answers(200, "All are stored.", answers::batch_schema())
        .answers(207, "Some are stored; the others say why not.", answers::batch_schema())
        .example(Example::new("two").body(two))
}

/// Stores memories, each accepted or refused on its own: 200 where all were accepted, 207 where some were not.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let batch = document.decode_at::<BatchRequest>(Unknown::Refuse, meta.now)?.value;
    let tenant = batch.tenant;
    let idempotency = caller.idempotency("POST /v2/memories/batch", document.value());
    let mut results: BTreeMap<usize, Value> = BTreeMap::new();
    let (mut places, mut items) = (Vec::new(), Vec::new());
    for (index, memory) in batch.memories.into_iter().enumerate() {
        match memory {
            Ok(read) => {
                let object = read.value.memory;
                let user =
                    who::principal(&caller, Place { tenant: &tenant, scope: Some(&object.scope) }).user;
                places.push(index);
                items.push((user, object));
            }
            Err(errors) => {
                results.insert(index, refused(index, &Problem::from(errors), &meta));
            }
        }
    }
    let tried = items.len();
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, idempotency);
    let answered = ingest_batch(&engine, &cx, items).await;
    let mut problems = Vec::new();
    for (index, result) in places.into_iter().zip(answered) {
        let told = match told(result, &tenant, index, &meta) {
            Ok(stored) => stored,
            Err(problem) => {
                let told = refused(index, &problem, &meta);
                problems.push(problem);
                told
            }
        };
        results.insert(index, told);
    }
    // Where nothing could be tried, the batch failed, not its items.
    if problems.len() == tried
        && problems.iter().all(is_of_the_batch)
        && let Some(first) = problems.first()
    {
        return Err(first.clone());
    }
    let rejected = results.values().filter(|result| result.get("error").is_some()).count();
    let status = if rejected == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let accepted = results.len() - rejected;
    let results: Vec<Value> = results.into_values().collect();
    let body = json!({"results": results, "accepted": accepted, "rejected": rejected});
    Ok((status, axum::Json(body)).into_response())
}

/// Whether a problem is with the whole request and not with what one item says.
fn is_of_the_batch(problem: &Problem) -> bool {
    problem.status().is_server_error()
        || matches!(problem.code(), Code::IdempotencyKeyReused | Code::InProgress)
}

/// What is told of one item.
fn told(
    result: Result<IngestedItem, Refusal>,
    tenant: &TenantId,
    index: usize,
    meta: &RequestMeta,
) -> Result<Value, Problem> {
    let IngestedItem { result, access_log } = result.map_err(|refusal| error::problem(refusal, meta))?;
    let stored = result.map_err(|rejected| error::rejected(rejected, access_log, Some(index), meta))?;
    let body = answers::ingested(tenant, &stored);
    let mut told = json!(answers::decided(body, Some(&stored.trace), access_log));
    told["index"] = json!(index);
    told["status"] = json!(StatusCode::CREATED.as_u16());
    Ok(told)
}

fn refused(index: usize, problem: &Problem, meta: &RequestMeta) -> Value {
    json!({"index": index, "status": problem.status().as_u16(), "error": problem.error(meta)})
}
