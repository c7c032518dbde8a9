//! `GET /v1/memory/{id}` and `GET /v1/memory/status/{id}`.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::items::{Consent, Risk};
use memoryscope_domain::job::Work;
use memoryscope_domain::memory::{Memory, MemoryType};
use memoryscope_engine::engine::Done;
use memoryscope_engine::op::get::{self, Get};
use memoryscope_engine::op::query::Item;
use serde_json::json;

use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::queries::{GetQuery, Named, NamedQuery};
use super::wire::{example, found_schema, memory, status_schema};
use super::{Items, answer, context, error, graph};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::MEMORY_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the memory that a path names.
pub(super) const ID: &str = "The memory, as it was answered when it was added.";

pub(super) fn operation() -> Operation {
    super::operation(Verb::Get, "/v1/memory/{id}", "getItem")
        .says(
            "One memory",
            "What may not be seen, and what the query leaves out, is answered as what never was. The bare key reads for \
             the developer; with external_user_id that user's eyes decide.",
        )
        .runs(&get::GET)
        .states_purpose()
        .names("id", ID, MEMORY_ID_PATTERN)
        .asks::<GetQuery>()
        .answers(200, "The memory.", found_schema())
        .refuses(&[Code::NotFound])
        .example(
            Example::new("own")
                .with("id", example::ID)
                .with("external_user_id", "ana")
                .with("include", "effective_policy"),
        )
}

pub(super) fn status_operation() -> Operation {
    super::operation(Verb::Get, "/v1/memory/status/{id}", "getItemStatus")
        .says(
            "How far a memory is",
            "What is stored is found by its words at once. `queued`: nothing was begun that goes on behind the request; \
             `quick_saved`: its graph is still to be made; `processing`: something goes on, or is tried again.",
        )
        .runs(&get::GET)
        .states_purpose()
        .names("id", ID, MEMORY_ID_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "How far it is.", status_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("own").with("id", example::ID).with("external_user_id", "ana"))
}

/// Shows a memory.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<GetQuery>(query.as_deref(), Unknown::Accept)?.value;
    let op = Get { id: named(&id)?, purpose };
    let done = read(&items, &meta, &caller, query.named.clone(), op).await?;
    let item = &done.output;
    if !is_wanted(&query, &item.memory) {
        return Err(audited(Problem::not_found(), done.access_log));
    }
    let mut shown = memory::shown(item, &caller.client(), None);
    if query.effective_policy {
        shown["effective_policy"] = memory::effective_policy(&item.memory);
    }
    let body = json!({
        "code": 200, "status": "success", "data": {"memories": [shown], "nodes": []}, "error": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Says how far a memory is.
pub(super) async fn status_handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value;
    let op = Get { id: named(&id)?, purpose };
    let done = read(&items, &meta, &caller, query.named, op).await?;
    let id = done.output.memory.id.prefixed();
    let extraction = done.output.memory.item().and_then(|item| item.extraction.as_ref());
    let memory = &done.output.memory;
    let awaits_vector = items.engine.awaits_vector(&memory.tenant, memory.id);
    let status = word(Work::on(Some(memory), meta.now), awaits_vector);
    let extraction = extraction.map(graph::told);
    let body =
        json!({"code": 200, "memoryId": id, "memory_id": id, "status": status, "extraction": extraction});
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// How far the work on a memory is, in the words of this dialect. What is stored is on disk and found by its words at once, so that the
/// least is `quick_saved`, but for what is still to be found by its meaning.
pub(super) const fn word(work: Work, awaits_vector: bool) -> &'static str {
    match (work, awaits_vector) {
        (Work::Failed, _) => "failed",
        (Work::Waits, true) => "queued",
        (Work::Waits, false) => "quick_saved",
        (Work::Goes, _) | (Work::Completed, true) => "processing",
        (Work::Completed, false) => "completed",
    }
}

/// The memory that a path names. What is no memory's id names none.
pub(super) fn named(id: &str) -> Result<MemoryId, Problem> {
    MemoryId::parse(id).map_err(|_| Problem::not_found())
}

/// Reads an event; what another dialect keeps beside events is none of this one's.
async fn read(
    items: &Items,
    meta: &RequestMeta,
    caller: &Caller,
    named: Named,
    op: Get,
) -> Result<Done<Item>, Problem> {
    let acts = Acts::named(caller, named.user, named.organization_id, named.namespace_id)?;
    let cx = context(items, acts.principal, meta, None);
    let done = items.engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, meta))?;
    if done.output.memory.body.memory_type() == MemoryType::Event && !done.output.memory.is_tombstone() {
        Ok(done)
    } else {
        Err(audited(Problem::not_found(), done.access_log))
    }
}

/// Whether the query does not leave it out. What is no item was added with implicit consent and without risk.
fn is_wanted(query: &GetQuery, memory: &Memory) -> bool {
    let policy = memory.item().map(|item| &item.policy);
    let consent = policy.map_or(Consent::Implicit, |policy| policy.consent.value);
    let risk = policy.map_or(Risk::None, |policy| policy.risk.value);
    let is_left_out = (query.require_consent && consent == Consent::None)
        || (query.exclude_flagged && risk == Risk::Flagged);
    !is_left_out && query.max_risk.is_none_or(|max| risk <= max)
}
