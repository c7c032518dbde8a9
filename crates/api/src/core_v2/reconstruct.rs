//! `POST /v2/reconstruct`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::reconstruct::{self, Reconstruct};
use memoryscope_engine::op::search::Search;
use serde_json::json;

use super::who::Place;
use super::wire::requests::ReconstructRequest;
use super::wire::{example, reconstructed};
use super::{context, error, shown};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let least = json!({"tenant_id": example::TENANT, "scope": example::scope(), "purpose": "chat_response"});
    let mut messages = least.clone();
    messages["format"] = json!("messages");
    messages["cues"] = json!(["peanuts"]);
    messages["max_tokens"] = json!(200);
    super::operation(Verb::Post, "/v2/reconstruct", "reconstructContext")
        .says(
            "A context, for a purpose",
            "Out of what impacts ask for and the seeds that a cue wakes, never out of events: the most important first, \
             within `max_tokens`. With query_text the events that are referred to are those that answer it, by their words and \
             their meaning, the best first.",
        )
        .runs(&reconstruct::INFO)
        .takes::<ReconstructRequest>(Unknown::Refuse)
        .answers(200, "The context, and what it was put together from.", reconstructed::reconstructed_schema())
        .refuses(&[Code::PolicyDenied])
        .example(Example::new("text").body(least))
        .example(Example::new("messages").body(messages))
}

/// Puts a context together.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let request = document.decode_at::<ReconstructRequest>(Unknown::Refuse, meta.now)?.value;
    let ReconstructRequest { tenant, scope, purpose, cues, text, max_tokens, include_events, format } =
        request;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: Some(&scope) }, None);
    let cues = cues.iter().map(|cue| cue.as_str().to_owned()).collect();
    let search = match text {
        Some((text, words)) => Some(Search::new(words, engine.meaning(&text).await)),
        None => None,
    };
    let op = Reconstruct { scope, purpose, format, max_tokens, include_events, cues, search };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = reconstructed::reconstructed(&done.output);
    Ok(shown(&done, body))
}
