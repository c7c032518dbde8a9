//! `PUT /v1/memory/{id}`.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::{At, Fault, FieldFault, Step as Place};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::items::policy::{Layer, Layers, SchemaId as SchemaName};
use memoryscope_domain::items::request::UpdateRequest;
use memoryscope_domain::lifecycle::{Revision, Step};
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::op::get::Get;
use memoryscope_engine::op::step::{self, MakeStep};
use serde_json::json;

use super::known::{Known, Wanted};
use super::who::Acts;
use super::wire::queries::UpdateQuery;
use super::wire::{example, memory, schema, updated_schema};
use super::{Items, answer, context, error, get, schemas};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    let change =
        json!({"external_user_id": "ana", "content": "Ana prefers aisle seats.", "risk": "sensitive"});
    super::operation(Verb::Put, "/v1/memory/{id}", "updateItem")
        .says(
            "Change a memory",
            "It makes the next version: what the request states is replaced, everything else stays. What follows from the \
             memory is derived again. external_user_id says who changes it, and must be its owner or on its write list.",
        )
        .runs(&step::REVISE)
        .names("id", get::ID, MEMORY_ID_PATTERN)
        .asks::<UpdateQuery>()
        .takes_json(schema::update())
        .once()
        .answers(200, "It is changed.", updated_schema())
        .refuses(&[
            Code::PolicyDenied,
            Code::Forbidden,
            Code::NotFound,
            Code::Conflict,
            Code::PayloadTooLarge,
            Code::NotImplemented,
        ])
        .example(Example::new("one").with("id", example::ID).body(change))
}

/// Changes an item.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    if decode_query::<UpdateQuery>(query.as_deref(), Unknown::Accept)?.value.is_holographic {
        return Err(Problem::new(Code::NotImplemented, "holographic embeddings are not made here"));
    }
    let id = get::named(&id)?;
    let idempotency = caller.idempotency("PUT /v1/memory/{id}", &json!([id.prefixed(), document.value()]));
    let body = document.into_value()?;
    let read = UpdateRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (mut request, warnings) = (read.value, read.warnings);
    let organization = request.identity.organization_id.clone();
    let wanted = Wanted::default().identity(&request.identity).policy(&request.policy);
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    known.settle(&mut request.identity);
    known.settle_request(&mut request.policy);
    let acts = Acts::of(&caller, &request.identity)?;
    let root = At::Root("body");
    let before = before(&items, &meta, &acts, id).await;
    let within = Wanted::default().namespace(before.namespace.as_deref());
    let known = known.and((&items, &meta, &caller), organization.as_deref(), within).await?;
    let namespace = known.policy_of(before.namespace.as_deref())?;
    let of_request = request.policy.stated.schema_id.as_ref().or(before.schema.as_ref());
    let of_namespace = namespace.as_ref().and_then(|policy| policy.schema_id.as_ref());
    let named = of_request.or(of_namespace).map(|id| id.as_str().to_owned());
    let schema = schemas::of_policy(&items, &meta, &acts, named.as_deref()).await?;
    let (schema, known) =
        known.with_schema((&items, &meta, &caller), organization.as_deref(), schema).await?;
    let policy = &request.policy;
    let layers =
        Layers { namespace: namespace.as_ref(), schema: schema.as_ref(), batch: None, request: policy };
    let mut faults = unknown_schema(&layers, &root);
    let stated = [&policy.stated, &policy.metadata];
    faults.extend(stated.into_iter().flat_map(|policy| acts.unknown_in(policy.acl.as_ref(), &known, &root)));
    if !faults.is_empty() {
        return Err(error::invalid(&faults, 0));
    }
    let cx = context(&items, acts.principal, &meta, idempotency);
    let step = Step::Revise(Box::new(Revision::of(request, schema.map(Box::new)).within(namespace)));
    let done = items.engine.run(&cx, &MakeStep { id, step }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let made = done.output.map_err(|barred| error::barred(barred, done.access_log))?;
    let body = json!({
        "code": 200,
        "status": "success",
        "memory_items": [memory::revised(&made.memory)],
        "status_obj": {"pinecone": true, "neo4j": true, "parse": true},
        "message": "The memory is changed",
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &warnings, Some(done.access_log)))
}

/// What holds for a memory beside what it states, as far as whoever changes it may read that.
#[derive(Debug, Default)]
struct Before {
    /// The schema that it states, or its own default does; not one that its namespace named then.
    schema: Option<SchemaName>,
    namespace: Option<String>,
}

async fn before(items: &Items, meta: &RequestMeta, acts: &Acts, id: MemoryId) -> Before {
    let cx = context(items, acts.principal.clone(), meta, None);
    let Ok(done) = items.engine.run(&cx, &Get { id, purpose: Purpose::ChatResponse }).await else {
        return Before::default();
    };
    let Some(item) = done.output.memory.item() else { return Before::default() };
    let schema = item.policy.schema_id.as_ref().filter(|schema| schema.layer != Layer::Namespace);
    let schema = schema.map(|schema| schema.value.clone());
    Before { schema, namespace: item.namespace_id.clone() }
}

/// What is wrong with a request whose policy names a schema that is not there.
pub(super) fn unknown_schema(layers: &Layers<'_>, at: &At<'_>) -> Vec<FieldFault> {
    let field = ["memory_policy", "schema_id"].map(|key| Place::Key(key.to_owned()));
    let named = layers.schema_id().filter(|_| layers.schema.is_none());
    let fault = |_| FieldFault {
        path: [at.steps(), field.to_vec()].concat(),
        message: "names no schema that there is".to_owned(),
        fault: Fault::Invalid,
    };
    named.map(fault).into_iter().collect()
}
