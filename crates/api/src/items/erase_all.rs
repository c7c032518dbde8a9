//! `DELETE /v1/memory/all`.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use memoryscope_domain::items::request::{Acting, DeprecatedId, Identity, InvalidRequest, is_application_id};
use memoryscope_engine::erasing::{AllChanged, Changed, NotChanged, erase_all};
use memoryscope_engine::op::seek::{self, Sought};
use serde_json::{Value, json};

use super::known::{self, Known, Wanted};
use super::who::Acts;
use super::wire::queries::EraseAllQuery;
use super::wire::{erased_all_schema, memory};
use super::{Items, add, answer, batch, context, error};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    super::operation(Verb::Delete, "/v1/memory/all", "deleteAllItems")
        .says(
            "Erase all memories",
            "Those that external_user_id owns, or the developer where nobody is named: of namespace_id, or of every namespace \
             where none is named. Each is erased as if it were named, with what was computed from it; what somebody else owns \
             stays, be it shared or not. Sent again after a failure it erases what is left; where nothing is left it answers 404.",
        )
        .runs(&seek::INFO)
        .asks::<EraseAllQuery>()
        .answers(200, "All are erased.", erased_all_schema())
        .answers(207, "Some are erased; the others say why not.", erased_all_schema())
        .refuses(&[Code::Forbidden, Code::NotFound, Code::Conflict])
        .example(Example::new("a user's").with("external_user_id", "ana"))
}

/// Erases everything that is whoever acts' own.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = decode_query::<EraseAllQuery>(query.as_deref(), Unknown::Accept)?.value;
    let namespace = asked.named.namespace_id.clone();
    let mut identity = identity(asked)?;
    let (organization, wanted) = (identity.organization_id.clone(), Wanted::default().identity(&identity));
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    known.settle(&mut identity);
    if matches!(&identity.acting, Some(Acting::Internal(user)) if user.as_str() != caller.client()) {
        return Err(known::no_such_user("query"));
    }
    let acts = Acts::of(&caller, &identity)?;
    let cx = context(&items, acts.principal, &meta, None);
    let all = erase_all(&items.engine, &cx, Sought::Own { namespace }).await;
    answered(all.map_err(|refusal| error::problem(refusal, &meta))?, &meta)
}

/// Who acts. A name of the application's own where one of the server's is meant is refused, as in bodies.
fn identity(asked: EraseAllQuery) -> Result<Identity, Problem> {
    let EraseAllQuery { named, user_id } = asked;
    if let Some(user) = user_id.as_ref().filter(|user| is_application_id(user.as_str())) {
        let (field, provided_value) = ("query.user_id".to_owned(), user.as_str().to_owned());
        return Err(error::of_request(InvalidRequest::DeprecatedId(DeprecatedId { field, provided_value })));
    }
    let acting = named.user.map(Acting::External).or(user_id.map(Acting::Internal));
    Ok(Identity { acting, organization_id: named.organization_id, namespace_id: named.namespace_id })
}

fn answered(all: AllChanged, meta: &RequestMeta) -> Result<Response, Problem> {
    let AllChanged { changed: erased, failed, shown, .. } = all;
    let processed = erased + failed;
    if processed == 0 {
        return Err(Problem::not_found());
    }
    let (mut successful, mut errors) = (Vec::<Value>::new(), Vec::<Value>::new());
    for (index, Changed { id, result }) in shown.into_iter().enumerate() {
        let problem = match result {
            Ok(created) => {
                let mut stored = add::body_of(memory::added(&id.prefixed(), created));
                stored["index"] = json!(index);
                successful.push(stored);
                continue;
            }
            Err(NotChanged::Barred(barred, access_log)) => error::barred(barred, access_log),
            Err(NotChanged::Refused(refusal)) => error::problem(refusal, meta),
        };
        // Where nothing could be done for a reason that is no memory's own, the request failed.
        if erased == 0 && problem.status().is_server_error() {
            return Err(problem);
        }
        let mut told = batch::refused(index, &problem, meta);
        told["details"]["memory_id"] = json!(id.prefixed());
        errors.push(told);
    }
    let (status, word) = batch::outcome(erased > 0, failed > 0);
    let body = json!({
        "code": status.as_u16(),
        "status": word,
        "message": format!("{erased} of {processed} memories are erased"),
        "total_processed": processed,
        "total_successful": erased,
        "total_failed": failed,
        "total_content_size": 0,
        "total_storage_size": 0,
        "successful": successful,
        "errors": errors,
    });
    Ok(answer(status, body, &[], None))
}
