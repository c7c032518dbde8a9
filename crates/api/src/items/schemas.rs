//! `/v1/schemas`: which types of nodes and relationships there are.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::graph::Schema;
use memoryscope_domain::graph::schema::{Status, StoredSchema};
use memoryscope_domain::ids::SchemaId;
use memoryscope_domain::items::request::InvalidRequest;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::schema::{self, Amend, Create, Edit, Get, List};
use serde_json::{Value, json};

use super::who::Acts;
use super::wire::queries::{ListSchemasQuery, NamedQuery};
use super::wire::{deleted_schema_schema, example, schema_body, schema_patch, schemas_schema, stored_schema};
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::schema::SCHEMA_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the schema that a path names.
const ID: &str = "The schema, as it was answered when it was made.";

pub(super) fn create_operation() -> Operation {
    super::operation(Verb::Post, "/v1/schemas", "createSchema")
        .says(
            "Make a schema",
            "It says which types of nodes and relationships there are, and how memories that name it are treated where they \
             do not say. It belongs to external_user_id, or to the developer.",
        )
        .runs(&schema::CREATE)
        .asks::<NamedQuery>()
        .takes_json(schema_body())
        .once()
        .answers(201, "It is made.", stored_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("tasks").body(example::schema()))
}

pub(super) fn list_operation() -> Operation {
    super::operation(Verb::Get, "/v1/schemas", "listSchemas")
        .says(
            "The schemas",
            "Those that whoever asks may read, in the order in which they were made; none that was deleted.",
        )
        .runs(&schema::LIST)
        .asks::<ListSchemasQuery>()
        .answers(200, "The schemas.", schemas_schema())
        .example(Example::new("active").with("status_filter", "active"))
}

pub(super) fn get_operation() -> Operation {
    super::operation(Verb::Get, "/v1/schemas/{id}", "getSchema")
        .says("One schema", "One that was deleted, or may not be read, is answered as what never was.")
        .runs(&schema::GET)
        .names("id", ID, SCHEMA_ID_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "The schema.", stored_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("one").with("id", example::SCHEMA_ID))
}

pub(super) fn update_operation() -> Operation {
    super::operation(Verb::Put, "/v1/schemas/{id}", "updateSchema")
        .says("Change a schema", "The members that are sent take the place of its own. Memories that were written keep the policy that they had.")
        .runs(&schema::UPDATE)
        .names("id", ID, SCHEMA_ID_PATTERN)
        .asks::<NamedQuery>()
        .takes_json(schema_patch())
        .once()
        .answers(200, "It is changed.", stored_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("activate").with("id", example::SCHEMA_ID).body(json!({"status": "active"})))
}

pub(super) fn delete_operation() -> Operation {
    super::operation(Verb::Delete, "/v1/schemas/{id}", "deleteSchema")
        .says(
            "Delete a schema",
            "It is archived: nobody finds or uses it from now on. What was written with it stays.",
        )
        .runs(&schema::DELETE)
        .names("id", ID, SCHEMA_ID_PATTERN)
        .asks::<NamedQuery>()
        .once()
        .answers(200, "It is deleted.", deleted_schema_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("one").with("id", example::SCHEMA_ID))
}

/// Makes a schema.
pub(super) async fn create(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let acts = named(&caller, query.as_deref())?;
    let idempotency = caller.idempotency("POST /v1/schemas", document.value());
    let body = document.into_value()?;
    let read =
        Schema::read(&body, items.config.reading.is_strict).map_err(|faults| of_faults(faults.into()))?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Create { schema: read.value }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = json!({"success": true, "data": shown(&done.output), "error": null, "code": 201});
    Ok(answer(StatusCode::CREATED, body, &read.warnings, Some(done.access_log)))
}

/// Lists schemas.
pub(super) async fn list(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<ListSchemasQuery>(query.as_deref(), Unknown::Accept)?.value;
    let acts = Acts::named(&caller, query.named.user, query.named.organization_id, query.named.namespace_id)?;
    let cx = context(&items, acts.principal, &meta, None);
    let status = query.status.as_deref().and_then(Status::from_name);
    let done = items.engine.run(&cx, &List { status }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let schemas: Vec<Value> = done.output.schemas.iter().map(shown).collect();
    let body = json!({"success": true, "total": schemas.len(), "data": schemas, "error": null, "code": 200});
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Shows a schema.
pub(super) async fn get(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let acts = named(&caller, query.as_deref())?;
    let cx = context(&items, acts.principal, &meta, None);
    let done = items.engine.run(&cx, &Get { id: id_of(&id)? }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let Some(stored) = done.output else { return Err(audited(Problem::not_found(), done.access_log)) };
    let body = json!({"success": true, "data": shown(&stored), "error": null, "code": 200});
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Changes a schema.
pub(super) async fn update(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let id = id_of(&id)?;
    let idempotency = caller.idempotency("PUT /v1/schemas/{id}", &json!([id.prefixed(), document.value()]));
    let edit = Edit::Patch { body: document.into_value()?, is_strict: items.config.reading.is_strict };
    let cx = context(&items, named(&caller, query.as_deref())?.principal, &meta, idempotency);
    let body =
        |stored: &StoredSchema| json!({"success": true, "data": shown(stored), "error": null, "code": 200});
    amend(&items, &meta, &cx, Amend { id, edit }, body).await
}

/// Deletes a schema.
pub(super) async fn delete(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let op = Amend { id: id_of(&id)?, edit: Edit::Archive };
    let idempotency = caller.idempotency("DELETE /v1/schemas/{id}", &json!([op.id.prefixed()]));
    let cx = context(&items, named(&caller, query.as_deref())?.principal, &meta, idempotency);
    let body = |_: &StoredSchema| json!({"success": true, "message": "The schema is archived", "error": null, "code": 200});
    amend(&items, &meta, &cx, op, body).await
}

async fn amend(
    items: &Items,
    meta: &RequestMeta,
    cx: &Context,
    op: Amend,
    body: impl Fn(&StoredSchema) -> Value,
) -> Result<Response, Problem> {
    let done = items.engine.run(cx, &op).await.map_err(|refusal| error::problem(refusal, meta))?;
    match done.output {
        None => Err(audited(Problem::not_found(), done.access_log)),
        Some(Err(faults)) => Err(audited(of_faults(faults.into()), done.access_log)),
        Some(Ok(changed)) => {
            Ok(answer(StatusCode::OK, body(&changed.stored), &changed.warnings, Some(done.access_log)))
        }
    }
}

fn of_faults(invalid: InvalidRequest) -> Problem {
    error::of_request(invalid)
}

fn named(caller: &Caller, query: Option<&str>) -> Result<Acts, Problem> {
    let named = decode_query::<NamedQuery>(query, Unknown::Accept)?.value.named;
    Acts::named(caller, named.user, named.organization_id, named.namespace_id)
}

/// The schema that a path names. What is no schema's id names none.
fn id_of(id: &str) -> Result<SchemaId, Problem> {
    SchemaId::parse(id).map_err(|_| Problem::not_found())
}

/// The schema that a policy names, if whoever acts may use it. None is named, or there is none.
pub(super) async fn of_policy(
    items: &Items,
    meta: &RequestMeta,
    acts: &Acts,
    named: Option<&str>,
) -> Result<Option<Schema>, Problem> {
    Ok(readable(items, meta, acts, named).await?.map(|stored| stored.schema))
}

/// The schema that a request names, if whoever acts may read it.
pub(super) async fn readable(
    items: &Items,
    meta: &RequestMeta,
    acts: &Acts,
    named: Option<&str>,
) -> Result<Option<StoredSchema>, Problem> {
    let Some(id) = named.and_then(|id| SchemaId::parse(id).ok()) else { return Ok(None) };
    let cx = context(items, acts.principal.clone(), meta, None);
    let done = items.engine.run(&cx, &Get { id }).await.map_err(|refusal| error::problem(refusal, meta))?;
    Ok(done.output)
}

/// A schema with what the server knows of it.
fn shown(stored: &StoredSchema) -> Value {
    let mut json = stored.schema.to_json();
    let user = stored.user.as_ref().map_or(stored.client.as_str(), |user| user.as_str());
    json.insert("id".to_owned(), stored.id.prefixed().into());
    json.insert("user_id".to_owned(), user.into());
    json.insert("created_at".to_owned(), stored.created.to_string().into());
    json.insert("updated_at".to_owned(), stored.updated.to_string().into());
    Value::Object(json)
}
