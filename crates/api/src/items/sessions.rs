//! `/v1/messages/sessions/{id}`: the messages of a session, what they come to, and how they are processed.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::{Fault, FieldFault, Step};
use memoryscope_domain::items::MessageStatus;
use memoryscope_domain::items::request::SessionPatch;
use memoryscope_domain::limits;
use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::context::Context;
use memoryscope_engine::engine::Done;
use memoryscope_engine::op::session::{self, Found, Look, Name, Session, What, process_each};
use serde_json::{Value, json};

use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::messages::{
    SESSION_PATTERN, compressed_schema, history_schema, of_item, patch, processed_schema, session_schema,
    status_schema, summaries,
};
use super::wire::queries::{HistoryQuery, Named, NamedQuery};
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the session that a path names.
const ID: &str = "The session, as its messages named it.";

/// What an agent is told about the rest of a conversation.
const AGENT_NOTE: &str = "These are sentences of the conversation, as they were said. Read all of it with GET \
    /v1/messages/sessions/{id}, or search it with POST /v1/memory/search and metadata.conversationId.";

/// The routes.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    routes
        .add(history_operation(), history)
        .add(update_operation(), update)
        .add(status_operation(), status)
        .add(process_operation(), process)
        .add(compress_operation(), compress)
}

fn looked(path: &'static str, id: &'static str) -> Operation {
    super::operation(Verb::Get, path, id)
        .states_purpose()
        .names("id", ID, SESSION_PATTERN)
        .refuses(&[Code::NotFound])
        .example(Example::new("one").with("id", "trip").with("external_user_id", "ana"))
}

fn history_operation() -> Operation {
    looked("/v1/messages/sessions/{id}", "getSession")
        .says(
            "A session's messages",
            "The oldest first. Only what may be seen is there and counts; where that is nothing, there is no such session. Of more \
             than fifteen messages there are summaries beside them.",
        )
        .runs(&session::HISTORY)
        .asks::<HistoryQuery>()
        .answers(200, "The messages.", history_schema())
}

fn update_operation() -> Operation {
    let trip = json!({"title": "A trip to Lisbon", "metadata": {"colour": "blue", "draft": null}});
    super::operation(Verb::Patch, "/v1/messages/sessions/{id}", "updateSession")
        .says(
            "Change what a session is called",
            "What is stated is replaced, and null takes it away; metadata is put among what is there, member by member.",
        )
        .runs(&session::NAME)
        .states_purpose()
        .names("id", ID, SESSION_PATTERN)
        .asks::<NamedQuery>()
        .takes_json(patch())
        .once()
        .answers(200, "It is changed.", session_schema())
        .refuses(&[Code::NotFound, Code::Forbidden, Code::PolicyDenied])
        .example(Example::new("one").with("id", "trip").with("external_user_id", "ana").body(trip))
}

fn status_operation() -> Operation {
    looked("/v1/messages/sessions/{id}/status", "getSessionStatus")
        .says("How far a session is processed", "How many of its messages are how far.")
        .runs(&session::STATUS)
        .asks::<NamedQuery>()
        .answers(200, "How far it is.", status_schema())
}

fn compress_operation() -> Operation {
    looked("/v1/messages/sessions/{id}/compress", "compressSession")
        .says(
            "What a session comes to",
            "Sentences of its messages that stand for the others, as they were said. They are chosen anew each time, of what may \
             be seen then.",
        )
        .runs(&session::COMPRESS)
        .asks::<NamedQuery>()
        .answers(200, "What it comes to.", compressed_schema())
}

fn process_operation() -> Operation {
    super::operation(Verb::Post, "/v1/messages/sessions/{id}/process", "processSession")
        .says(
            "Process a session",
            "Its messages that were only kept are treated like any other memory from now on, each as its own policy says: up to a \
             thousand, the oldest first. Sent again it does the rest.",
        )
        .runs(&session::PROCESS)
        .states_purpose()
        .names("id", ID, SESSION_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "They are processed.", processed_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("one").with("id", "trip").with("external_user_id", "ana"))
}

/// What a session is looked at for, by whom.
struct Asked {
    cx: Context,
    look: Look,
}

impl Asked {
    fn of(
        items: &Items,
        meta: &RequestMeta,
        caller: &Caller,
        (session, named, purpose): (&str, Named, Purpose),
        what: What,
    ) -> Result<Self, Problem> {
        let session = session.trim();
        if session.is_empty()
            || session.chars().count() > limits::SESSION_ID_CHARS_MAX
            || session.chars().any(char::is_control)
        {
            return Err(Problem::not_found());
        }
        let acts = Acts::named(caller, named.user, named.organization_id, named.namespace_id)?;
        let look = Look { session: session.to_owned(), scope: acts.scope, purpose, what };
        Ok(Self { cx: context(items, acts.principal, meta, None), look })
    }

    async fn run(&self, items: &Items, meta: &RequestMeta) -> Result<Done<Box<Session>>, Problem> {
        let done = items.engine.run(&self.cx, &self.look).await;
        let Done { output, access_log, trace, bridged } =
            done.map_err(|refusal| error::problem(refusal, meta))?;
        match output {
            Found::One(output) => Ok(Done { output, access_log, trace, bridged }),
            Found::Nothing => Err(audited(Problem::not_found(), access_log)),
            Found::Several => {
                let path = ["query", "external_user_id"].map(|key| Step::Key(key.to_owned())).to_vec();
                let message = "must be there: several users have a session of this name".to_owned();
                let fault = FieldFault { path, message, fault: Fault::Missing };
                Err(audited(error::invalid(&[fault], 0), access_log))
            }
        }
    }
}

/// Shows a session's messages.
async fn history(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<HistoryQuery>(query.as_deref(), Unknown::Accept)?.value;
    let what = What::History { skip: query.skip, limit: query.limit };
    let asked = Asked::of(&items, &meta, &caller, (&id, query.named, purpose), what)?;
    let done = asked.run(&items, &meta).await?;
    let session = &done.output;
    let (said, context) = match &session.summary {
        Some((said, context)) => (summaries(said, session.last), json!(context)),
        None => (Value::Null, Value::Null),
    };
    let body = json!({
        "sessionId": asked.look.session,
        "title": session.document.title,
        "metadata": session.document.metadata,
        "messages": session.page.iter().map(of_item).collect::<Vec<Value>>(),
        "total_count": session.total,
        "has_more": session.more,
        "summaries": said,
        "context_for_llm": context,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Changes what a session is called.
async fn update(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let route = "PATCH /v1/messages/sessions/{id}";
    let idempotency = caller.idempotency(route, &json!([id, query, document.value()]));
    let body = document.into_value()?;
    let read = SessionPatch::read(&body).map_err(error::of_request)?;
    let asked = Asked::of(&items, &meta, &caller, (&id, named, purpose), What::Status)?;
    let found = asked.run(&items, &meta).await?;
    let cx = context(&items, asked.cx.principal.clone(), &meta, idempotency);
    let op = Name {
        session: asked.look.session,
        scope: found.output.scope,
        purpose,
        patch: read.value,
        message: None,
    };
    let done = items.engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let kept = match done.output {
        None => return Err(audited(Problem::not_found(), done.access_log)),
        Some(Err(message)) => {
            let path = ["body", "metadata"].map(|key| Step::Key(key.to_owned())).to_vec();
            let fault = FieldFault { path, message, fault: Fault::TooLong };
            return Err(audited(error::invalid(&[fault], 0), done.access_log));
        }
        Some(Ok(kept)) => kept,
    };
    let body = json!({
        "message": "The session is changed",
        "session_id": kept.session,
        "title": kept.title,
        "metadata": kept.metadata,
    });
    Ok(answer(StatusCode::OK, body, &read.warnings, Some(done.access_log)))
}

/// Says how far a session's messages are.
async fn status(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let asked = Asked::of(&items, &meta, &caller, (&id, named, purpose), What::Status)?;
    let done = asked.run(&items, &meta).await?;
    let count = |status: &MessageStatus| done.output.statuses.get(status).copied().unwrap_or_default();
    let statuses: Value =
        MessageStatus::ALL.iter().map(|status| (status.name().to_owned(), json!(count(status)))).collect();
    let body = json!({
        "session_id": asked.look.session,
        "total_messages": done.output.total,
        "processing_status": statuses,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Summarises a session.
async fn compress(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let asked = Asked::of(&items, &meta, &caller, (&id, named, purpose), What::Compress)?;
    let done = asked.run(&items, &meta).await?;
    let session = &done.output;
    let (said, context) = session.summary.clone().unwrap_or_default();
    let body = json!({
        "session_id": asked.look.session,
        "summaries": summaries(&said, session.last),
        "context_for_llm": context,
        "ai_agent_note": AGENT_NOTE,
        "from_cache": false,
        "message_count": session.total,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Has a session's messages processed that were only kept.
async fn process(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let asked = Asked::of(&items, &meta, &caller, (&id, named, purpose), What::Process)?;
    let done = asked.run(&items, &meta).await?;
    let held = &done.output.held;
    let now = &held[..held.len().min(limits::SESSION_PROCESS_MESSAGES)];
    // The look had identifiers of its own.
    let cx = context(&items, asked.cx.principal.clone(), &meta, None);
    let processed = process_each(&items.engine, &cx, now).await;
    let processed = processed.map_err(|refusal| error::problem(refusal, &meta))?;
    let left = held.len() - processed.queued;
    let message = match (processed.queued, left) {
        (0, 0) => "No message waited to be processed".to_owned(),
        (queued, 0) => format!("Messages that are processed now: {queued}"),
        (queued, left) => format!("Messages that are processed now: {queued}; still only kept: {left}"),
    };
    let body = json!({
        "message": message,
        "session_id": asked.look.session,
        "messages_queued": processed.queued,
        "messages_left": left,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}
