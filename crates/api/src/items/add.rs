//! `POST /v1/memory`.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use memoryscope_domain::fields::{At, Fault, Faults, FieldFault, Step, Warning, WarningKind};
use memoryscope_domain::graph::{Extraction, Schema};
use memoryscope_domain::items::policy::{GraphPlan, Layers};
use memoryscope_domain::items::request::AddRequest;
use memoryscope_domain::items::{Item, RequestPolicy};
use memoryscope_domain::memory::{Body, State as MemoryState};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::{HOP_HEADER, Webhook};
use memoryscope_engine::context::{Context, Tells};
use memoryscope_engine::op::ingest::{self, Ingest, NewObject};
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

use super::known::{Known, Wanted};
use super::who::Acts;
use super::wire::queries::AddQuery;
use super::wire::{added_schema, example, memory, schema};
use super::{Items, answer, context, error, graph, omo, schemas};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    super::operation(Verb::Post, "/v1/memory", "addItem")
        .says(
            "Add a memory",
            "It belongs to external_user_id, or to the developer where nobody is named. memory_policy, acl, consent and \
             risk say how it is treated; what they leave open, its schema and the system say.",
        )
        .runs(&ingest::INFO)
        .asks::<AddQuery>()
        .takes_json(schema::add())
        .once()
        .answers(200, "It is stored.", added_schema())
        .refuses(&[Code::PolicyDenied, Code::Forbidden, Code::NotImplemented])
        .example(Example::new("least").body(json!({"content": "Ana prefers window seats."})))
        .example(Example::new("item").body(example::item()))
        .example(Example::new("manual").body(example::manual()))
}

/// Adds an item.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let asked = decode_query::<AddQuery>(query.as_deref(), Unknown::Accept)?.value;
    if let Some(what) = asked.unsupported {
        return Err(Problem::new(Code::NotImplemented, what));
    }
    let idempotency = caller.idempotency("POST /v1/memory", document.value());
    let body = document.into_value()?;
    let read = AddRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (mut request, mut warnings) = (read.value, read.warnings);
    let wanted = Wanted::default().identity(&request.identity).policy(&request.policy);
    let organization = request.identity.organization_id.clone();
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    settle(&mut request, &known);
    let (schema, known) = schema_of((&items, &meta, &caller), &request, None, known).await?;
    let beside = Beside { batch: None, schema: schema.as_ref(), known: &known, skips: asked.skips };
    let (acts, object) = made(&caller, &request, beside, &At::Root("body"), meta.now, &mut warnings)?;
    let is_given = graph::is_given(&object);
    let principal = acts.principal.clone();
    let webhook = told(asked.webhook, &headers, "query.webhook_url", &mut warnings);
    let cx = context(&items, acts.principal, &meta, idempotency);
    let cx = Context { tells: webhook.map(Tells::Memory), ..cx };
    let op = Ingest { items: vec![object] };
    let done = items.engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let access_log = done.access_log;
    match done.output.into_iter().next() {
        Some(Ok(stored)) => {
            let mut body = body_of(memory::added(&stored.id.prefixed(), stored.created));
            if is_given {
                body["details"] = graph::make_given(&items, &meta, &principal.tenant, stored.id).await?;
            }
            if asked.as_omo {
                body["omo"] = omo::of_added(&items, &meta, principal, stored.id).await?.into();
            }
            Ok(answer(StatusCode::OK, body, &warnings, Some(access_log)))
        }
        Some(Err(rejected)) => Err(error::rejected(rejected, access_log, &meta)),
        None => Err(error::problem(Refusal::Bug("nothing was decided".to_owned()), &meta)),
    }
}

/// Whom to tell: nobody where the request came of a webhook itself, so that no two servers keep each other busy.
pub(super) fn told(
    webhook: Option<Webhook>,
    headers: &HeaderMap,
    field: &str,
    warnings: &mut Vec<Warning>,
) -> Option<Webhook> {
    if webhook.is_some() && headers.contains_key(HOP_HEADER) {
        warnings.push(Warning {
            field: field.to_owned(),
            message: "is left out: the request came of a webhook".to_owned(),
            kind: WarningKind::NoEffect,
            successor: None,
        });
        return None;
    }
    webhook
}

/// The answer about one item.
pub(super) fn body_of(item: Value) -> Value {
    let mut body = json!({"code": 200, "status": "success", "data": [], "error": null, "details": null});
    body["data"] = Value::Array(vec![item]);
    body
}

/// Puts users as the application names them in the place of the server's own ids.
pub(super) fn settle(request: &mut AddRequest, known: &Known) {
    known.settle(&mut request.identity);
    known.settle_request(&mut request.policy);
}

/// What is known beside a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside<'a> {
    /// What its batch says of how it is treated.
    pub(super) batch: Option<&'a RequestPolicy>,
    /// The schema that it names, if there is one.
    pub(super) schema: Option<&'a Schema>,
    /// The users and namespaces that it names.
    pub(super) known: &'a Known,
    /// Whether nothing is to be extracted of it.
    pub(super) skips: bool,
}

/// The schema that a request, its batch or its namespace names, and who is known beside it then.
pub(super) async fn schema_of(
    (items, meta, caller): (&Items, &RequestMeta, &Caller),
    request: &AddRequest,
    batch: Option<&RequestPolicy>,
    known: Known,
) -> Result<(Option<Schema>, Known), Problem> {
    let namespace = known.policy_of(request.identity.namespace_id.as_deref())?;
    let layers = Layers { namespace: namespace.as_ref(), schema: None, batch, request: &request.policy };
    let Some(named) = layers.schema_id() else { return Ok((None, known)) };
    let acts = Acts::of(caller, &request.identity)?;
    let found = schemas::of_policy(items, meta, &acts, Some(named.as_str())).await?;
    let organization = request.identity.organization_id.as_deref();
    known.with_schema((items, meta, caller), organization, found).await
}

/// The memory that a request asks for, and who asks.
pub(super) fn made(
    caller: &Caller,
    request: &AddRequest,
    Beside { batch, schema, known, skips }: Beside<'_>,
    at: &At<'_>,
    now: Timestamp,
    warnings: &mut Vec<Warning>,
) -> Result<(Acts, NewObject), Problem> {
    let acts = Acts::of(caller, &request.identity)?;
    let namespace = known.policy_of(request.identity.namespace_id.as_deref())?;
    let layers = Layers { namespace: namespace.as_ref(), schema, batch, request: &request.policy };
    let mut faults = super::update::unknown_schema(&layers, at);
    let resolved = match layers.resolve(at) {
        Ok(resolved) => Some(resolved),
        Err(Faults { list, .. }) => {
            faults.extend(list);
            None
        }
    };
    let acl = resolved.as_ref().and_then(|resolved| resolved.value.policy.acl.as_ref());
    faults.extend(acts.unknown_in(acl.map(|acl| &acl.value), known, at));
    let Some(resolved) = resolved.filter(|_| faults.is_empty()) else {
        return Err(error::invalid(&faults, 0));
    };
    warnings.extend(resolved.warnings);
    let mut policy = resolved.value.policy;
    if let Some(nodes) = policy.nodes.as_mut().filter(|_| !resolved.value.nodes.is_empty()) {
        // With the schema's defaults.
        nodes.value = resolved.value.nodes;
    }
    let mut item = Item::added(request, batch, acts.owner.clone(), policy);
    if skips && item.policy.graph() == GraphPlan::Extracted {
        item.extraction = Some(Extraction::skipped("skip_background_processing"));
    }
    let event = item.into_event(&request.content, now).map_err(|why| {
        let path = [at.steps(), vec![Step::Key("content".to_owned())]].concat();
        error::invalid(&[FieldFault { path, message: why.to_string(), fault: Fault::Invalid }], 0)
    })?;
    let body = Body::Event(Box::new(event));
    let object = NewObject { scope: acts.scope.clone(), body, state: MemoryState::Active };
    Ok((acts, object))
}
