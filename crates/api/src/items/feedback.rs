//! `/v1/feedback`: what somebody says of the answer to a search of theirs.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::Warning;
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::items::request::FeedbackRequest;
use memoryscope_engine::context::{Context, Idempotency};
use memoryscope_engine::op::feedback::{self, Give};
use serde_json::json;

use super::batch::{outcome, refused};
use super::who::Acts;
use super::wire::example;
use super::wire::feedback::{
    FEEDBACK_ID_PATTERN, batch, batch_schema, give, given_schema, kept_schema, shown,
};
use super::wire::queries::NamedQuery;
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// The routes. What has a fixed name comes before `/{id}`.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    routes.add(give_operation(), one).add(batch_operation(), several).add(get_operation(), get)
}

fn give_operation() -> Operation {
    super::operation(Verb::Post, "/v1/feedback", "giveFeedback")
        .says(
            "Say what an answer was like",
            "search_id is what the search answered with; it has to be of the same user. What memories it cites, as far as they may \
             be seen, is remembered as this user's own opinion of them.",
        )
        .runs(&feedback::GIVE)
        .takes_json(give())
        .once()
        .answers(200, "It is kept.", given_schema())
        .refuses(&[Code::Forbidden, Code::NotFound, Code::PolicyDenied])
        .example(Example::new("thumb").body(example::feedback()))
}

fn batch_operation() -> Operation {
    let items = json!({"feedback_items": [example::feedback()]});
    super::operation(Verb::Post, "/v1/feedback/batch", "giveFeedbacks")
        .says("Say what answers were like", "Up to a hundred, each accepted or refused on its own.")
        .runs(&feedback::GIVE)
        .takes_json(batch())
        .once()
        .answers(200, "All are kept.", batch_schema())
        .answers(207, "Some are kept; the others say why not.", batch_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("one").body(items))
}

fn get_operation() -> Operation {
    super::operation(Verb::Get, "/v1/feedback/{id}", "getFeedback")
        .says("What was said of an answer", "By whoever said it, or by the developer.")
        .runs(&feedback::GET)
        .names("id", "The feedback, as it was answered when it was given.", FEEDBACK_ID_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "What was said.", kept_schema())
        .refuses(&[Code::NotFound])
        .example(
            Example::new("one")
                .with("id", "fb_019b76daa80070018a80bdd0f8d83629")
                .with("external_user_id", "ana"),
        )
}

/// Keeps one.
async fn one(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let idempotency = caller.idempotency("POST /v1/feedback", document.value());
    let body = document.into_value()?;
    let read = FeedbackRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let principal = Acts::of(&caller, &read.value.identity)?.principal;
    let cx = context(&items, principal, &meta, idempotency);
    let (id, access_log) = give_one(&items, &meta, &cx, read.value).await?;
    let body = json!({
        "code": 200,
        "status": "success",
        "feedback_id": id,
        "message": "The feedback is kept",
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &read.warnings, Some(access_log)))
}

async fn give_one(
    items: &Items,
    meta: &RequestMeta,
    cx: &Context,
    request: FeedbackRequest,
) -> Result<(String, AuditId), Problem> {
    // What is no search's name names none.
    let search = request.search.ok_or_else(Problem::not_found)?;
    let done = items.engine.run(cx, &Give { search, feedback: request.feedback }).await;
    let done = done.map_err(|refusal| error::problem(refusal, meta))?;
    Ok((done.output, done.access_log))
}

/// Keeps several, one after another, each in a commit of its own.
async fn several(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let idempotency = caller.idempotency("POST /v1/feedback/batch", document.value());
    let body = document.into_value()?;
    let read = FeedbackRequest::read_batch(&body, &items.config.reading).map_err(error::of_request)?;
    let (mut ids, mut errors, mut warnings) = (Vec::new(), Vec::new(), Vec::<Warning>::new());
    let count = read.len();
    for (index, item) in read.into_iter().enumerate() {
        let given = async {
            let read = item.map_err(error::of_request)?;
            let principal = Acts::of(&caller, &read.value.identity)?.principal;
            let cx = context(&items, principal, &meta, of_item(idempotency.as_ref(), index));
            let (id, _) = give_one(&items, &meta, &cx, read.value).await?;
            Ok::<_, Problem>((id, read.warnings))
        };
        match given.await {
            Ok((id, own)) => {
                ids.push(id);
                warnings.extend(own);
            }
            Err(problem) if is_of_the_batch(&problem) && ids.is_empty() && errors.is_empty() => {
                return Err(problem);
            }
            Err(problem) => errors.push(refused(index, &problem, &meta)),
        }
    }
    let (status, word) = outcome(!ids.is_empty(), !errors.is_empty());
    let body = json!({
        "code": status.as_u16(),
        "status": word,
        "message": format!("{} of {count} items of feedback are kept", ids.len()),
        "successful_count": ids.len(),
        "failed_count": errors.len(),
        "feedback_ids": ids,
        "errors": errors,
        "error": null,
    });
    Ok(answer(status, body, &warnings, None))
}

/// Where the server cannot work, or the key is another request's, the request failed and not its first item.
fn is_of_the_batch(problem: &Problem) -> bool {
    problem.status().is_server_error()
        || matches!(problem.code(), Code::IdempotencyKeyReused | Code::InProgress)
}

/// Each item has a key of its own, and the first one that of the request.
fn of_item(idempotency: Option<&Idempotency>, index: usize) -> Option<Idempotency> {
    let mut own = idempotency.cloned()?;
    if index > 0 {
        own.key.key = format!("{}#{index}", own.key.key);
    }
    Some(own)
}

/// Shows one.
async fn get(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    let acts = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?;
    let id = feedback::id_of(&id).ok_or_else(Problem::not_found)?;
    let cx = context(&items, acts.principal, &meta, None);
    let done = items.engine.run(&cx, &feedback::Get { id: id.clone() }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let Some(kept) = done.output else { return Err(audited(Problem::not_found(), done.access_log)) };
    let body = json!({
        "code": 200,
        "status": "success",
        "feedback_id": id,
        "message": "The feedback is kept",
        "error": null,
        "details": shown(&kept),
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}
