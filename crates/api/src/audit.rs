//! The audit chain over HTTP, for all dialects: `/v2/audit`, `/v2/audit/verify`, `/v2/access-logs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::audit_chain::{Seq, Verification, View};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Dialect;
use memoryscope_engine::context::Context;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::audit::{self as op, Get, List, Walk};
use memoryscope_engine::refusal::{Denied, Refusal};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::AUDIT_ID_PATTERN;
use crate::openapi::{self, Example, Operation, Routes, Tag, Verb, schema};
use crate::problem::{Code, Problem};
use crate::refused;
use crate::wire::{Decode as _, Fields, Shape, Unknown, decode_query, parameter, string, whole};

/// The routes.
#[must_use]
pub fn routes() -> Routes<Arc<Engine>> {
    let auditor = |name| Example::new(name).with("X-MemoryScope-Roles", json!("auditor"));
    let route = |path, id, info| {
        Operation::new(Verb::Get, path, Tag::Audit, id).runs(info).refuses(&[Code::Forbidden])
    };
    let entries = route("/v2/audit", "listAuditEntries", &op::LIST)
        .says(
            "The audit chain",
            "Every entry in its order. Reading a page adds an entry, and `next_cursor` says where to stop.",
        )
        .asks::<PageRequest>()
        .answers(
            200,
            "A page of the chain.",
            page_schema("AuditEntryPage", openapi::audit_entry("AuditEntry")),
        )
        .example(auditor("from the start"))
        .example(
            auditor("behind the second").with("cursor", "2").with("limit", 10).with("tenant_id", "t_default"),
        );
    let verified = route("/v2/audit/verify", "verifyAudit", &op::VERIFY)
        .says("Whether the chain holds", "Walks all of it and its checkpoints.")
        .asks::<TenantRequest>()
        .answers(200, "What the walk found, good or bad.", verification_schema())
        .example(auditor("all of it"));
    let logs = route("/v2/access-logs", "listAccessLogs", &op::LOGS)
        .says(
            "Who read what, and why",
            "The entries of reads and listings, with what stands beside them until it is erased.",
        )
        .asks::<PageRequest>()
        .answers(200, "A page of accesses.", page_schema("AccessLogPage", access_schema()))
        .example(auditor("the first").with("limit", 1));
    let one = route("/v2/access-logs/{id}", "getAccessLog", &op::LOG)
        .says("One entry", "Of any kind, by the id that `X-Access-Log-ID` gave.")
        .names("id", "As `X-Access-Log-ID` gave it.", AUDIT_ID_PATTERN)
        .asks::<TenantRequest>()
        .answers(200, "The entry.", access_schema())
        .example(auditor("one").with("id", "log_019b76daa800700083c07e797990b22e"));
    Routes::new()
        .add(entries, self::entries)
        .add(verified, verify)
        .add(logs, access_logs)
        .add(one, access_log)
}

fn page_schema(title: &str, item: Value) -> Value {
    let next = schema::about(schema::or_null(schema::text()), "Null on the last page.");
    schema::object(title, [("items", schema::list(item)), ("next_cursor", next)])
}

/// The schema of [`access`].
pub(crate) fn access_schema() -> Value {
    let private = schema::about(
        schema::or_null(schema::free()),
        "What can be erased, such as names and words; null once it is.",
    );
    let entry = openapi::audit_entry("AccessLog");
    schema::with(entry, [("access_log_id", schema::prefixed("log_")), ("private", private)])
}

/// The schema of [`verification`].
fn verification_schema() -> Value {
    schema::object(
        "AuditVerification",
        [
            ("ok", schema::truth()),
            ("entries", schema::count()),
            ("head", schema::digest()),
            ("checkpoints", schema::count()),
            (
                "checkpoint_keys",
                schema::about(schema::list(schema::text()), "Who signed: compare them with those you know."),
            ),
            ("first_broken_seq", schema::or_null(schema::count())),
            ("reason", schema::or_null(schema::text())),
        ],
    )
}

/// A page of the chain.
#[derive(Debug)]
struct PageRequest {
    tenant: TenantId,
    cursor: Cursor,
    limit: usize,
}

impl Shape for PageRequest {
    const NAME: &'static str = "AuditPage";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = tenant(f);
        let (default, max) = (limits::LIST_ITEMS_DEFAULT as i64, limits::AUDIT_PAGE_ITEMS_MAX as i64);
        let limit = f.or("limit", whole(1..=max), default);
        let cursor = f.optional(
            "cursor",
            string()
                .bytes(1..=limits::CURSOR_BYTES_MAX)
                .pattern("^[0-9]{1,18}(?:-[0-9]{1,18})?$")
                .parsed(|t: &String| Cursor::read(t)),
        );
        let cursor = if f.sent("cursor") { cursor? } else { Cursor::START };
        Some(Self { tenant: tenant?, cursor, limit: usize::try_from(limit?).ok()? })
    }
}

/// Where a listing of the chain goes on, and where it ends. The chain is one list in one order for everybody who may
/// see it, so these are places in it; the end is there because reading a page adds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    after: Seq,
    until: Option<Seq>,
}

impl Cursor {
    const START: Self = Self { after: Seq::ZERO, until: None };

    fn read(text: &str) -> Result<Self, &'static str> {
        let place = |text: &str| text.parse::<u64>().ok().filter(|seq| i64::try_from(*seq).is_ok()).map(Seq);
        let read = match text.split_once('-') {
            Some((after, until)) => place(after).zip(place(until)).map(|(after, until)| (after, Some(until))),
            None => place(text).map(|after| (after, None)),
        };
        let (after, until) = read.ok_or("must be a next_cursor, or the seq to go on behind")?;
        Ok(Self { after, until })
    }

    fn write((after, until): (Seq, Seq)) -> String {
        format!("{after}-{until}")
    }
}

/// Whose chain.
#[derive(Debug)]
struct TenantRequest {
    tenant: TenantId,
}

impl Shape for TenantRequest {
    const NAME: &'static str = "Tenant";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { tenant: tenant(f)? })
    }
}

fn tenant(f: &mut Fields<'_>) -> Option<TenantId> {
    let sent = f.sent("tenant_id");
    let tenant = f.optional(
        "tenant_id",
        string().pattern("^t_[A-Za-z0-9_-]{1,64}$").parsed(|text: &String| TenantId::parse(text)),
    );
    if sent { tenant } else { Some(TenantId::default_tenant()) }
}

fn context(engine: &Engine, caller: &Caller, meta: &RequestMeta, tenant: TenantId) -> Context {
    engine.begin(caller.principal(tenant), meta.request_id.clone(), Dialect::Core, meta.now)
}

fn problem(refusal: Refusal, meta: &RequestMeta) -> Problem {
    refused::problem(refusal, meta, |_: &Denied| {
        Problem::new(Code::PolicyDenied, "The policy does not allow this")
    })
}

async fn entries(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    page(&engine, &meta, &caller, query.as_deref(), false).await
}

async fn access_logs(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    page(&engine, &meta, &caller, query.as_deref(), true).await
}

async fn page(
    engine: &Engine,
    meta: &RequestMeta,
    caller: &Caller,
    query: Option<&str>,
    accesses_only: bool,
) -> Result<Response, Problem> {
    let PageRequest { tenant, cursor: Cursor { after, until }, limit } =
        decode_query::<PageRequest>(query, Unknown::Refuse)?.value;
    let cx = context(engine, caller, meta, tenant);
    let op = List { after, until, limit, accesses_only };
    let done = engine.run(&cx, &op).await.map_err(|refusal| problem(refusal, meta))?;
    let show = |stored: &StoredEntry| {
        let shown = entry(stored, meta)?;
        Ok(if accesses_only { access(stored, shown) } else { shown })
    };
    let items: Vec<Value> = done.output.items.iter().map(show).collect::<Result<_, Problem>>()?;
    let next = done.output.next.map(Cursor::write);
    Ok(refused::with_access_log(
        Json(json!({"items": items, "next_cursor": next})).into_response(),
        done.access_log,
    ))
}

async fn access_log(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &string().parsed(|text: &String| AuditId::parse(text)));
    let (id, read) = refused::both(id, decode_query::<TenantRequest>(query.as_deref(), Unknown::Refuse))?;
    let TenantRequest { tenant } = read.value;
    let cx = context(&engine, &caller, &meta, tenant);
    let done = engine.run(&cx, &Get { id }).await.map_err(|refusal| problem(refusal, &meta))?;
    let access_log = done.access_log;
    let stored = done.output.ok_or_else(|| refused::audited(Problem::not_found(), access_log))?;
    let body = access(&stored, entry(&stored, &meta)?);
    Ok(refused::with_access_log(Json(body).into_response(), access_log))
}

async fn verify(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let TenantRequest { tenant } = decode_query::<TenantRequest>(query.as_deref(), Unknown::Refuse)?.value;
    let cx = context(&engine, &caller, &meta, tenant);
    let done = engine.run(&cx, &Walk::Verify).await.map_err(|refusal| problem(refusal, &meta))?;
    let body = Json(verification(&done.output.verification)).into_response();
    Ok(refused::with_access_log(body, done.access_log))
}

/// What is told of a walk of the chain.
fn verification(found: &Verification) -> Value {
    json!({
        "ok": found.ok,
        "entries": found.entries,
        "head": found.head.hash.to_string(),
        "checkpoints": found.checkpoints,
        "checkpoint_keys": found.checkpoint_keys,
        "first_broken_seq": found.first_broken.map(|broken| broken.seq),
        "reason": found.first_broken.map(|broken| broken.reason.name()),
    })
}

/// What is told of an entry.
pub(crate) fn entry(stored: &StoredEntry, meta: &RequestMeta) -> Result<Value, Problem> {
    let record = stored.entry.parse().map_err(|why| Problem::bug(meta.request_id.as_str(), &why))?;
    let view = View { record: &record, prev_hash: stored.entry.prev_hash, hash: stored.entry.hash };
    serde_json::to_value(view).map_err(|why| Problem::bug(meta.request_id.as_str(), &why))
}

/// An access log: the entry, with what stands beside it until it is erased.
pub(crate) fn access(stored: &StoredEntry, mut shown: Value) -> Value {
    shown["access_log_id"] = shown["id"].clone();
    shown["private"] = match stored.private.as_ref().and_then(|private| private.object().ok()) {
        Some(private) => Value::Object(private),
        None => Value::Null,
    };
    shown
}
