//! `DELETE /memory/{id}`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::ids::MemoryId;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::delete::{self, Delete};
use serde_json::json;

use super::wire::{self, DeleteRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb, schema};
use crate::problem::{Code, Problem};
use crate::refused::both;
use crate::wire::{Decode as _, Unknown, decode_query, parameter, string};

pub(super) fn operation() -> Operation {
    let deleted = schema::object("Deleted", [("id", schema::uuid()), ("deleted", json!({"const": true}))]);
    super::operation(Verb::Delete, "/memory/{id}", "deleteMemory")
        .says("Erase a memory", "Its content is gone; doing it again changes nothing.")
        .runs(&delete::INFO)
        .names("id", "The memory, as it was answered when it was stored.", MEMORY_ID_PATTERN)
        .asks::<DeleteRequest>()
        .once()
        .answers(200, "It is erased.", wire::warned(deleted))
        .refuses(&[Code::PolicyDenied, Code::Forbidden])
        .example(Example::new("one").with("id", wire::EXAMPLE_ID).with("user_id", "ana"))
}

/// Erases a memory of the person that the query names; doing it again changes nothing.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &string().parsed(|text: &String| MemoryId::parse(text)));
    let (id, read) = both(id, decode_query::<DeleteRequest>(query.as_deref(), Unknown::Accept))?;
    let user = read.value.user.clone();
    let idempotency = caller.idempotency("DELETE /memory/{id}", &json!([id.to_string(), user.as_str()]));
    let cx = context(&engine, &caller, &meta, Some(user), idempotency);
    let done = engine.run(&cx, &Delete { id }).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = json!({"id": done.output.to_string(), "deleted": true});
    Ok(answer(StatusCode::OK, wire::with_warnings(body, &read), done.access_log))
}
