//! `GET /v2/memories`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::query::{self, Filters, Query};

use super::who::Place;
use super::wire::requests::ListRequest;
use super::wire::{answers, example};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::cursor::Cursor;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    let own = Example::new("own")
        .with("tenant_id", example::TENANT)
        .with("scope_type", "user")
        .with("scope_id", example::USER)
        .with("purpose", "chat_response");
    super::operation(Verb::Get, "/v2/memories", "listScope")
        .says("The memories of a scope, for a purpose", "The latest first. What is dormant is left out.")
        .runs(&query::INFO)
        .asks::<ListRequest>()
        .answers(200, "A page, and where to go on.", answers::page_schema())
        .refuses(&[Code::PolicyDenied])
        .example(own.clone())
        .example(Example { name: "few", ..own }.with("limit", 2))
}

/// Lists a scope's memories.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let request = decode_query::<ListRequest>(query.as_deref(), Unknown::Refuse)?.value;
    let binding = request.binding();
    let mark = request.cursor.map(|cursor| cursor.of(binding, "query")).transpose()?;
    let ListRequest { tenant, scope, purpose, limit, .. } = request;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let refused = |refusal| error::problem(refusal, &meta);
    let after = match mark {
        Some(mark) => Some(mark.place("query", (&engine, &cx), refused).await?),
        None => None,
    };
    let op =
        Query { scope, purpose, filters: Filters::default(), after, search: None, limit, max_tokens: None };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let next = done.output.next.map(|next| Cursor::new(next, binding).text());
    let body = answers::page(&done.output, meta.now, next.as_deref());
    Ok(shown(&done, body))
}
