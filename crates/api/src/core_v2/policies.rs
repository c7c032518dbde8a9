//! `/v2/policies`: a tenant's policies, kept, looked at, tried out and put in force.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::policy::{Policy, cases};
use memoryscope_engine::context::Context;
use memoryscope_engine::engine::{Done, Engine};
use memoryscope_engine::op::policy::{self, Keep, Kept, Look, Switch};
use memoryscope_engine::port::StoreError;
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

use super::who::Place;
use super::wire::example;
use super::wire::policies::{self, Compared, OfTenant, PolicyInput, Simulation, version};
use super::{context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::{audited, both, with_access_log};
use crate::wire::{USER_ID_PATTERN, Unknown, decode_query, parameter};

const TEXT: &str = "policy_version: example-1\nextends: builtin/default\nrules: []\n";
const VERSION: &str = "The policy's version.";

/// The routes of policies.
pub(super) fn routes(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    changing(looking(routes))
}

fn looking(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    let list = super::operation(Verb::Get, "/v2/policies", "listPolicies")
        .says("The policies of a tenant", "Without their texts.")
        .runs(&policy::LIST)
        .asks::<OfTenant>()
        .answers(200, "The policies.", policies::page_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("all").with("tenant_id", example::TENANT));
    let active = super::operation(Verb::Get, "/v2/policies/active", "getActivePolicy")
        .says("The policy in force", "It may be the server's default.")
        .runs(&policy::GET)
        .asks::<OfTenant>()
        .answers(200, "The policy.", policies::one_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("one").with("tenant_id", example::TENANT));
    let get = super::operation(Verb::Get, "/v2/policies/{version}", "getPolicy")
        .says("One policy", "With its text.")
        .runs(&policy::GET)
        .names("version", VERSION, USER_ID_PATTERN)
        .asks::<OfTenant>()
        .answers(200, "The policy.", policies::one_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("one").with("version", "example-1").with("tenant_id", example::TENANT));
    let validate = super::operation(Verb::Post, "/v2/policies/validate", "validatePolicy")
        .says("Look for faults in a policy", "Nothing is kept.")
        .takes::<PolicyInput>(Unknown::Refuse)
        .answers(200, "What is wrong with it, and what is suspicious.", policies::validated_schema())
        .example(Example::new("one").body(input()));
    let simulate = super::operation(Verb::Post, "/v2/policies/simulate", "simulatePolicy")
        .says(
            "Compare a policy with the one in force",
            "Over cases that are sent along, and over the last so many recorded decisions, each made again as of what it saw. Nothing is kept.",
        )
        .runs(&policy::GET)
        .takes::<Simulation>(Unknown::Refuse)
        .answers(200, "What would come out otherwise.", policies::simulated_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("cases").body(simulation()));
    routes
        .add(list, listed)
        .add(active, shown_active)
        .add(get, shown)
        .add(validate, validated)
        .add(simulate, simulated)
}

fn changing(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    let tenant = json!({"tenant_id": example::TENANT});
    let create = super::operation(Verb::Post, "/v2/policies", "createPolicy")
        .says("Keep a policy", "It decides nothing until it is activated.")
        .runs(&policy::CREATE)
        .takes::<PolicyInput>(Unknown::Refuse)
        .once()
        .answers(201, "It is kept.", policies::kept_schema())
        .answers(200, "It was kept before.", policies::kept_schema())
        .refuses(&[Code::Forbidden, Code::Conflict])
        .example(Example::new("one").body(input()));
    let activate = super::operation(Verb::Post, "/v2/policies/{version}/activate", "activatePolicy")
        .says("Put a policy in force", "It decides from the next request on.")
        .runs(&policy::SWITCH)
        .names("version", VERSION, USER_ID_PATTERN)
        .takes::<OfTenant>(Unknown::Refuse)
        .once()
        .answers(200, "It is in force.", policies::switched_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("one").with("version", "example-1").body(tenant.clone()));
    let rollback = super::operation(Verb::Post, "/v2/policies/rollback", "rollBackPolicy")
        .says("Put the policy before in force again", "Twice is back where it was.")
        .runs(&policy::ROLL_BACK)
        .takes::<OfTenant>(Unknown::Refuse)
        .once()
        .answers(200, "It is in force.", policies::switched_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("one").body(tenant));
    routes.add(create, created).add(activate, activated).add(rollback, rolled_back)
}

fn input() -> Value {
    json!({"tenant_id": example::TENANT, "policy": TEXT})
}

fn simulation() -> Value {
    json!({"tenant_id": example::TENANT, "policy": TEXT, "cases": [
        {"name": "a chat", "request": {"purpose": "chat_response"},
         "memory": {"type": "event", "readable_by_principal": true}},
    ]})
}

fn answered(status: StatusCode, mut body: Value, access_log: AuditId) -> Response {
    body["access_log_id"] = json!(access_log.prefixed());
    with_access_log((status, axum::Json(body)).into_response(), access_log)
}

fn absent(access_log: AuditId) -> Problem {
    audited(Problem::not_found(), access_log)
}

async fn created(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let PolicyInput { tenant, policy } = document.decode_at(Unknown::Refuse, meta.now)?.value;
    let loaded =
        Policy::load(&policy).map_err(|errors| Problem::invalid(policies::faults("policy", &errors)))?;
    let idempotency = caller.idempotency("POST /v2/policies", document.value());
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, idempotency);
    let op = Keep { policy: Arc::new(loaded) };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output {
        Ok(is_new) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok(answered(status, policies::kept(&op.policy), done.access_log))
        }
        Err(_) => {
            let problem =
                Problem::new(Code::Conflict, "Another policy of this tenant has that policy_version")
                    .hint("Give every policy a policy_version of its own")
                    .detail("access_log_id", done.access_log.prefixed());
            Err(audited(problem, done.access_log))
        }
    }
}

/// The context of a request about policies.
fn operator(engine: &Engine, caller: &Caller, meta: &RequestMeta, tenant: &TenantId) -> Context {
    context(engine, caller, meta, Place { tenant, scope: None }, None)
}

async fn look(engine: &Engine, cx: &Context, meta: &RequestMeta, op: Look) -> Result<Done<Kept>, Problem> {
    engine.run(cx, &op).await.map_err(|refusal| error::problem(refusal, meta))
}

async fn listed(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let tenant = decode_query::<OfTenant>(query.as_deref(), Unknown::Refuse)?.value.tenant;
    let cx = operator(&engine, &caller, &meta, &tenant);
    let done = look(&engine, &cx, &meta, Look::All).await?;
    Ok(answered(StatusCode::OK, policies::page(&done.output), done.access_log))
}

/// The policy in force, with its text.
async fn active(
    engine: &Engine,
    cx: &Context,
    meta: &RequestMeta,
) -> Result<(PolicyDocument, AuditId), Problem> {
    let done = look(engine, cx, meta, Look::InForce).await?;
    let document = done.output.policies.into_iter().next().ok_or_else(|| absent(done.access_log))?;
    Ok((document, done.access_log))
}

async fn shown_active(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let tenant = decode_query::<OfTenant>(query.as_deref(), Unknown::Refuse)?.value.tenant;
    let cx = operator(&engine, &caller, &meta, &tenant);
    let (document, access_log) = active(&engine, &cx, &meta).await?;
    Ok(answered(StatusCode::OK, policies::one(&document, &document.hash), access_log))
}

async fn shown(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(named): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = parameter("version", &named, &version());
    let (named, read) = both(named, decode_query::<OfTenant>(query.as_deref(), Unknown::Refuse))?;
    let cx = operator(&engine, &caller, &meta, &read.value.tenant);
    let done = look(&engine, &cx, &meta, Look::Version(named)).await?;
    let document = done.output.policies.first().ok_or_else(|| absent(done.access_log))?;
    let active = done.output.active.hash.to_string();
    Ok(answered(StatusCode::OK, policies::one(document, &active), done.access_log))
}

async fn validated(meta: RequestMeta, document: Document) -> Result<Response, Problem> {
    let input: PolicyInput = document.decode_at(Unknown::Refuse, meta.now)?.value;
    let body = policies::validated(&Policy::load(&input.policy));
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}

async fn simulated(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let Simulation { tenant, policy, cases, last } = document.decode_at(Unknown::Refuse, meta.now)?.value;
    let cx = operator(&engine, &caller, &meta, &tenant);
    let (in_force, access_log) = active(&engine, &cx, &meta).await?;
    let candidate = match policy {
        Ok(text) => text,
        Err(version) => {
            // A request of its own: two entries of the chain have two names.
            let cx = operator(&engine, &caller, &meta, &tenant);
            let done = look(&engine, &cx, &meta, Look::Version(version)).await?;
            let kept = done.output.policies.into_iter().next();
            kept.ok_or_else(|| absent(done.access_log))?.text
        }
    };
    let invalid = |field, errors: Vec<_>| Problem::invalid(policies::faults(field, &errors));
    let candidate = Policy::load(&candidate).map_err(|errors| invalid("policy", errors))?;
    let in_force = Policy::load(&in_force.text)
        .map_err(|_| error::problem(Refusal::Bug("the policy in force does not load".to_owned()), &meta))?;
    let mut compared = Compared::default();
    if let Some(cases) = &cases {
        let compare = cases::compare(cases, &in_force, &candidate);
        compared.cases = Some(compare.map_err(|errors| invalid("cases", errors))?);
    }
    let unavailable = |error: StoreError| error::problem(error.into(), &meta);
    for stored in engine.recent_decisions(&cx, last.unwrap_or(0)).await.map_err(unavailable)? {
        let made = engine.simulate(&cx, &stored, [&in_force, &candidate]).await.map_err(unavailable)?;
        compared.recorded.push(made);
    }
    Ok(answered(StatusCode::OK, compared.said(), access_log))
}

async fn activated(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(named): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let named = parameter("version", &named, &version());
    let (named, read) = both(named, document.decode_at::<OfTenant>(Unknown::Refuse, meta.now))?;
    switch(&engine, &meta, &caller, &document, &read.value.tenant, Switch::To(named)).await
}

async fn rolled_back(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let OfTenant { tenant } = document.decode_at(Unknown::Refuse, meta.now)?.value;
    switch(&engine, &meta, &caller, &document, &tenant, Switch::Back).await
}

async fn switch(
    engine: &Engine,
    meta: &RequestMeta,
    caller: &Caller,
    document: &Document,
    tenant: &TenantId,
    op: Switch,
) -> Result<Response, Problem> {
    let (name, version) = match &op {
        Switch::To(version) => ("POST /v2/policies/{version}/activate", version.as_str()),
        Switch::Back => ("POST /v2/policies/rollback", ""),
    };
    let idempotency = caller.idempotency(name, &json!([version, document.value()]));
    let cx = context(engine, caller, meta, Place { tenant, scope: None }, idempotency);
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, meta))?;
    let switched = done.output.ok_or_else(|| absent(done.access_log))?;
    let body = json!({ "active": switched.active, "previous": switched.previous });
    Ok(answered(StatusCode::OK, body, done.access_log))
}
