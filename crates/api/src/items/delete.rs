//! `DELETE /v1/memory/{id}`.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::lifecycle::Step;
use memoryscope_engine::op::step::{self, MakeStep};
use serde_json::json;

use super::who::Acts;
use super::wire::queries::NamedQuery;
use super::wire::{deleted_schema, example};
use super::{Items, answer, context, error, get};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    super::operation(Verb::Delete, "/v1/memory/{id}", "deleteItem")
        .says(
            "Erase a memory",
            "Its content is gone for good, and that of what was computed from it. Erasing it again changes nothing.",
        )
        .runs(&step::ERASE)
        .names("id", get::ID, MEMORY_ID_PATTERN)
        .asks::<NamedQuery>()
        .once()
        .answers(200, "It is erased, or was before.", deleted_schema())
        .refuses(&[
            Code::PolicyDenied,
            Code::Forbidden,
            Code::NotFound,
            Code::Conflict,
            Code::PayloadTooLarge,
        ])
        .example(Example::new("one").with("id", example::ID).with("external_user_id", "ana"))
}

/// Erases an item.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let id = get::named(&id)?;
    let key = json!([id.prefixed(), named.organization_id, named.user.as_ref().map(|user| user.as_str())]);
    let idempotency = caller.idempotency("DELETE /v1/memory/{id}", &key);
    let acts = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &MakeStep { id, step: Step::Erase }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    done.output.map_err(|barred| error::barred(barred, done.access_log))?;
    let body = json!({
        "code": 200,
        "status": "success",
        "message": "The memory is erased",
        "memoryId": id.prefixed(),
        "objectId": id.prefixed(),
        "deletion_status": {"pinecone": true, "neo4j": true, "parse": true, "qdrant": true},
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}
