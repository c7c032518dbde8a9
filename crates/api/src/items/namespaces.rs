//! `/v1/namespace`: parts of an organization, each with what holds for what is added to it.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::{At, Fault, Faults, FieldFault, Step};
use memoryscope_domain::items::MemoryPolicy;
use memoryscope_domain::items::namespace::{self, Namespace, Settings, SettingsChange};
use memoryscope_domain::items::policy::{Layers, RequestPolicy};
use memoryscope_engine::context::Context;
use memoryscope_engine::erasing::{AllChanged, Contexts, erase_all, unshare_all};
use memoryscope_engine::op::namespace::{self as op, Create, Delete, Get, List, Update};
use memoryscope_engine::op::seek::Sought;
use memoryscope_engine::paging::namespaces;
use memoryscope_engine::refusal::{Conflict, Refusal};
use serde_json::{Value, json};

use super::batch::outcome;
use super::known::{Known, Wanted};
use super::who::Acts;
use super::wire::namespaces::{
    DeleteNamespaceQuery, ID_PATTERN, ListNamespacesQuery, body_schema, change_schema, deleted_schema,
    list_schema, namespace_schema,
};
use super::wire::users::PlaceQuery;
use super::{Items, answer, context, error, schemas, update as changing};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the namespace that a path names.
const ID: &str = "The namespace, as it was answered when it was made.";
const EXAMPLE: &str = "ns_019b76daa80070018a80bdd0f8d83629";

/// The routes.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    routes
        .add(create_operation(), create)
        .add(list_operation(), list)
        .add(get_operation(), get)
        .add(update_operation(), update)
        .add(delete_operation(), delete)
}

fn create_operation() -> Operation {
    let body = json!({"name": "acme-production", "environment_type": "production", "default_policy": {"consent": "terms"}});
    super::operation(Verb::Post, "/v1/namespace", "createNamespace")
        .says(
            "Make a namespace",
            "Its id is what requests name as namespace_id, and access lists as namespace:. default_policy holds for what is added \
             to it, below the schema's and the request's own.",
        )
        .runs(&op::CREATE)
        .asks::<PlaceQuery>()
        .takes_json(body_schema())
        .once()
        .answers(201, "It is made.", namespace_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("one").body(body))
}

fn list_operation() -> Operation {
    super::operation(Verb::Get, "/v1/namespace", "listNamespaces")
        .says("The namespaces", "In the order in which they were made, a page of them.")
        .runs(&op::LIST)
        .asks::<ListNamespacesQuery>()
        .answers(200, "The namespaces.", list_schema())
        .example(Example::new("some").with("limit", 5).with("skip", 0))
}

fn get_operation() -> Operation {
    super::operation(Verb::Get, "/v1/namespace/{id}", "getNamespace")
        .says("One namespace", "With what holds for what is added to it.")
        .runs(&op::GET)
        .names("id", ID, ID_PATTERN)
        .asks::<PlaceQuery>()
        .answers(200, "The namespace.", namespace_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("one").with("id", EXAMPLE))
}

fn update_operation() -> Operation {
    super::operation(Verb::Put, "/v1/namespace/{id}", "updateNamespace")
        .says(
            "Change a namespace",
            "What is sent takes the place of what it was; null takes limits or a policy away. What was added before keeps its \
             policy until it is changed itself. While is_active is false nothing is added to it and nothing in it is changed.",
        )
        .runs(&op::UPDATE)
        .names("id", ID, ID_PATTERN)
        .asks::<PlaceQuery>()
        .takes_json(change_schema())
        .once()
        .answers(200, "It is changed.", namespace_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("close").with("id", EXAMPLE).body(json!({"is_active": false})))
}

fn delete_operation() -> Operation {
    super::operation(Verb::Delete, "/v1/namespace/{id}", "deleteNamespace")
        .says(
            "Delete a namespace",
            "With delete_memories everything in it is erased first that the caller may erase, and what was made of it in the graph \
             with it: delete_neo4j_nodes alone is refused, for a node is what memories say. With remove_acl_references it is \
             taken out of the access lists that name it. From the beginning of either on nothing is added to it. Where \
             something could not be done it stays, and the request can be sent again.",
        )
        .runs(&op::DELETE)
        .names("id", ID, ID_PATTERN)
        .asks::<DeleteNamespaceQuery>()
        .once()
        .answers(200, "It is deleted.", deleted_schema())
        .answers(207, "It stays: something could not be done.", deleted_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("with all").with("id", EXAMPLE).with("delete_memories", true).with("remove_acl_references", true))
}

/// A namespace, as it is shown.
fn shown(namespace: &Namespace, organization: Option<&str>) -> Value {
    let settings = &namespace.settings;
    json!({
        "objectId": namespace.id,
        "name": settings.name,
        "organization_id": organization,
        "environment_type": settings.environment.name(),
        "is_active": settings.is_active,
        "rate_limits": settings.rate_limits,
        "default_policy": settings.default_policy_sent,
        "createdAt": namespace.created.to_string(),
        "updatedAt": namespace.updated.to_string(),
    })
}

fn told(namespace: &Namespace, organization: Option<&str>, status: StatusCode) -> Value {
    json!({
        "code": status.as_u16(),
        "status": "success",
        "data": shown(namespace, organization),
        "error": null,
        "details": null,
    })
}

fn of_faults(faults: Faults) -> Problem {
    error::of_request(faults.into())
}

/// The namespace that a path names. What is no namespace's id names none.
fn id_of(id: String) -> Result<String, Problem> {
    if namespace::is_id(&id) { Ok(id) } else { Err(Problem::not_found()) }
}

/// What is wrong with whom and what a default policy names.
async fn check(
    (items, meta, caller): (&Items, &RequestMeta, &Caller),
    acts: &Acts,
    organization: Option<&str>,
    policy: Option<&MemoryPolicy>,
) -> Result<(), Problem> {
    let Some(policy) = policy else { return Ok(()) };
    let known =
        Known::find(items, meta, caller, organization, Wanted::default().acl(policy.acl.as_ref())).await?;
    let named = policy.schema_id.as_ref().map(|schema| schema.as_str());
    let schema = schemas::of_policy(items, meta, acts, named).await?;
    let silent = RequestPolicy::default();
    let layers = Layers { namespace: Some(policy), schema: schema.as_ref(), batch: None, request: &silent };
    let root = At::Root("body");
    let mut faults = changing::unknown_schema(&layers, &root);
    faults.extend(acts.unknown_in(policy.acl.as_ref().map(|acl| known.named(acl)).as_ref(), &known, &root));
    let within = |fault: FieldFault| {
        let rest = fault.path.into_iter().filter(|step| !is_outer(step));
        let path = ["body", "default_policy"].map(|key| Step::Key(key.to_owned())).into_iter().chain(rest);
        FieldFault { path: path.collect(), ..fault }
    };
    let faults: Vec<FieldFault> = faults.into_iter().map(within).collect();
    if faults.is_empty() { Ok(()) } else { Err(error::invalid(&faults, 0)) }
}

/// Where a request's policy stands, which a default policy stands in the place of.
fn is_outer(step: &Step) -> bool {
    matches!(step, Step::Key(key) if key == "body" || key == "memory_policy")
}

/// Makes a namespace.
async fn create(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value.organization_id;
    let idempotency = caller.idempotency("POST /v1/namespace", document.value());
    let read = Settings::read(&document.into_value()?, &items.config.reading).map_err(of_faults)?;
    let acts = Acts::named(&caller, None, place.clone(), None)?;
    let settings = read.value;
    check((&items, &meta, &caller), &acts, place.as_deref(), settings.default_policy.as_ref()).await?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Create { settings }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = told(&done.output, place.as_deref(), StatusCode::CREATED);
    Ok(answer(StatusCode::CREATED, body, &read.warnings, Some(done.access_log)))
}

/// Lists namespaces.
async fn list(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = decode_query::<ListNamespacesQuery>(query.as_deref(), Unknown::Accept)?.value;
    let place = asked.organization_id;
    let cx = context(&items, Acts::named(&caller, None, place.clone(), None)?.principal, &meta, None);
    let first = List { after: None, limit: asked.limit };
    let done = namespaces(&items.engine, &cx, first, asked.skip).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let data: Vec<Value> = done.output.namespaces.iter().map(|of| shown(of, place.as_deref())).collect();
    let body = json!({
        "code": 200,
        "status": "success",
        "data": data,
        "total": done.output.total,
        "page": asked.skip / asked.limit,
        "page_size": asked.limit,
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Shows a namespace.
async fn get(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value.organization_id;
    let get = Get { ids: vec![id_of(id)?] };
    let cx = context(&items, Acts::named(&caller, None, place.clone(), None)?.principal, &meta, None);
    let done = items.engine.run(&cx, &get).await.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output.first() {
        Some(found) => {
            let body = told(found, place.as_deref(), StatusCode::OK);
            Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
        }
        None => Err(audited(Problem::not_found(), done.access_log)),
    }
}

/// Changes a namespace.
async fn update(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value.organization_id;
    let id = id_of(id)?;
    let idempotency = caller.idempotency("PUT /v1/namespace/{id}", &json!([id, document.value()]));
    let read = SettingsChange::read(&document.into_value()?, &items.config.reading).map_err(of_faults)?;
    let acts = Acts::named(&caller, None, place.clone(), None)?;
    let change = read.value;
    check((&items, &meta, &caller), &acts, place.as_deref(), change.default_policy()).await?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Update { id, change }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output {
        Some(changed) => {
            let body = told(&changed, place.as_deref(), StatusCode::OK);
            Ok(answer(StatusCode::OK, body, &read.warnings, Some(done.access_log)))
        }
        None => Err(audited(Problem::not_found(), done.access_log)),
    }
}

/// Deletes a namespace, after what is to go with it.
async fn delete(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = decode_query::<DeleteNamespaceQuery>(query.as_deref(), Unknown::Accept)?.value;
    let id = id_of(id)?;
    if asked.delete_nodes && !asked.delete_memories {
        return Err(nodes_alone());
    }
    let (takes, asked_for) = (asked.takes(), json!([id, asked.takes(), asked.organization_id]));
    let idempotency = caller.idempotency("DELETE /v1/namespace/{id}", &asked_for);
    let principal = Acts::named(&caller, None, asked.organization_id, None)?.principal;
    let cx = context(&items, principal, &meta, idempotency);
    let mut contexts = Contexts::of(&cx);
    let refused = |refusal| error::problem(refusal, &meta);
    let is_emptied = takes.iter().any(|takes| *takes);
    let mut is_there = true;
    if is_emptied {
        // Nothing comes while what is there goes.
        let close = Update { id: id.clone(), change: SettingsChange::closing() };
        is_there = match items.engine.run(&contexts.keyed(0), &close).await {
            Ok(closed) => closed.output.is_some(),
            // The same request was here before, and finished.
            Err(Refusal::Conflict(Conflict::ResultGone)) => false,
            Err(refusal) => return Err(refused(refusal)),
        };
    }
    let [erases, unshares] = takes.map(|takes| takes && is_there);
    let unshared = match unshares {
        true => unshare_all(&items.engine, &contexts.part(), &id).await.map_err(refused)?,
        false => AllChanged::default(),
    };
    let erased = match erases {
        true => erased(&items, &contexts.part(), &id).await.map_err(refused)?,
        false => AllChanged::default(),
    };
    let cascade = json!({
        "memories_deleted": erased.changed,
        "memories_failed": erased.failed,
        "acl_read_cleaned": unshared.changed,
        "acl_write_cleaned": unshared.unwritten,
    });
    if erased.failed + unshared.failed > 0 {
        let (status, word) = outcome(true, true);
        let message = "The namespace stays and takes nothing more: not everything could be done";
        let body = json!({
            "code": status.as_u16(), "status": word, "message": message, "namespace_id": id,
            "cascade": cascade, "error": null, "details": null,
        });
        return Ok(answer(status, body, &[], None));
    }
    let context = contexts.keyed(usize::from(is_emptied));
    let done = items.engine.run(&context, &Delete { id: id.clone() }).await.map_err(refused)?;
    if done.output.is_none() {
        return Err(audited(Problem::not_found(), done.access_log));
    }
    let body = json!({
        "code": 200, "status": "success", "message": "The namespace is deleted", "namespace_id": id,
        "cascade": cascade, "error": null, "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

fn nodes_alone() -> Problem {
    let path = At::Key(&At::Root("query"), "delete_neo4j_nodes").steps();
    let message =
        "must be sent with delete_memories: a node is what memories say, and goes with them".to_owned();
    error::invalid(&[FieldFault { path, message, fault: Fault::NotAllowed }], 0)
}

async fn erased(items: &Items, cx: &Context, id: &str) -> Result<AllChanged, Refusal> {
    erase_all(&items.engine, cx, Sought::Within(id.to_owned())).await
}
