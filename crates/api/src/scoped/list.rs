//! `GET /memory`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::preference::{Shape, Source};
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::list::{self, List};
use serde_json::{Value, json};

use super::wire::{self, ListRequest};
use super::{answer, context, cursor, error};
use crate::auth::Caller;
use crate::cursor::Cursor;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb, schema};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    let shelf = |name| Example::new(name).with("user_id", "ana").with("scope", "preferences");
    super::operation(Verb::Get, "/memory", "listMemories")
        .says(
            "List live memories, for a purpose",
            "Oldest first, of one person and scope; without a domain, those of all domains.",
        )
        .runs(&list::INFO)
        .asks::<ListRequest>()
        .answers(200, "A page, and where to go on.", answer_schema())
        .refuses(&[Code::PolicyDenied])
        .example(shelf("words").with("purpose", "recommend a film"))
        .example(
            shelf("class").with("domain", "food").with("purpose_class", "recommendation").with("limit", 10),
        )
}

/// Lists a person's live memories of one scope, oldest first.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let read = decode_query::<ListRequest>(query.as_deref(), Unknown::Accept)?;
    let request = &read.value;
    let binding = cursor::binding(request);
    let mark = request.cursor.map(|cursor| cursor.of(binding, "query")).transpose()?;
    let cx = context(&engine, &caller, &meta, Some(request.user.clone()), None);
    let refused = |refusal| error::problem(refusal, &meta);
    let after = match mark {
        Some(mark) => Some(mark.place("query", (&engine, &cx), refused).await?),
        None => None,
    };
    let op = List {
        user: request.user.clone(),
        kind: request.kind,
        domain: request.domain.clone(),
        purpose: request.purpose.class,
        purpose_text: request.purpose.text.clone(),
        after,
        limit: request.limit,
    };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let items: Vec<Value> = done.output.items.iter().filter_map(|memory| item(memory)).collect();
    let next = done.output.next.map(|next| Cursor::new(next, binding).text());
    let body = json!({"items": items, "next_cursor": next});
    Ok(answer(StatusCode::OK, wire::with_warnings(body, &read), done.access_log))
}

/// What is told of a listed memory.
fn item(memory: &Memory) -> Option<Value> {
    let preference = memory.preference()?;
    Some(json!({
        "id": memory.id.to_string(),
        "user_id": memory.scope.id,
        "scope": preference.kind().name(),
        "domain": preference.domain(),
        "shape": preference.shape().name(),
        "value_json": preference.value(),
        "source": preference.source().name(),
        "created_at": memory.created.to_string(),
        "expires_at": memory.expires.map(|time| time.to_string()),
    }))
}

/// The schema of the answer.
fn answer_schema() -> Value {
    let item = schema::with(
        wire::created_members("ListedMemory"),
        [
            ("shape", schema::names(Shape::ALL.map(Shape::name))),
            ("value_json", json!({"type": ["object", "array"]})),
            ("source", schema::names(Source::ALL.map(Source::name))),
        ],
    );
    let next = schema::about(schema::or_null(schema::text()), "Null on the last page.");
    wire::warned(schema::object("MemoryPage", [("items", schema::list(item)), ("next_cursor", next)]))
}
