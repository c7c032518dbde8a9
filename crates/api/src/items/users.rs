//! `/v1/user`: whom an application remembers things for, and what it wants to know of them.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::fields::{At, Fault, Faults, FieldFault, Warning};
use memoryscope_domain::ids::UserId;
use memoryscope_domain::items::user::{self, Profile, ProfileChange, User};
use memoryscope_engine::erasing::Contexts;
use memoryscope_engine::op::user::{self as op, Create, Delete, Get, List, OtherName, Told, Update};
use memoryscope_engine::paging::users;
use serde_json::{Value, json};

use super::batch::outcome;
use super::who::Acts;
use super::wire::users::{
    DeleteUserQuery, ID_PATTERN, ListUsersQuery, PlaceQuery, batch_schema, body_schema, change_schema,
    deleted_schema, list_schema, user_schema, users_body_schema,
};
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Routes, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the user that a path names.
const ID: &str = "The user, as it was answered when they were told of.";

/// The routes.
pub(super) fn routes(routes: Routes<Items>) -> Routes<Items> {
    routes
        .add(create_operation(), create)
        .add(list_operation(), list)
        .add(batch_operation(), create_batch)
        .add(get_operation(), get)
        .add(update_operation(), update)
        .add(delete_operation(), delete)
}

fn create_operation() -> Operation {
    super::operation(Verb::Post, "/v1/user", "createUser")
        .says(
            "Tell of a user",
            "Who is known by that external_id already stays as they are, and is answered. Memories can be added for anybody, \
             whether or not they were told of.",
        )
        .runs(&op::CREATE)
        .asks::<PlaceQuery>()
        .takes_json(body_schema())
        .once()
        .answers(200, "They were known already.", user_schema())
        .answers(201, "They are known from now on.", user_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("ana").body(json!({"external_id": "ana", "email": "ana@example.org"})))
}

fn list_operation() -> Operation {
    super::operation(Verb::Get, "/v1/user", "listUsers")
        .says("The users", "In order of their ids, a page of them. Who acts for a user is shown that user.")
        .runs(&op::LIST)
        .asks::<ListUsersQuery>()
        .answers(200, "The users.", list_schema())
        .example(Example::new("one").with("external_id", "ana"))
        .example(Example::new("page").with("page", 1).with("page_size", 20))
}

fn batch_operation() -> Operation {
    let users =
        json!({"users": [{"external_id": "ana"}, {"external_id": "ben", "metadata": {"plan": "free"}}]});
    super::operation(Verb::Post, "/v1/user/batch", "createUsers")
        .says("Tell of users", "Up to a hundred, each accepted or refused on its own.")
        .runs(&op::CREATE)
        .asks::<PlaceQuery>()
        .takes_json(users_body_schema())
        .once()
        .answers(200, "All are known.", batch_schema())
        .answers(207, "Some are; of the others it says why not.", batch_schema())
        .refuses(&[Code::Forbidden])
        .example(Example::new("two").body(users))
}

fn get_operation() -> Operation {
    super::operation(Verb::Get, "/v1/user/{id}", "getUser")
        .says("One user", "One who may not be seen is answered as who never was.")
        .runs(&op::GET)
        .names("id", ID, ID_PATTERN)
        .asks::<PlaceQuery>()
        .answers(200, "The user.", user_schema())
        .refuses(&[Code::NotFound])
        .example(Example::new("one").with("id", EXAMPLE))
}

fn update_operation() -> Operation {
    super::operation(Verb::Put, "/v1/user/{id}", "updateUser")
        .says(
            "Change what is told of a user",
            "What is sent takes the place of what was told; null takes an address or the metadata away. external_id may be sent \
             and does not change: memories are kept under it.",
        )
        .runs(&op::UPDATE)
        .names("id", ID, ID_PATTERN)
        .asks::<PlaceQuery>()
        .takes_json(change_schema())
        .once()
        .answers(200, "It is changed.", user_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("one").with("id", EXAMPLE).body(json!({"email": null, "metadata": {"plan": "paid"}})))
}

fn delete_operation() -> Operation {
    super::operation(Verb::Delete, "/v1/user/{id}", "deleteUser")
        .says(
            "Forget a user",
            "What was told of them is forgotten. Their memories stay: DELETE /v1/memory/all erases those, and \
             POST /v2/subjects/{id}/erase everything that is about them. With is_external the path has their external_id; \
             where it is not said, whatever is no id of this server's is one.",
        )
        .runs(&op::DELETE)
        .names("id", "The user, by either id.", r"\S")
        .asks::<DeleteUserQuery>()
        .once()
        .answers(200, "They are forgotten.", deleted_schema())
        .refuses(&[Code::Forbidden, Code::NotFound])
        .example(Example::new("one").with("id", EXAMPLE).with("is_external", false))
}

/// The id of ana.
const EXAMPLE: &str = "u_aabdbf68588b7c55f36f1633d879e71d";

/// A user, as they are shown.
fn shown(user: &User, status: StatusCode) -> Value {
    let profile = &user.profile;
    json!({
        "code": status.as_u16(),
        "status": "success",
        "user_id": user.id(),
        "external_id": profile.external_id.as_str(),
        "email": profile.email,
        "metadata": profile.metadata,
        "type": profile.user_type.name(),
        "created_at": user.created.to_string(),
        "updated_at": user.updated.to_string(),
        "error": null,
        "details": null,
    })
}

/// Who acts, where a query says where.
fn acts(caller: &Caller, organization: Option<String>) -> Result<Acts, Problem> {
    Acts::named(caller, None, organization, None)
}

fn of_faults(faults: Faults) -> Problem {
    error::of_request(faults.into())
}

/// Tells of a user.
async fn create(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value;
    let idempotency = caller.idempotency("POST /v1/user", document.value());
    let read = Profile::read(&document.into_value()?, &items.config.reading).map_err(of_faults)?;
    let cx = context(&items, acts(&caller, place.organization_id)?.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Create { profile: read.value }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let status = status_of(&done.output);
    Ok(answer(status, shown(&done.output.user, status), &read.warnings, Some(done.access_log)))
}

const fn status_of(told: &Told) -> StatusCode {
    if told.is_new { StatusCode::CREATED } else { StatusCode::OK }
}

/// Tells of users, each accepted or refused on its own.
async fn create_batch(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value;
    let idempotency = caller.idempotency("POST /v1/user/batch", document.value());
    let read = Profile::read_batch(&document.into_value()?, &items.config.reading).map_err(of_faults)?;
    let mut warnings: Vec<Warning> = read.warnings;
    let cx = context(&items, acts(&caller, place.organization_id)?.principal, &meta, idempotency);
    let mut contexts = Contexts::of(&cx);
    let (mut data, mut tried, mut known, mut failed) = (Vec::new(), 0_usize, 0_usize, None);
    for profile in read.value {
        let told = match profile {
            Ok(read) => {
                warnings.extend(read.warnings);
                let told = items.engine.run(&contexts.keyed(tried), &Create { profile: read.value }).await;
                tried += 1;
                told.map(|done| done.output).map_err(|refusal| error::problem(refusal, &meta))
            }
            Err(faults) => Err(of_faults(faults)),
        };
        match told {
            Ok(told) => {
                known += 1;
                data.push(shown(&told.user, status_of(&told)));
            }
            Err(problem) => {
                data.push(refused(&problem, &meta));
                // What is no user's own fault is the whole request's, where nothing came of it.
                let is_keys = matches!(problem.code(), Code::IdempotencyKeyReused | Code::InProgress);
                if is_keys && tried == 1 {
                    return Err(problem);
                }
                let is_of_all = problem.status().is_server_error() || problem.code() == Code::Forbidden;
                failed = failed.or_else(|| is_of_all.then_some(problem));
            }
        }
    }
    if let (Some(problem), 0) = (failed, known) {
        return Err(problem);
    }
    let (status, word) = outcome(known > 0, known < data.len());
    let body = json!({
        "code": status.as_u16(),
        "status": word,
        "data": data,
        "total": data.len(),
        "page": 1,
        "page_size": data.len(),
        "error": null,
        "details": null,
    });
    Ok(answer(status, body, &warnings, None))
}

fn refused(problem: &Problem, meta: &RequestMeta) -> Value {
    let error = problem.error(meta);
    json!({
        "code": problem.status().as_u16(),
        "status": "error",
        "error": problem.message(),
        "details": error["details"],
        "problem": error,
    })
}

/// Lists users.
async fn list(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = decode_query::<ListUsersQuery>(query.as_deref(), Unknown::Accept)?.value;
    let cx = context(&items, acts(&caller, asked.organization_id)?.principal, &meta, None);
    let first = List { which: asked.which, after: None, limit: asked.page_size };
    let done = users(&items.engine, &cx, first, (asked.page - 1) * asked.page_size).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    let body = json!({
        "code": 200,
        "status": "success",
        "data": done.output.users.iter().map(|user| shown(user, StatusCode::OK)).collect::<Vec<_>>(),
        "total": done.output.total,
        "page": asked.page,
        "page_size": asked.page_size,
        "error": null,
        "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// The user that a path names by an id of the server's own. What is none names nobody.
fn id_of(id: String) -> Result<String, Problem> {
    if user::is_id(&id) { Ok(id) } else { Err(Problem::not_found()) }
}

/// Shows a user.
async fn get(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value;
    let get = Get { ids: vec![id_of(id)?] };
    let cx = context(&items, acts(&caller, place.organization_id)?.principal, &meta, None);
    let done = items.engine.run(&cx, &get).await.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output.first() {
        Some(user) => Ok(answer(StatusCode::OK, shown(user, StatusCode::OK), &[], Some(done.access_log))),
        None => Err(audited(Problem::not_found(), done.access_log)),
    }
}

/// Changes what is told of a user.
async fn update(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let place = decode_query::<PlaceQuery>(query.as_deref(), Unknown::Accept)?.value;
    let id = id_of(id)?;
    let idempotency = caller.idempotency("PUT /v1/user/{id}", &json!([id, document.value()]));
    let read = ProfileChange::read(&document.into_value()?, &items.config.reading).map_err(of_faults)?;
    let cx = context(&items, acts(&caller, place.organization_id)?.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Update { id, change: read.value }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    match done.output {
        Some(Ok(user)) => {
            let shown = shown(&user, StatusCode::OK);
            Ok(answer(StatusCode::OK, shown, &read.warnings, Some(done.access_log)))
        }
        Some(Err(OtherName)) => Err(audited(other_name(), done.access_log)),
        None => Err(audited(Problem::not_found(), done.access_log)),
    }
}

fn other_name() -> Problem {
    let path = At::Key(&At::Root("body"), "external_id").steps();
    let message = "must be the user's own, which does not change: memories are kept under it".to_owned();
    error::invalid(&[FieldFault { path, message, fault: Fault::NotAllowed }], 0)
}

/// Forgets a user.
async fn delete(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    Path(named): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = decode_query::<DeleteUserQuery>(query.as_deref(), Unknown::Accept)?.value;
    let is_external = asked.is_external.unwrap_or_else(|| !user::is_id(&named));
    let id = match is_external {
        true => UserId::parse(&named).map(|name| user::id_of(&name)).map_err(|_| Problem::not_found())?,
        false => id_of(named)?,
    };
    let idempotency = caller.idempotency("DELETE /v1/user/{id}", &json!([id]));
    let cx = context(&items, acts(&caller, asked.organization_id)?.principal, &meta, idempotency);
    let done = items.engine.run(&cx, &Delete { id: id.clone() }).await;
    let done = done.map_err(|refusal| error::problem(refusal, &meta))?;
    if done.output.is_none() {
        return Err(audited(Problem::not_found(), done.access_log));
    }
    let message = "The user is forgotten; their memories are not";
    let body = json!({
        "code": 200, "status": "success", "user_id": id, "message": message, "error": null, "details": null,
    });
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}
