//! `POST /memory/batch`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::UserId;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::batch::{Item, create_batch};
use memoryscope_engine::op::create::{self, NewPreference};
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

use super::wire::{self, BatchRequest};
use super::{context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{self, Example, Operation, Verb, schema};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let second = json!({"user_id": "ben", "scope": "constraints", "source": "user_setting", "ttl_days": 30,
        "value_json": ["no calls before nine"]});
    super::operation(Verb::Post, "/memory/batch", "createMemories")
        .says(
            "Store memories",
            "Up to a thousand, each accepted or refused on its own; results are in their order.",
        )
        .runs(&create::INFO)
        .takes::<BatchRequest>(Unknown::Accept)
        .once()
        .answers(200, "All are stored.", answer_schema())
        .answers(207, "Some are stored; the others say why not.", answer_schema())
        .example(Example::new("two").body(json!({"memories": [wire::example(), second]})))
}

/// The schema of the answer.
fn answer_schema() -> Value {
    let access_log = ("access_log_id", schema::prefixed("log_"));
    let created = wire::created_members("StoredItem");
    let created =
        schema::with(created, [("index", schema::count()), ("status", json!({"const": 201})), access_log]);
    let refused = schema::object(
        "RefusedItem",
        [
            ("index", schema::count()),
            ("status", json!({"type": "integer", "minimum": 400, "maximum": 599})),
            ("error", openapi::error()),
        ],
    );
    wire::warned(schema::object(
        "BatchResults",
        [
            ("results", schema::list(json!({"anyOf": [wire::warned(created), refused]}))),
            ("accepted", schema::count()),
            ("rejected", schema::count()),
        ],
    ))
}

/// Stores memories, each accepted or refused on its own: 200 where all were accepted, 207 where some were not.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let read = document.decode::<BatchRequest>(Unknown::Accept)?;
    let mut results: BTreeMap<usize, Value> = BTreeMap::new();
    let mut wanted: Vec<(usize, (UserId, NewPreference))> = Vec::new();
    for (index, memory) in read.value.memories.iter().enumerate() {
        match memory {
            Ok(item) => wanted.push((index, (item.value.user.clone(), item.value.item.clone()))),
            Err(errors) => {
                results.insert(index, refused(index, &Problem::from(errors.clone()), &meta));
            }
        }
    }
    let idempotency = caller.idempotency("POST /memory/batch", document.value());
    let cx = context(&engine, &caller, &meta, None, idempotency);
    let kinds: Vec<_> = wanted.iter().map(|(index, (_, item))| (*index, item.preference.kind())).collect();
    let tried = kinds.len();
    let items = wanted.into_iter().map(|(_, item)| item).collect();
    let answers = create_batch(&engine, &cx, items).await;
    let mut problems = Vec::new();
    for ((index, kind), result) in kinds.into_iter().zip(answers) {
        match told(result, kind, &meta) {
            Ok(created) => {
                let created = match &read.value.memories[index] {
                    Ok(item) => wire::with_warnings(created, item),
                    Err(_) => created,
                };
                results.insert(index, with_index(index, created));
            }
            Err(problem) => {
                results.insert(index, refused(index, &problem, &meta));
                problems.push(problem);
            }
        }
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
    Ok((status, axum::Json(wire::with_warnings(body, &read))).into_response())
}

/// Whether a problem is with the whole request and not with what one item says.
fn is_of_the_batch(problem: &Problem) -> bool {
    problem.status().is_server_error()
        || matches!(problem.code(), Code::IdempotencyKeyReused | Code::InProgress)
}

/// What is told of one item.
fn told(
    result: Result<Item, Refusal>,
    kind: memoryscope_domain::preference::Kind,
    meta: &RequestMeta,
) -> Result<Value, Problem> {
    let Item { result, access_log } = result.map_err(|refusal| error::problem(refusal, meta))?;
    match result {
        Ok(created) => {
            let mut told = wire::created(&created);
            told["access_log_id"] = json!(access_log.prefixed());
            Ok(told)
        }
        Err(trace) => Err(error::write_denied(kind, *trace, access_log, meta)),
    }
}

fn with_index(index: usize, mut told: Value) -> Value {
    told["index"] = json!(index);
    told["status"] = json!(StatusCode::CREATED.as_u16());
    told
}

fn refused(index: usize, problem: &Problem, meta: &RequestMeta) -> Value {
    json!({"index": index, "status": problem.status().as_u16(), "error": problem.error(meta)})
}
