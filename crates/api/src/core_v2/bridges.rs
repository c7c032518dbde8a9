//! `POST /v2/scopes/{scope_id}/bridge`, `GET /v2/bridges` and `DELETE /v2/bridges/{id}`: what one scope lets another see of
//! it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::ids::{BridgeId, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::bridge::{self, End, List, Make};
use memoryscope_engine::op::page::Next;
use serde_json::json;

use super::who::Place;
use super::wire::bridges::{self as wire, BridgeRequest, BridgesRequest, bridge_id, scope_id};
use super::wire::example;
use super::wire::policies::OfTenant;
use super::{answer, context, error, shown};
use crate::auth::Caller;
use crate::cursor::{Cursor, Mark};
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::schema::BRIDGE_ID_PATTERN;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::both;
use crate::wire::{Fault, FieldError, Path as Place_, USER_ID_PATTERN, Unknown, decode_query, parameter};

/// The routes of bridges.
pub(super) fn routes(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    routes.add(make(), made).add(list(), listed).add(remove(), removed)
}

fn make() -> Operation {
    let body = json!({
        "tenant_id": example::TENANT,
        "target": {"scope_type": "project", "scope_id": "apollo"},
        "purposes": ["chat_response"],
        "allow_impacts": true,
        "reason": "The team should know how to speak with Ana.",
    });
    super::operation(Verb::Post, "/v2/scopes/{scope_id}/bridge", "makeBridge")
        .says(
            "Let another scope see memories of this one",
            "By reference: whoever reads the target for one of the purposes is shown what may cross of the source as it is \
             then, each memory decided on its own. What is restricted or sealed never crosses, nor what must stay out of \
             prompts.",
        )
        .runs(&bridge::MAKE)
        .once()
        .names("scope_id", "The source: a person's id, unless the body names another scope_type.", USER_ID_PATTERN)
        .takes::<BridgeRequest>(Unknown::Refuse)
        .answers(201, "It stands.", wire::bridge_schema())
        .refuses(&[Code::PolicyDenied, Code::Forbidden, Code::Conflict, Code::PayloadTooLarge])
        .example(Example::new("own").with("scope_id", example::USER).body(body))
}

fn list() -> Operation {
    super::operation(Verb::Get, "/v2/bridges", "listBridges")
        .says(
            "The bridges from and to a scope",
            "Those that stand and that the caller may know of: whoever acts for the scope at either end, and admins.",
        )
        .runs(&bridge::LIST)
        .asks::<BridgesRequest>()
        .answers(200, "A page, and where to go on.", wire::page_schema())
        .example(
            Example::new("own")
                .with("tenant_id", example::TENANT)
                .with("scope_type", "user")
                .with("scope_id", example::USER),
        )
}

fn remove() -> Operation {
    super::operation(Verb::Delete, "/v2/bridges/{id}", "removeBridge")
        .says(
            "Remove a bridge",
            "From then on it is as if it had never been. Either of its ends may, and admins.",
        )
        .runs(&bridge::END)
        .once()
        .names("id", "The bridge, as it was answered when it was made.", BRIDGE_ID_PATTERN)
        .asks::<OfTenant>()
        .answers(200, "It is removed, or was before.", wire::removed_schema())
        .refuses(&[Code::Forbidden, Code::Conflict])
        .example(
            Example::new("own")
                .with("id", "brg_019b76daa80070018a80bdd0f8d83629")
                .with("tenant_id", example::TENANT)
                .with("X-MemoryScope-User", example::USER),
        )
}

/// Makes a bridge.
async fn made(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = parameter("scope_id", &id, &scope_id());
    let (id, read) = both(id, document.decode_at::<BridgeRequest>(Unknown::Refuse, meta.now))?;
    let BridgeRequest { tenant, source_type, target, purposes, carries, expires, reason } = read.value;
    let source = Scope::named(source_type, id.as_str()).map_err(|_| Problem::not_found())?;
    if source == target {
        let root = Place_::Root("body");
        let target = Place_::Key(&root, "target");
        let fault = FieldError::new(&target, Fault::Invalid, "must be another scope than the source");
        return Err(Problem::invalid(vec![fault]));
    }
    let key = json!([id.as_str(), document.value()]);
    let idempotency = caller.idempotency("POST /v2/scopes/{scope_id}/bridge", &key);
    let place = Place { tenant: &tenant, scope: Some(&source) };
    let cx = context(&engine, &caller, &meta, place, idempotency);
    let op = Make { source, target, purposes, carries, expires, reason };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = wire::bridge(&done.output);
    Ok(answer(StatusCode::CREATED, body, done.trace.as_ref(), done.access_log))
}

/// Lists the bridges of a scope.
async fn listed(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let request = decode_query::<BridgesRequest>(query.as_deref(), Unknown::Refuse)?.value;
    let binding = request.binding();
    let mark = request.cursor.map(|cursor| cursor.of(binding, "query")).transpose()?;
    let BridgesRequest { tenant, scope, .. } = request;
    let after = mark.and_then(|mark| match mark {
        Mark::Shown((_, id)) => Some(BridgeId::from_uuid(id.uuid())),
        _ => None,
    });
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let op = List { scope, after, limit: limits::BRIDGES_PAGE_ITEMS };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let last = done.output.bridges.last().filter(|_| done.output.next.is_some());
    let next = last.map(|last| {
        let place = (last.created, MemoryId::from_uuid(last.id.uuid()));
        Cursor::new(Next::Shown(place), binding).text()
    });
    Ok(shown(&done, wire::page(&done.output, next.as_deref())))
}

/// Removes a bridge.
async fn removed(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &bridge_id());
    let (id, read) = both(id, decode_query::<OfTenant>(query.as_deref(), Unknown::Refuse))?;
    let tenant = read.value.tenant;
    let key = json!([id.prefixed(), tenant.as_str()]);
    let idempotency = caller.idempotency("DELETE /v2/bridges/{id}", &key);
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, idempotency);
    let done = engine.run(&cx, &End { id }).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = wire::removed(&done.output);
    Ok(answer(StatusCode::OK, body, done.trace.as_ref(), done.access_log))
}
