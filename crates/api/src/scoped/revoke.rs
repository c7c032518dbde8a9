//! `POST /memory/revoke`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::grant::Token;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::revoke::{self, Revoke};
use serde_json::json;

use super::wire::{self, RevokeRequest};
use super::{answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb, schema};
use crate::problem::{Code, Problem};
use crate::wire::Unknown;

pub(super) fn operation() -> Operation {
    let revoked =
        schema::object("Revoked", [("revoked", json!({"const": true})), ("revoked_at", schema::time())]);
    super::operation(Verb::Post, "/memory/revoke", "revokeGrant")
        .says("Give a token back", "From now on nothing can be read under it.")
        .runs(&revoke::INFO)
        .takes::<RevokeRequest>(Unknown::Accept)
        .once()
        .answers(200, "It is revoked.", wire::warned(revoked))
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("token").body(json!({"revocation_token": wire::EXAMPLE_TOKEN})))
}

/// Takes a grant back.
pub(super) async fn handler(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let read = document.decode::<RevokeRequest>(Unknown::Accept)?;
    let idempotency = caller.idempotency("POST /memory/revoke", document.value());
    let cx = context(&engine, &caller, &meta, None, idempotency);
    let op = Revoke { token_hash: read.value.token.clone().unwrap_or(Token::NOBODYS).hash() };
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = json!({"revoked": true, "revoked_at": done.output.to_string()});
    Ok(answer(StatusCode::OK, wire::with_warnings(body, &read), done.access_log))
}
