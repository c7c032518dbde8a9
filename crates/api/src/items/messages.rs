//! `POST /v1/messages`: a message of a session, which is an item like any other.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::{At, Warning, WarningKind};
use memoryscope_domain::items::request::{MessageRequest, SessionPatch};
use memoryscope_domain::items::{Item, MessageRole, MessageStatus};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::ingest::{self, Ingest, NewObject};
use memoryscope_engine::op::session::Name;
use memoryscope_engine::refusal::Refusal;
use serde_json::json;

use super::add::{Beside, made, schema_of, settle};
use super::known::{Known, Wanted};
use super::wire::example;
use super::wire::messages::{message_schema, shown, store};
use super::{Items, answer, context, error, graph, sessions};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};

/// The routes.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    sessions::routes(routes.add(operation(), handler))
}

fn operation() -> Operation {
    super::operation(Verb::Post, "/v1/messages", "storeMessage")
        .says(
            "Store a message",
            "It belongs to the session of that name of external_user_id, or of the developer where nobody is named. It is a \
             memory like any other, and found by searches; with process_messages false it is only kept, until the session is \
             processed.",
        )
        .runs(&ingest::INFO)
        .takes_json(store())
        .once()
        .answers(200, "It is stored.", message_schema())
        .refuses(&[Code::PolicyDenied, Code::Forbidden, Code::NotImplemented])
        .example(Example::new("one").body(example::message()))
        .example(Example::new("blocks").body(json!({
            "sessionId": "trip", "role": "assistant", "process_messages": false,
            "content": [{"type": "text", "text": "When do you leave?"}, {"type": "text", "text": "And from where?"}],
        })))
}

/// Stores a message.
async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let idempotency = caller.idempotency("POST /v1/messages", document.value());
    let body = document.into_value()?;
    let read = MessageRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (mut request, mut warnings) = (read.value, read.warnings);
    let wanted = Wanted::default().identity(&request.item.identity).policy(&request.item.policy);
    let organization = request.item.identity.organization_id.clone();
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    settle(&mut request.item, &known);
    let (schema, known) = schema_of((&items, &meta, &caller), &request.item, None, known).await?;
    let beside = Beside { batch: None, schema: schema.as_ref(), known: &known, skips: false };
    let root = At::Root("body");
    let (acts, object) = made(&caller, &request.item, beside, &root, meta.now, &mut warnings)?;
    let object = as_message(object, &request);
    let is_given = !request.message.is_held && graph::is_given(&object);
    let (role, made_at, mut status) = told_of(&object);
    let (principal, scope) = (acts.principal.clone(), acts.scope.clone());
    let cx = context(&items, acts.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Ingest { items: vec![object] }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let access_log = done.access_log;
    let stored = match done.output.into_iter().next() {
        Some(Ok(stored)) => stored,
        Some(Err(rejected)) => return Err(error::rejected(rejected, access_log, &meta)),
        None => return Err(error::problem(Refusal::Bug("nothing was decided".to_owned()), &meta)),
    };
    if is_given {
        let made = graph::make_given(&items, &meta, &principal.tenant, stored.id).await?;
        status = match made["graph"]["status"].as_str() {
            Some("failed") => MessageStatus::Failed,
            Some("queued") => MessageStatus::Queued,
            _ => MessageStatus::Completed,
        };
    }
    if let Some(title) = request.title.clone() {
        let patch = SessionPatch { title: Some(Some(title)), ..SessionPatch::default() };
        let purpose = Purpose::ChatResponse;
        let op = Name { session: request.session.clone(), scope, purpose, patch, message: Some(stored.id) };
        // The message is stored; sent again, only the title is kept anew.
        let cx = context(&items, principal, &meta, None);
        let done = items.engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
        if done.output.is_none() {
            warnings.push(Warning {
                field: "body.title".to_owned(),
                message: "has no effect: no message of the session may be read".to_owned(),
                kind: WarningKind::NoEffect,
                successor: None,
            });
        }
    }
    let content = body.get("content").cloned().unwrap_or_default();
    let session = request.session.as_str();
    let created = made_at.unwrap_or(stored.created);
    let body = shown(&stored.id.prefixed(), session, role, &content, created, status);
    Ok(answer(StatusCode::OK, body, &warnings, Some(access_log)))
}

/// The object as the message that it is.
fn as_message(mut object: NewObject, request: &MessageRequest) -> NewObject {
    if let Some(event) = object.body.object_mut() {
        event.be_message(request.message.clone());
    }
    object
}

fn told_of(object: &NewObject) -> (MessageRole, Option<Timestamp>, MessageStatus) {
    let item: Option<&Item> = object.body.object().and_then(|object| object.item.as_deref());
    let role = item.and_then(|item| item.metadata.role).unwrap_or(MessageRole::User);
    let made_at = item.and_then(|item| item.metadata.created_at);
    (role, made_at, item.map_or(MessageStatus::Completed, Item::message_status))
}
