//! `POST /v1/omo/export`, `GET /v1/omo/export.json` and `POST /v1/omo/import`.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue};
use axum::response::Response;
use memoryscope_domain::fields::{At, Read, Warning};
use memoryscope_domain::govern::Hindered;
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::items::omo::{Imported, OmoObject};
use memoryscope_domain::items::policy::GraphPlan;
use memoryscope_domain::items::request::{Acting, ExportRequest, Identity, ImportRequest, ids_among};
use memoryscope_domain::memory::State as MemoryState;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::op::batch::{ImportedObject, import_each};
use memoryscope_engine::op::ingest::Rejected;
use memoryscope_engine::op::omo::{self as op, Export, NotImported};
use memoryscope_engine::refusal::Refusal;
use serde_json::{Value, json};

use super::known::{Known, Wanted};
use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::queries::ExportQuery;
use super::wire::{example, export_schema, exported_schema, import_schema, imported_schema};
use super::{Items, answer, batch, context, error, graph};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

/// What the file of an export is called.
const FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"memories.omo.json\"");

pub(super) fn export_operation() -> Operation {
    let body = json!({"memory_ids": [example::ID], "external_user_id": "ana"});
    super::operation(Verb::Post, "/v1/omo/export", "exportItems")
        .says(
            "Export memories",
            "As Open Memory Objects. What may not be seen, what is sealed or erased, and what there is not is left out alike. \
             The bare key reads for the developer; with external_user_id that user's eyes decide.",
        )
        .runs(&op::EXPORT)
        .states_purpose()
        .takes_json(export_schema())
        .answers(200, "The objects, in the order in which they were asked for.", exported_schema())
        .refuses(&[Code::PayloadTooLarge])
        .example(Example::new("own").body(body))
}

pub(super) fn file_operation() -> Operation {
    super::operation(Verb::Get, "/v1/omo/export.json", "exportItemsAsFile")
        .says("Export memories as a file", "The same objects. The file is the body of an import.")
        .runs(&op::EXPORT)
        .states_purpose()
        .asks::<ExportQuery>()
        .answers(200, "The file.", exported_schema())
        .refuses(&[Code::PayloadTooLarge])
        .example(Example::new("own").with("memory_ids", example::ID).with("external_user_id", "ana"))
}

pub(super) fn import_operation() -> Operation {
    super::operation(Verb::Post, "/v1/omo/import", "importItems")
        .says(
            "Import memories",
            "Open Memory Objects, each accepted or refused on its own. Nothing that is there changes, and what was erased does \
             not come back.",
        )
        .runs(&op::IMPORT)
        .takes_json(import_schema())
        .once()
        .answers(200, "All are stored, or were there already.", imported_schema())
        .answers(207, "Some are not stored; the errors say why not.", imported_schema())
        .refuses(&[Code::PayloadTooLarge])
        .example(Example::new("one").body(json!({"memories": [example::object()]})))
}

/// Answers with objects.
pub(super) async fn export(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    document: Document,
) -> Result<Response, Problem> {
    let body = document.into_value()?;
    let read = ExportRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let acts = Acts::of(&caller, &read.value.identity)?;
    let op = Export { ids: read.value.ids, purpose };
    let (objects, access_log) = exported(&items, &meta, acts.principal, &op).await?;
    Ok(answer(StatusCode::OK, told(&objects), &read.warnings, Some(access_log)))
}

/// Answers with a file of objects.
pub(super) async fn export_file(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<ExportQuery>(query.as_deref(), Unknown::Accept)?.value;
    let ids = ids_among("query.memory_ids", query.ids.split(',').filter(|id| !id.trim().is_empty()));
    let ids = ids.map_err(|too_many| error::of_request(too_many.into()))?;
    let named = query.named;
    let acts = Acts::named(&caller, named.user, named.organization_id, named.namespace_id)?;
    let op = Export { ids, purpose };
    let (objects, access_log) = exported(&items, &meta, acts.principal, &op).await?;
    let mut response = answer(StatusCode::OK, told(&objects), &[], Some(access_log));
    response.headers_mut().insert(CONTENT_DISPOSITION, FILE);
    Ok(response)
}

async fn exported(
    items: &Items,
    meta: &RequestMeta,
    principal: Principal,
    op: &Export,
) -> Result<(Vec<Value>, AuditId), Problem> {
    let cx = context(items, principal, meta, None);
    let done = items.engine.run(&cx, op).await.map_err(|refusal| error::problem(refusal, meta))?;
    Ok((done.output.iter().map(OmoObject::to_json).collect(), done.access_log))
}

fn told(objects: &[Value]) -> Value {
    json!({"code": 200, "status": "success", "count": objects.len(), "memories": objects})
}

/// The objects that a memory is which was just added, for whoever added it: none where they may not read it.
pub(super) async fn of_added(
    items: &Items,
    meta: &RequestMeta,
    principal: Principal,
    id: memoryscope_domain::ids::MemoryId,
) -> Result<Vec<Value>, Problem> {
    let op = Export { ids: vec![id], purpose: Purpose::ChatResponse };
    exported(items, meta, principal, &op).await.map(|(objects, _)| objects)
}

/// What became of one object.
enum Told {
    /// It is stored under this id.
    Stored(String),
    /// It was there already.
    Known,
    /// It is not stored: a word for programs, and why.
    Refused(&'static str, Problem),
}

/// Stores objects, each accepted or refused on its own: 200 where all were accepted, 207 where some were not.
pub(super) async fn import(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    document: Document,
) -> Result<Response, Problem> {
    let idempotency = caller.idempotency("POST /v1/omo/import", document.value());
    let body = document.into_value()?;
    let read = ImportRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (request, mut warnings) = (read.value, read.warnings);
    let (mut identity, organization) = (request.identity.clone(), request.identity.organization_id.clone());
    let wanted =
        request.objects.iter().flatten().fold(Wanted::default().identity(&identity), |wanted, object| {
            let object = &object.value;
            wanted.acl(object.acl.as_ref()).namespace(object.namespace.as_deref())
        });
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    known.settle(&mut identity);
    let cx = context(&items, Acts::of(&caller, &identity)?.principal, &meta, idempotency);
    let mut told = BTreeMap::new();
    let (mut places, mut objects, mut given) = (Vec::new(), Vec::new(), Vec::new());
    let root = At::Root("body");
    let list = At::Key(&root, "memories");
    for (index, object) in request.objects.into_iter().enumerate() {
        let at = At::Index(&list, index);
        let made = object
            .map_err(|invalid| {
                let problem = error::of_request(invalid);
                let too_large = problem.code() == Code::PayloadTooLarge;
                (if too_large { "too_large" } else { "invalid" }, problem)
            })
            .and_then(|object| made(&caller, (&identity, &known), object, &at, &meta, &mut warnings));
        match made {
            Ok((principal, scope, imported)) => {
                places.push(index);
                given.push(is_given(&imported).then(|| principal.tenant.clone()));
                objects.push((principal, (scope, imported)));
            }
            Err((reason, problem)) => drop(told.insert(index, Told::Refused(reason, problem))),
        }
    }
    let stored = import_each(&items.engine, &cx, objects).await;
    if let (true, Some(Err(refusal))) =
        (told.is_empty() && stored.iter().all(is_of_the_whole), stored.first())
    {
        return Err(error::problem(refusal.clone(), &meta));
    }
    for ((place, result), tenant) in places.into_iter().zip(stored).zip(given) {
        told.insert(place, of_object(&items, &meta, result, tenant, request.skip_duplicates).await);
    }
    Ok(answered(told, &warnings, &meta))
}

/// What an object becomes: of whoever the request acts for, else of the user whom the object names, else of the developer.
fn made(
    caller: &Caller,
    (identity, known): (&Identity, &Known),
    Read { value: mut object, warnings: own }: Read<OmoObject>,
    at: &At<'_>,
    meta: &RequestMeta,
    warnings: &mut Vec<Warning>,
) -> Result<(Principal, Scope, Imported), (&'static str, Problem)> {
    let owner = object.owner.as_ref().and_then(|owner| owner.external_user());
    let identity = Identity {
        acting: identity.acting.clone().or(owner.map(Acting::External)),
        namespace_id: identity.namespace_id.clone().or(object.namespace.take()),
        ..identity.clone()
    };
    let invalid = |problem: Problem| ("invalid", problem);
    let acts = Acts::of(caller, &identity).map_err(invalid)?;
    let namespace = known.policy_of(identity.namespace_id.as_deref());
    let namespace = namespace.map_err(|problem| ("denied", problem))?;
    object.acl = object.acl.as_ref().map(|acl| known.named(acl));
    let unknown = acts.unknown_in(object.acl.as_ref(), known, at);
    if !unknown.is_empty() {
        return Err(invalid(error::invalid(&unknown, 0)));
    }
    object.namespace = identity.namespace_id;
    let imported = object.imported(acts.owner, (identity.organization_id, namespace.as_ref()), at, meta.now);
    let imported = imported.map_err(|faults| invalid(error::of_request(faults.into())))?;
    warnings.extend(own.into_iter().chain(imported.warnings));
    Ok((acts.principal, acts.scope, imported.value))
}

fn is_given(imported: &Imported) -> bool {
    let item = imported.body.object().and_then(|object| object.item.as_ref());
    imported.state == MemoryState::Active && item.is_some_and(|item| item.policy.graph() == GraphPlan::Given)
}

/// Whether a refusal is of the whole request and not of what one object says.
fn is_of_the_whole(result: &Result<ImportedObject, Refusal>) -> bool {
    matches!(result, Err(refusal) if !matches!(refusal, Refusal::Denied { .. } | Refusal::TooLarge { .. }))
}

/// With the graph that its policy gives, where `given` names its tenant.
async fn of_object(
    items: &Items,
    meta: &RequestMeta,
    result: Result<ImportedObject, Refusal>,
    given: Option<TenantId>,
    skips: bool,
) -> Told {
    let ImportedObject { result, access_log } = match result {
        Ok(imported) => imported,
        Err(refusal @ Refusal::Denied { .. }) => {
            return Told::Refused("denied", error::problem(refusal, meta));
        }
        Err(refusal) => return Told::Refused("failed", error::problem(refusal, meta)),
    };
    let hindered = |text: &'static str| {
        let problem = Problem::new(Code::Conflict, text).detail("access_log_id", access_log.prefixed());
        crate::refused::audited(problem, access_log)
    };
    match result {
        Ok(id) => {
            if let Some(tenant) = given {
                // What cannot be made now is made in the background; the object is stored.
                drop(graph::make_given(items, meta, &tenant, id).await);
            }
            Told::Stored(id.prefixed())
        }
        Err(NotImported::Hindered(Hindered::Known(_))) if skips => Told::Known,
        Err(NotImported::Hindered(Hindered::Known(_))) => {
            Told::Refused("duplicate", hindered("It is there already, and an import changes nothing"))
        }
        Err(NotImported::Hindered(Hindered::Erased)) => {
            let problem = error::problem(Refusal::Erased { access_log }, meta);
            Told::Refused("erased", problem)
        }
        Err(NotImported::Hindered(Hindered::Taken)) => {
            Told::Refused("id_taken", hindered("There is no id left that it could have"))
        }
        Err(NotImported::Denied(trace)) => {
            Told::Refused("denied", error::rejected(Rejected::Denied(trace), access_log, meta))
        }
    }
}

/// The answer: those that were stored, those that were there, and those that were refused, each at its place.
fn answered(told: BTreeMap<usize, Told>, warnings: &[Warning], meta: &RequestMeta) -> Response {
    let (mut ids, mut skipped, mut errors) = (Vec::new(), 0, Vec::new());
    for (index, told) in told {
        match told {
            Told::Stored(id) => ids.push(id),
            Told::Known => skipped += 1,
            Told::Refused(reason, problem) => {
                let mut refused = batch::refused(index, &problem, meta);
                refused["reason"] = json!(reason);
                errors.push(refused);
            }
        }
    }
    let (status, word) = batch::outcome(!ids.is_empty() || skipped > 0, !errors.is_empty());
    let body = json!({
        "code": status.as_u16(),
        "status": word,
        "imported": ids.len(),
        "skipped": skipped,
        "errors": errors,
        "memory_ids": ids,
    });
    answer(status, body, warnings, None)
}
