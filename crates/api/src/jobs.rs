//! What is done behind requests, for all dialects: `/v2/jobs`, `/v2/webhooks/deliveries`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::ids::{AuditId, MemoryId, TenantId};
use memoryscope_domain::job::{JobState, JobType};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::webhook::Topic;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::embed::Readiness;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::jobs;
use memoryscope_engine::op::job::{self, After, Deliveries, Embeddings, Job, KeptDelivery, List, Look};
use memoryscope_engine::op::order::{Changed, Order, Wish};
use memoryscope_engine::refusal::{Denied, Refusal};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Tag, Verb, schema};
use crate::problem::{Code, Problem};
use crate::refused::{self, audited, with_access_log};
use crate::wire::{Decode as _, Fields, Shape, Unknown, decode_query, one_of, parameter, string, whole};

/// What a job's name looks like.
const JOB_ID_PATTERN: &str = "^(?:evt_[0-9a-f]{32}|extraction_[0-9a-f]{32}|embedding|expiry|propagation)$";
/// What the name of a job looks like behind which a listing goes on.
const CURSOR_PATTERN: &str = "^(?:evt|extraction)_[0-9a-f]{32}$";
/// What an event's name looks like.
const EVENT_ID_PATTERN: &str = "^evt_[0-9a-f]{32}$";

/// The routes.
#[must_use]
pub fn routes() -> Routes<Arc<Engine>> {
    let route = |verb, path, id, info| {
        Operation::new(verb, path, Tag::Jobs, id).runs(info).refuses(&[Code::Forbidden])
    };
    let list = route(Verb::Get, "/v2/jobs", "listJobs", &job::LIST)
        .says(
            "What is done behind requests",
            "What is told to clients' servers in order of the events, then what makes graphs in order of the memories, then what is \
             of the whole tenant. What is done leaves the list at once, but for what was told, which stays for seven days. What has \
             expired is listed only where `type` asks for it.",
        )
        .asks::<ListRequest>()
        .answers(200, "A page of jobs.", page_schema("JobPage", job_schema()))
        .example(Example::new("failed").with("state", "failed").with("limit", 10));
    let get = route(Verb::Get, "/v2/jobs/{id}", "getJob", &job::GET)
        .says("One job", "As a listing names it.")
        .names("id", "The job.", JOB_ID_PATTERN)
        .asks::<TenantRequest>()
        .answers(200, "The job.", job_schema())
        .example(Example::new("none").with("id", "propagation"));
    let order = |path, id, info| {
        route(Verb::Post, path, id, info)
            .names("id", "The job.", JOB_ID_PATTERN)
            .asks::<TenantRequest>()
            .once()
            .answers(200, "It is so.", job_schema())
            .example(Example::new("none").with("id", "propagation"))
    };
    let cancel = order("/v2/jobs/{id}/cancel", "cancelJob", &job::CANCEL).says(
        "End a job",
        "One that waits, or is tried again; and what is being told, which may have been by then. Nothing tells it any more.",
    );
    let retry = order("/v2/jobs/{id}/retry", "retryJob", &job::RETRY)
        .says("Try a job again", "One that failed too often, or for good.");
    let deliveries = route(Verb::Get, "/v2/webhooks/deliveries", "listDeliveries", &job::DELIVERIES)
        .says(
            "What is told to clients' servers",
            "And how far that is, in order of the events. Addresses are shown up to their ports, secrets never.",
        )
        .asks::<DeliveriesRequest>()
        .answers(200, "A page of deliveries.", page_schema("DeliveryPage", delivery_schema()))
        .example(Example::new("all").with("limit", 10));
    Routes::new()
        .add(list, listed)
        .add(get, shown)
        .add(cancel, cancelled)
        .add(retry, retried)
        .add(deliveries, delivered)
}

fn page_schema(title: &str, item: Value) -> Value {
    let next = schema::about(schema::or_null(schema::text()), "Null on the last page.");
    schema::object(title, [("items", schema::list(item)), ("next_cursor", next)])
}

/// The schema of [`told`].
fn job_schema() -> Value {
    let id = json!({"type": "string", "pattern": JOB_ID_PATTERN});
    let time = || schema::or_null(schema::time());
    schema::object(
        "Job",
        [
            ("id", id),
            ("type", schema::names(JobType::NAMES.iter().copied())),
            ("state", schema::names(JobState::NAMES.iter().copied())),
            ("attempts", schema::count()),
            ("attempts_max", schema::or_null(schema::count())),
            ("next_attempt", time()),
            ("last_error", schema::about(schema::or_null(schema::text()), "A word for programs.")),
            ("memory_id", schema::or_null(schema::prefixed("mem_"))),
            ("created_at", time()),
            ("updated_at", time()),
        ],
    )
}

/// What is told of a job.
#[must_use]
pub fn told(job: &Job) -> Value {
    let time = |time: Option<memoryscope_domain::time::Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": job.id,
        "type": job.of.name(),
        "state": job.state.name(),
        "attempts": job.attempts,
        "attempts_max": job.attempts_max,
        "next_attempt": time(job.next),
        "last_error": job.last_error,
        "memory_id": job.memory,
        "created_at": time(job.created),
        "updated_at": time(job.updated),
    })
}

/// The schema of [`delivery`].
fn delivery_schema() -> Value {
    schema::object(
        "Delivery",
        [
            ("event_id", json!({"type": "string", "pattern": EVENT_ID_PATTERN})),
            ("url", schema::about(schema::text(), "Up to its port.")),
            ("memory_id", schema::or_null(schema::prefixed("mem_"))),
            ("batch_id", schema::or_null(schema::prefixed("batch_"))),
            ("state", schema::names(JobState::NAMES.iter().copied())),
            ("attempts", schema::count()),
            ("next_attempt", schema::or_null(schema::time())),
            ("last_error", schema::or_null(schema::text())),
            ("last_status", schema::or_null(schema::count())),
            ("created_at", schema::time()),
            ("updated_at", schema::time()),
        ],
    )
}

/// What is told of a delivery.
fn delivery(kept: &KeptDelivery) -> Value {
    let (delivery, progress) = (&kept.delivery, &kept.delivery.progress);
    let (memory, batch) = match &delivery.topic {
        Topic::Memory(id) => (Some(id), None),
        Topic::Batch(id) => (None, Some(id)),
    };
    json!({
        "event_id": kept.id,
        "url": delivery.origin,
        "memory_id": memory,
        "batch_id": batch,
        "state": progress.state.name(),
        "attempts": progress.attempts,
        "next_attempt": progress.due().map(|due| due.to_string()),
        "last_error": progress.last_error,
        "last_status": delivery.answer,
        "created_at": kept.created.to_string(),
        "updated_at": progress.updated.to_string(),
    })
}

fn tenant(f: &mut Fields<'_>) -> Option<TenantId> {
    let sent = f.sent("tenant_id");
    let tenant = f.optional(
        "tenant_id",
        string().pattern("^t_[A-Za-z0-9_-]{1,64}$").parsed(|text: &String| TenantId::parse(text)),
    );
    if sent { tenant } else { Some(TenantId::default_tenant()) }
}

fn state(f: &mut Fields<'_>) -> Option<JobState> {
    f.optional("state", one_of(JobState::NAMES)).and_then(JobState::from_name)
}

fn limit(f: &mut Fields<'_>) -> Option<usize> {
    let (default, max) = (limits::LIST_ITEMS_DEFAULT as i64, limits::LIST_ITEMS_MAX as i64);
    f.or("limit", whole(1..=max), default).and_then(|limit| usize::try_from(limit).ok())
}

/// Whose jobs.
#[derive(Debug)]
struct TenantRequest {
    tenant: TenantId,
}

impl Shape for TenantRequest {
    const NAME: &'static str = "JobsOfTenant";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { tenant: tenant(f)? })
    }
}

/// A page of jobs.
#[derive(Debug)]
struct ListRequest {
    tenant: TenantId,
    of: Option<JobType>,
    state: Option<JobState>,
    limit: usize,
    after: Option<After>,
}

impl Shape for ListRequest {
    const NAME: &'static str = "JobsPage";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = tenant(f);
        let of = f.optional("type", one_of(JobType::NAMES)).and_then(JobType::from_name);
        let state = state(f);
        let limit = limit(f);
        let after = f.optional(
            "cursor",
            string()
                .bytes(1..=limits::CURSOR_BYTES_MAX)
                .pattern(CURSOR_PATTERN)
                .parsed(|text: &String| after(text)),
        );
        Some(Self { tenant: tenant?, of, state, limit: limit?, after })
    }
}

/// A page of deliveries.
#[derive(Debug)]
struct DeliveriesRequest {
    tenant: TenantId,
    state: Option<JobState>,
    limit: usize,
    after: Option<String>,
}

impl Shape for DeliveriesRequest {
    const NAME: &'static str = "DeliveriesPage";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = tenant(f);
        let state = state(f);
        let limit = limit(f);
        let event = |text: &String| if is_event(text) { Ok(text.clone()) } else { Err(CURSOR) };
        let after = f.optional(
            "cursor",
            string().bytes(1..=limits::CURSOR_BYTES_MAX).pattern(EVENT_ID_PATTERN).parsed(event),
        );
        Some(Self { tenant: tenant?, state, limit: limit?, after })
    }
}

const CURSOR: &str = "must be the next_cursor of a page";

fn digits<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let digits = text.strip_prefix(before)?;
    let are_so = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    are_so.then_some(digits)
}

fn is_event(text: &str) -> bool {
    digits(text, job::OF_EVENT).is_some()
}

/// Where a listing goes on. The list has one order for everybody who may see it, so it is a place in it.
fn after(text: &str) -> Result<After, &'static str> {
    if is_event(text) {
        return Ok(After::Delivery(text.to_owned()));
    }
    let id = digits(text, job::OF_EXTRACTION).and_then(|digits| MemoryId::parse(digits).ok());
    id.map(After::Extraction).ok_or(CURSOR)
}

/// The job that a path names.
fn named(text: &str) -> Result<String, &'static str> {
    let is_name = after(text).is_ok() || matches!(text, "embedding" | "expiry" | "propagation");
    if is_name { Ok(text.to_owned()) } else { Err("must be a job's id") }
}

/// What waits for vectors, as far as this server knows. Where nobody makes any, nothing waits.
fn embeddings(engine: &Engine) -> Embeddings {
    let readiness = engine.embedder().map(|embedder| embedder.readiness());
    match readiness {
        None | Some(Readiness::Absent) => Embeddings::default(),
        Some(Readiness::Ready) => {
            Embeddings { pending: engine.embeddings_pending().unwrap_or(0), last_error: None }
        }
        Some(Readiness::Failing) => {
            Embeddings { pending: engine.embeddings_pending().unwrap_or(0), last_error: Some("model_failed") }
        }
    }
}

fn context(
    engine: &Engine,
    caller: &Caller,
    meta: &RequestMeta,
    tenant: TenantId,
    idempotency: Option<Idempotency>,
) -> Context {
    let cx = engine.begin(caller.principal(tenant), meta.request_id.clone(), Dialect::Core, meta.now);
    Context { idempotency, ..cx }
}

fn problem(refusal: Refusal, meta: &RequestMeta) -> Problem {
    refused::problem(refusal, meta, |_: &Denied| {
        Problem::new(Code::PolicyDenied, "The policy does not allow this")
    })
}

fn answered(body: Value, access_log: AuditId) -> Response {
    with_access_log((StatusCode::OK, Json(body)).into_response(), access_log)
}

async fn listed(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let ListRequest { tenant, of, state, limit, after } =
        decode_query(query.as_deref(), Unknown::Refuse)?.value;
    let cx = context(&engine, &caller, &meta, tenant, None);
    let op = List { of, state, after, limit, embeddings: embeddings(&engine) };
    let done = engine.run(&cx, &op).await.map_err(|refusal| problem(refusal, &meta))?;
    let items: Vec<Value> = done.output.jobs.iter().map(told).collect();
    let next = done.output.next.map(|next| match next {
        After::Delivery(id) => id,
        After::Extraction(id) => format!("{}{}", job::OF_EXTRACTION, id.uuid().simple()),
    });
    Ok(answered(json!({"items": items, "next_cursor": next}), done.access_log))
}

async fn shown(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &string().parsed(|text: &String| named(text)));
    let (id, read) = refused::both(id, decode_query::<TenantRequest>(query.as_deref(), Unknown::Refuse))?;
    let cx = context(&engine, &caller, &meta, read.value.tenant, None);
    let op = Look { id, embeddings: embeddings(&engine) };
    let done = engine.run(&cx, &op).await.map_err(|refusal| problem(refusal, &meta))?;
    let found = done.output.ok_or_else(|| audited(Problem::not_found(), done.access_log))?;
    Ok(answered(told(&found), done.access_log))
}

async fn cancelled(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    ordered(&engine, &meta, &caller, (&id, query.as_deref()), Wish::Cancel).await
}

async fn retried(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    ordered(&engine, &meta, &caller, (&id, query.as_deref()), Wish::Retry).await
}

async fn ordered(
    engine: &Engine,
    meta: &RequestMeta,
    caller: &Caller,
    (id, query): (&str, Option<&str>),
    wish: Wish,
) -> Result<Response, Problem> {
    let (route, word) = match wish {
        Wish::Cancel => ("POST /v2/jobs/{id}/cancel", "ended"),
        Wish::Retry => ("POST /v2/jobs/{id}/retry", "tried again"),
    };
    let id = parameter("id", id, &string().parsed(|text: &String| named(text)));
    let (id, read) = refused::both(id, decode_query::<TenantRequest>(query, Unknown::Refuse))?;
    let tenant = read.value.tenant;
    let idempotency = caller.idempotency(route, &json!([id, tenant.as_str()]));
    let cx = context(engine, caller, meta, tenant, idempotency);
    let done = jobs::order(engine, &cx, &Order { id, wish }).await;
    let done = done.map_err(|refusal| problem(refusal, meta))?;
    match done.output {
        Changed::Done(job) => Ok(answered(told(&job), done.access_log)),
        Changed::NotSo(job) => {
            let message = format!("A job that is {} cannot be {word}", job.state.name());
            let problem = Problem::new(Code::Conflict, message).detail("state", job.state.name());
            Err(audited(problem, done.access_log))
        }
        Changed::Unknown | Changed::Extraction(_) => Err(audited(Problem::not_found(), done.access_log)),
    }
}

async fn delivered(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let DeliveriesRequest { tenant, state, limit, after } =
        decode_query(query.as_deref(), Unknown::Refuse)?.value;
    let cx = context(&engine, &caller, &meta, tenant, None);
    let op = Deliveries { state, after, limit };
    let done = engine.run(&cx, &op).await.map_err(|refusal| problem(refusal, &meta))?;
    let (kept, more) = done.output;
    let items: Vec<Value> = kept.iter().map(delivery).collect();
    let next = kept.last().filter(|_| more).map(|last| last.id.clone());
    Ok(answered(json!({"items": items, "next_cursor": next}), done.access_log))
}
