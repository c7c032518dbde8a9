//! `POST /v2/memories/query`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::query::{self, Query};
use memoryscope_engine::op::search::Search;
use serde_json::json;

use super::who::Place;
use super::wire::requests::QueryRequest;
use super::wire::{answers, example};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::cursor::Cursor;
use crate::explained;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let all = json!({"tenant_id": example::TENANT, "scope": example::scope(), "purpose": "chat_response"});
    let mut some = all.clone();
    some["filters"] = json!({"type": ["impact", "seed"], "state": "active", "min_strength": 0.1});
    some["limit"] = json!(10);
    let mut tested = all.clone();
    tested["filters"] = json!({"where": {"labels": {"contains": "calm"}, "not": {"strength": {"lt": 0.5}}}});
    tested["max_tokens"] = json!(500);
    let mut words = all.clone();
    words["query_text"] = json!("peanuts");
    let mut explained = words.clone();
    explained["explain"] = json!(true);
    super::operation(Verb::Post, "/v2/memories/query", "queryMemories")
        .says(
            "Ask for memories, for a purpose",
            "The latest first, with what their impacts ask for together. What is dormant is left out unless it is asked \
             for; for chat_response so is what may not be put into a prompt. With query_text, only what holds one of its \
             words or means the like, the best first, and with explain why. filters.where tests fields as they are shown. With max_tokens the page ends before the              memory with which its texts would have more, by estimate, but is never empty for that.",
        )
        .runs(&query::INFO)
        .takes::<QueryRequest>(Unknown::Refuse)
        .answers(200, "A page, and where to go on.", answers::queried_schema())
        .refuses(&[Code::PolicyDenied])
        .example(Example::new("all").body(all))
        .example(Example::new("some").body(some))
        .example(Example::new("tested").body(tested))
        .example(Example::new("by words").body(words))
        .example(Example::new("explained").body(explained))
}

/// Asks for memories.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let request = document.decode_at::<QueryRequest>(Unknown::Refuse, meta.now)?.value;
    let binding = request.binding();
    let mark = request.cursor.map(|cursor| cursor.of(binding, "body")).transpose()?;
    let QueryRequest { tenant, scope, purpose, text, explain, boost, filters, limit, max_tokens, .. } =
        request;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let refused = |refusal| error::problem(refusal, &meta);
    let (after, search, searched) = match (text, mark) {
        (None, None) => (None, None, None),
        (None, Some(mark)) => (Some(mark.place("body", (&engine, &cx), refused).await?), None, None),
        (Some((text, words)), mark) => {
            let after = mark.map(|mark| mark.ranked("body")).transpose()?;
            let (meaning, searched) = explained::understood(&engine, &text).await;
            (None, Some(Search::new(words, meaning).behind(after).boosted(boost)), Some(searched))
        }
    };
    let op = Query { scope, purpose, filters, after, search, limit, max_tokens };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let score = done.output.items.last().and_then(|item| item.score);
    let next = done.output.next.map(|next| Cursor::new(next, binding).scored(score).text());
    let explained = searched.as_ref().filter(|_| explain);
    let body = answers::queried(&done.output, meta.now, next.as_deref(), explained);
    Ok(shown(&done, body))
}
