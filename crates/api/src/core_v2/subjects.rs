//! `POST /v2/subjects/{id}/erase`, `…/export` and `…/consent`: everything that is about a person.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::subject::Deed;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::subject::{self, Admit, Export};
use memoryscope_engine::subjects;
use serde_json::{Value, json};

use super::who::Place;
use super::wire::example;
use super::wire::policies::OfTenant;
use super::wire::subjects::{self as wire, Consent, EraseSubject, person};
use super::{answer, context, error};
use crate::audit;
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::both;
use crate::wire::{Shape, USER_ID_PATTERN, Unknown, parameter};

/// The routes of persons.
pub(super) fn routes(routes: Routes<Arc<Engine>>) -> Routes<Arc<Engine>> {
    let reasoned = json!({"tenant_id": example::TENANT, "reason": "Ana asked for it."});
    let erase = named::<EraseSubject>("/v2/subjects/{id}/erase", "eraseSubject", reasoned)
        .says(
            "Erase a person",
            "Everything that is about them, in all dialects. Sent again, it goes on where it was cut off.",
        )
        .runs(&subject::ERASE)
        .once()
        .answers(200, "It is done.", wire::erased_schema())
        .refuses(&[Code::Forbidden, Code::Conflict, Code::PayloadTooLarge]);
    let tenant = json!({"tenant_id": example::TENANT});
    let export = named::<OfTenant>("/v2/subjects/{id}/export", "exportSubject", tenant)
        .says("Everything about a person", "As of one commit, what is sealed included.")
        .runs(&subject::EXPORT)
        .answers(200, "All of it.", wire::exported_schema())
        .refuses(&[Code::Forbidden, Code::PayloadTooLarge]);
    let withdrawal = json!({"tenant_id": example::TENANT, "decision": "withdraw", "purposes": [],
        "scopes": [example::scope()], "reason": "Ana asked for it."});
    let consent = named::<Consent>("/v2/subjects/{id}/consent", "decideConsent", withdrawal)
        .says(
            "Decide a person's consent",
            "Withdrawn for all purposes, what is about them is revoked, in these scopes or everywhere; withdrawn for some, it is \
             read for none of these until consent is granted again.",
        )
        .runs(&subject::CONSENT)
        .once()
        .answers(200, "It is done.", wire::decided_receipt_schema())
        .refuses(&[Code::Forbidden, Code::Conflict, Code::PayloadTooLarge]);
    routes.add(erase, erased).add(export, exported).add(consent, decided)
}

fn named<T: Shape>(path: &'static str, id: &'static str, body: Value) -> Operation {
    let example =
        Example::new("own").with("id", example::USER).with("X-MemoryScope-User", example::USER).body(body);
    super::operation(Verb::Post, path, id)
        .names("id", "The person, as memories and scopes name them.", USER_ID_PATTERN)
        .takes::<T>(Unknown::Refuse)
        .example(example)
}

/// Erases a person.
async fn erased(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &person());
    let (person, read) = both(id, document.decode_at::<EraseSubject>(Unknown::Refuse, meta.now))?;
    let EraseSubject { tenant, reason } = read.value;
    let key = json!([person.as_str(), document.value()]);
    let idempotency = caller.idempotency("POST /v2/subjects/{id}/erase", &key);
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, idempotency);
    let admit = Admit { person, deed: Deed::Erase, reason };
    let receipt = subjects::carry_out(&engine, &cx, &admit).await;
    let receipt = receipt.map_err(|refusal| error::problem(refusal, &meta))?;
    Ok(answer(StatusCode::OK, wire::erased(&receipt), None, receipt.access_log))
}

/// Withdraws a person's consent, or grants it again.
async fn decided(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &person());
    let (person, read) = both(id, document.decode_at::<Consent>(Unknown::Refuse, meta.now))?;
    let Consent { tenant, deed, reason } = read.value;
    let key = json!([person.as_str(), document.value()]);
    let idempotency = caller.idempotency("POST /v2/subjects/{id}/consent", &key);
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, idempotency);
    let admit = Admit { person, deed, reason };
    let receipt = subjects::carry_out(&engine, &cx, &admit).await;
    let receipt = receipt.map_err(|refusal| error::problem(refusal, &meta))?;
    Ok(answer(StatusCode::OK, wire::decided(&receipt, &admit.deed), None, receipt.access_log))
}

/// Shows everything about a person.
async fn exported(
    State(engine): State<Arc<Engine>>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    document: Document,
) -> Result<Response, Problem> {
    let id = parameter("id", &id, &person());
    let (person, read) = both(id, document.decode_at::<OfTenant>(Unknown::Refuse, meta.now))?;
    let tenant = read.value.tenant;
    let cx = context(&engine, &caller, &meta, Place { tenant: &tenant, scope: None }, None);
    let op = Export::of(person);
    let done = engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let exported = &done.output;
    let (preferences, objects): (Vec<_>, Vec<_>) =
        exported.memories.iter().partition(|(memory, _)| wire::is_preference(memory));
    let objects = objects.into_iter();
    let memories: Vec<Value> =
        objects.filter_map(|(memory, earlier)| wire::with_versions(memory, earlier, meta.now)).collect();
    let preferences: Vec<Value> =
        preferences.into_iter().filter_map(|(memory, earlier)| wire::preference(memory, earlier)).collect();
    let access = |stored| Ok(audit::access(stored, audit::entry(stored, &meta)?));
    let logs: Vec<Value> = exported.entries.iter().map(access).collect::<Result<_, Problem>>()?;
    let body = json!({
        "subject": op.person.as_str(),
        "at": meta.now.to_string(),
        "memories": memories,
        "preferences": preferences,
        "consents": wire::consents(exported.consents.as_ref()),
        "spirals": exported.spiral.iter().map(wire::spiral).collect::<Vec<_>>(),
        "grants": exported.grants.iter().map(wire::grant).collect::<Vec<_>>(),
        "bridges": exported.bridges.iter().map(wire::bridge).collect::<Vec<_>>(),
        "access_logs": logs,
    });
    Ok(answer(StatusCode::OK, body, None, done.access_log))
}
