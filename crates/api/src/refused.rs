//! What a [`Refusal`] is called on the wire, where all dialects agree.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use memoryscope_domain::govern::Reason;
use memoryscope_domain::ids::AuditId;
use memoryscope_engine::op;
use memoryscope_engine::refusal::{Conflict, Denied, Gone, Refusal};

use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};

/// The header that names the audit entry of an answer.
pub const ACCESS_LOG_ID: &str = "x-access-log-id";

/// Names the audit entry of an answer in its headers.
#[must_use]
pub fn with_access_log(mut response: Response, access_log: AuditId) -> Response {
    if let Ok(value) = HeaderValue::from_str(&access_log.prefixed()) {
        response.headers_mut().insert(HeaderName::from_static(ACCESS_LOG_ID), value);
    }
    response
}

/// A refusal that stands in the chain names its entry as an answer does: in its headers. Its body does too, but for
/// a 404's, which tells nothing.
pub(crate) fn audited(problem: Problem, access_log: AuditId) -> Problem {
    match HeaderValue::from_str(&access_log.prefixed()) {
        Ok(value) => problem.header(HeaderName::from_static(ACCESS_LOG_ID), value),
        Err(_) => problem,
    }
}

/// The problem that a refusal is; `say` words a denial by the policy.
pub fn problem(refusal: Refusal, meta: &RequestMeta, say: impl Fn(&Denied) -> Problem) -> Problem {
    match refusal {
        Refusal::Denied { denied, access_log } => {
            let problem = if denied.reason == Reason::RoleDenied {
                role_denied(denied.operation)
            } else {
                say(&denied)
            };
            let problem = match &denied.trace {
                Some(trace) => problem.detail("policy_trace", serde_json::json!(trace)),
                None => problem,
            };
            audited(problem.detail("access_log_id", access_log.prefixed()), access_log)
        }
        Refusal::Hidden { access_log } => audited(Problem::not_found(), access_log),
        Refusal::Gone { gone, access_log } => {
            let problem = match gone {
                Gone::Revoked => Problem::new(Code::Revoked, "The grant was revoked"),
                Gone::Expired => Problem::new(Code::Expired, "The grant has expired"),
            };
            let problem = problem.detail("access_log_id", access_log.prefixed());
            audited(problem, access_log).hint("Read again to be given a new token")
        }
        Refusal::Erased { access_log } => {
            let problem = Problem::new(
                Code::Conflict,
                "Something of this was erased, and an import does not bring it back",
            );
            audited(problem.detail("access_log_id", access_log.prefixed()), access_log)
                .hint("Leave out what was erased; what is said again now is no import")
        }
        Refusal::Conflict(conflict) => {
            let code = match conflict {
                Conflict::KeyReused => Code::IdempotencyKeyReused,
                Conflict::InProgress => Code::InProgress,
                Conflict::ResultGone => Code::Conflict,
                // Others were faster, again and again: nothing is wrong with the request, so it may be sent again.
                Conflict::Contended => Code::Unavailable,
            };
            Problem::new(code, capitalised(&conflict.to_string()))
        }
        Refusal::TooLarge { limit, max } => {
            Problem::new(Code::PayloadTooLarge, format!("More than {max} {limit}")).detail("limit", max)
        }
        Refusal::Unavailable(cause) => {
            tracing::warn!(request_id = meta.request_id.as_str(), %cause, "unavailable");
            Problem::new(Code::Unavailable, "The store cannot be written or read now; nothing was answered")
                .hint("Try again after Retry-After; send an Idempotency-Key with what must not be done twice")
        }
        bug @ Refusal::Bug(_) => Problem::bug(meta.request_id.as_str(), &bug),
    }
}

/// Two parts of one request, such as its path and its query: what is wrong in either is in one answer.
///
/// # Errors
/// What is wrong with either part; the wrong fields of both, where it is fields that are wrong.
pub fn both<A, B>(first: Result<A, Problem>, second: Result<B, Problem>) -> Result<(A, B), Problem> {
    let invalid = |problem: &Problem| problem.code() == Code::ValidationError;
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(first), Err(second)) if invalid(&first) && invalid(&second) => {
            Err(Problem::invalid([first.fields(), second.fields()].concat()))
        }
        (Err(first), Err(second)) => Err(if invalid(&first) { second } else { first }),
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
    }
}

/// Changes are refused to those who may only read; the audit chain is shown to two roles.
fn role_denied(operation: &str) -> Problem {
    if operation.starts_with("subject.") {
        return Problem::new(Code::Forbidden, "Only the person themself and the role admin may do this")
            .hint("Send the header X-MemoryScope-User with the person's id");
    }
    if operation == op::bridge::MAKE.name {
        return Problem::new(
            Code::Forbidden,
            "A scope is bridged by those whose it is, and by the role admin",
        )
        .hint(
            "Send the header X-MemoryScope-User with the person's id, or X-MemoryScope-Groups with the scope",
        );
    }
    if ["user.", "namespace."].iter().any(|family| operation.starts_with(family)) {
        let message = "Users and namespaces are told of, changed and deleted by who acts for nobody, and by the role admin";
        return Problem::new(Code::Forbidden, message)
            .hint("Leave out X-MemoryScope-User, and send a role that may change, such as app");
    }
    let changes = |info: &&op::Info| info.name == operation && (info.changes || **info == op::seek::INFO);
    if op::ALL.iter().any(changes) {
        Problem::new(Code::Forbidden, "The role reader may only read")
            .hint("Send the header X-MemoryScope-Roles with a role that may change, such as app")
    } else {
        Problem::new(Code::Forbidden, "Only the roles auditor and admin may do this")
            .hint("Send the header X-MemoryScope-Roles: auditor")
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
