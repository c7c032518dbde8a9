//! `POST /v1/memory/batch`.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use memoryscope_domain::fields::{At, Read, Warning};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::items::RequestPolicy;
use memoryscope_domain::items::request::{AddRequest, BatchRequest, Identity};
use memoryscope_engine::context::{Context, Tells};
use memoryscope_engine::op::batch::{IngestedItem, ingest_each};
use memoryscope_engine::op::ingest::{self, NewObject};
use memoryscope_engine::op::told::Keep;
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::add::Beside;
use super::known::{Known, Wanted};
use super::who::Acts;
use super::wire::queries::AddQuery;
use super::wire::{batch_schema, example, memory, schema};
use super::{Items, add, answer, context, error, graph};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    let two =
        json!({"external_user_id": "ana", "memories": [example::item(), {"content": "Ana is vegetarian."}]});
    super::operation(Verb::Post, "/v1/memory/batch", "addItems")
        .says(
            "Add memories",
            "Up to fifty, each accepted or refused on its own. What the batch says holds for the items that do not say it \
             themselves.",
        )
        .runs(&ingest::INFO)
        .asks::<AddQuery>()
        .takes_json(schema::batch())
        .once()
        .answers(200, "All are stored.", batch_schema())
        .answers(207, "Some are stored; the others say why not.", batch_schema())
        .refuses(&[Code::NotImplemented])
        .example(Example::new("two").body(two))
}

/// What a batch's name begins with.
const BATCH: &str = "batch_";

/// What became of one item.
type Told = Result<Value, Problem>;

/// Adds items, each accepted or refused on its own: 200 where all were accepted, 207 where some were not.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let asked = decode_query::<AddQuery>(query.as_deref(), Unknown::Accept)?.value;
    let idempotency = caller.idempotency("POST /v1/memory/batch", document.value());
    let body = document.into_value()?;
    let read = BatchRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (batch, mut warnings) = (read.value, read.warnings);
    let as_omo = asked
        .as_omo
        .then_some("answers as Open Memory Objects are not built for batches: export what was added");
    if let Some(what) = asked.unsupported.or(as_omo) {
        return Err(Problem::new(Code::NotImplemented, what));
    }
    let nothing = Known::default();
    // Who acts for the batch as a whole only names its place in the chain's context.
    let mut identity = batch.identity.clone();
    let known = known_of(&items, &meta, &caller, &batch).await?;
    let of_batch = known.get(&identity.organization_id).unwrap_or(&nothing);
    of_batch.settle(&mut identity);
    let acts = Acts::of(&caller, &identity)?;
    let cx = context(&items, acts.principal, &meta, idempotency);
    let id = name(&cx);
    let hook = add::told(batch.webhook.or(asked.webhook), &headers, "body.webhook_url", &mut warnings);
    let cx = Context { tells: Some(Tells::Part { batch: id.clone(), number: 0 }), ..cx };
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    let (mut places, mut objects, mut given) = (Vec::new(), Vec::new(), Vec::new());
    let root = At::Root("body");
    let list = At::Key(&root, "memories");
    for (index, item) in batch.items.into_iter().enumerate() {
        let made = async {
            let read = item.map_err(error::of_request)?;
            let known = known.get(&read.value.identity.organization_id).unwrap_or(&nothing);
            let at = At::Index(&list, index);
            made((&items, &meta, &caller), (known, &batch.policy), read, &at, asked.skips).await
        };
        match made.await {
            Ok(((acts, object), own)) => {
                warnings.extend(own);
                places.push(index);
                given.push(graph::is_given(&object).then(|| acts.principal.tenant.clone()));
                objects.push((acts.principal, object));
            }
            Err(problem) => drop(told.insert(index, Err(problem))),
        }
    }
    let tried = objects.len();
    let stored = ingest_each(&items.engine, &cx, objects).await;
    for ((place, result), tenant) in places.into_iter().zip(stored).zip(given) {
        told.insert(place, of_item(&items, result, tenant, &meta).await);
    }
    // Where nothing could be tried, the batch failed, not its items.
    let failed: Vec<&Problem> = told.values().filter_map(|told| told.as_ref().err()).collect();
    if let (Some(first), true) = (failed.first(), failed.len() == told.len() && tried > 0)
        && failed.iter().all(|problem| is_of_the_batch(problem))
    {
        return Err((*first).clone());
    }
    // A request of its own, by whoever acts for the batch as a whole.
    let keeping = context(&items, cx.principal.clone(), &meta, None);
    let refused = told.values().filter(|told| told.is_err()).count();
    let keep = Keep { id: id.clone(), sent: told.len(), refused, hook };
    items.engine.run(&keeping, &keep).await.map_err(|refusal| error::problem(refusal, &meta))?;
    Ok(answered(told, &warnings, (batch.content_bytes, &id), &meta))
}

/// What a batch is called: the same where it is sent again under the same key.
fn name(cx: &Context) -> String {
    let mut hasher = Sha256::new();
    match &cx.idempotency {
        Some(given) => {
            hasher.update(b"key\0");
            hasher.update(given.key.client.as_bytes());
            hasher.update(b"\0");
            hasher.update(given.key.key.as_bytes());
        }
        None => {
            hasher.update(b"seed\0");
            hasher.update(cx.id_seed.0);
        }
    }
    let digest = hasher.finalize();
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{BATCH}{digits}")
}

/// What an item asks for, and what it is warned of.
async fn made(
    around: (&Items, &RequestMeta, &Caller),
    (known, policy): (&Known, &RequestPolicy),
    read: Read<AddRequest>,
    at: &At<'_>,
    skips: bool,
) -> Result<((Acts, NewObject), Vec<Warning>), Problem> {
    let (mut request, mut warnings) = (read.value, read.warnings);
    add::settle(&mut request, known);
    let mut policy = policy.clone();
    known.settle_request(&mut policy);
    let batch = Some(&policy);
    let (schema, known) = add::schema_of(around, &request, batch, known.clone()).await?;
    let beside = Beside { batch, schema: schema.as_ref(), known: &known, skips };
    let (_, meta, caller) = around;
    let made = add::made(caller, &request, beside, at, meta.now, &mut warnings)?;
    Ok((made, warnings))
}

/// What the items and their batch name, by the organizations that they are in.
async fn known_of(
    items: &Items,
    meta: &RequestMeta,
    caller: &Caller,
    batch: &BatchRequest,
) -> Result<BTreeMap<Option<String>, Known>, Problem> {
    let mut wanted: BTreeMap<Option<String>, Wanted> = BTreeMap::new();
    let mut want = |identity: &Identity, policy: &RequestPolicy| {
        let of = wanted.entry(identity.organization_id.clone()).or_default();
        *of = std::mem::take(of).identity(identity).policy(policy).policy(&batch.policy);
    };
    want(&batch.identity, &batch.policy);
    for read in batch.items.iter().flatten() {
        want(&read.value.identity, &read.value.policy);
    }
    let mut known = BTreeMap::new();
    for (organization, wanted) in wanted {
        let found = Known::find(items, meta, caller, organization.as_deref(), wanted).await?;
        known.insert(organization, found);
    }
    Ok(known)
}

/// Whether a problem is with the whole request and not with what one item says.
fn is_of_the_batch(problem: &Problem) -> bool {
    problem.status().is_server_error()
        || matches!(problem.code(), Code::IdempotencyKeyReused | Code::InProgress)
}

/// With the graph that came with it, where `given` names its tenant.
async fn of_item(
    items: &Items,
    result: Result<IngestedItem, Refusal>,
    given: Option<TenantId>,
    meta: &RequestMeta,
) -> Told {
    let IngestedItem { result, access_log } = result.map_err(|refusal| error::problem(refusal, meta))?;
    let stored = result.map_err(|rejected| error::rejected(rejected, access_log, meta))?;
    let mut body = add::body_of(memory::added(&stored.id.prefixed(), stored.created));
    if let Some(tenant) = given {
        // What cannot be made now is made in the background; the item is stored.
        body["details"] = graph::make_given(items, meta, &tenant, stored.id).await.unwrap_or_default();
    }
    Ok(body)
}

/// The answer: those that were stored, and those that were not, each at its place.
fn answered(
    told: BTreeMap<usize, Told>,
    warnings: &[Warning],
    (content_bytes, id): (usize, &str),
    meta: &RequestMeta,
) -> Response {
    let (mut successful, mut errors) = (Vec::new(), Vec::new());
    let processed = told.len();
    for (index, told) in told {
        match told {
            Ok(mut stored) => {
                stored["index"] = json!(index);
                successful.push(stored);
            }
            Err(problem) => errors.push(refused(index, &problem, meta)),
        }
    }
    let (status, word) = outcome(!successful.is_empty(), !errors.is_empty());
    let body = json!({
        "code": status.as_u16(),
        "status": word,
        "batch_id": id,
        "message": format!("{} of {processed} memories are stored", successful.len()),
        "total_processed": processed,
        "total_successful": successful.len(),
        "total_failed": errors.len(),
        "total_content_size": content_bytes,
        "total_storage_size": content_bytes,
        "successful": successful,
        "errors": errors,
    });
    answer(status, body, warnings, None)
}

/// The status of an answer about several, of which some may have been accepted and some not, and its word for it.
pub(super) const fn outcome(are_accepted: bool, are_refused: bool) -> (StatusCode, &'static str) {
    match (are_accepted, are_refused) {
        (_, false) => (StatusCode::OK, "success"),
        (true, true) => (StatusCode::MULTI_STATUS, "partial"),
        (false, true) => (StatusCode::MULTI_STATUS, "error"),
    }
}

pub(super) fn refused(index: usize, problem: &Problem, meta: &RequestMeta) -> Value {
    let error = problem.error(meta);
    json!({
        "index": index,
        "error": problem.message(),
        "code": problem.status().as_u16(),
        "status": "error",
        "details": error["details"],
        "problem": error,
    })
}
