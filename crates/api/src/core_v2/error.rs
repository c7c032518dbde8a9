//! How this dialect words a refusal.

use memoryscope_domain::govern::Reason;
use memoryscope_domain::ids::AuditId;
use memoryscope_engine::op;
use memoryscope_engine::op::ingest::Rejected;
use memoryscope_engine::refusal::{Denied, Refusal};

use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};
use crate::refused;
use crate::wire::{Fault, FieldError, Path};

/// The problem that a refusal is.
pub(super) fn problem(refusal: Refusal, meta: &RequestMeta) -> Problem {
    refused::problem(refusal, meta, denied)
}

/// What was not stored, of a batch at a place in it.
pub(super) fn rejected(
    rejected: Rejected,
    access_log: AuditId,
    index: Option<usize>,
    meta: &RequestMeta,
) -> Problem {
    match rejected {
        Rejected::Denied(trace) => {
            let denied = Denied {
                reason: Reason::PolicyDenied,
                operation: op::ingest::INFO.name,
                purpose: None,
                kind: None,
                trace: Some(*trace),
            };
            problem(Refusal::Denied { denied: Box::new(denied), access_log }, meta)
        }
        Rejected::UnknownParent => {
            let root = Path::Root("body");
            let fault = match index {
                Some(index) => parents(&Path::Index(&Path::Key(&root, "memories"), index)),
                None => parents(&root),
            };
            Problem::invalid(vec![fault]).detail("access_log_id", access_log.prefixed())
        }
    }
}

/// Unknown, another tenant's or hidden from the caller: it is never told which.
fn parents(memory: &Path<'_>) -> FieldError {
    let provenance = Path::Key(memory, "provenance");
    let message = "must name memories that there are, for this caller";
    FieldError::new(&Path::Key(&provenance, "derived_from"), Fault::Invalid, message)
}

/// A denial by the policy: what was asked for, and what the request could have said instead. Never of a memory.
fn denied(denied: &Denied) -> Problem {
    let changes = op::ALL.iter().any(|info| info.name == denied.operation && info.changes);
    let text = match denied.purpose {
        Some(purpose) => format!("The policy does not allow this for the purpose {}", purpose.name()),
        None if denied.operation == op::bridge::MAKE.name => {
            "The policy lets nothing of this cross for one of the purposes".to_owned()
        }
        None if changes => "The policy does not allow this memory to be written so".to_owned(),
        None => "The policy does not allow this".to_owned(),
    };
    let problem = Problem::new(Code::PolicyDenied, text);
    match denied.trace.as_ref().and_then(|trace| trace.nearest_grant.as_ref()) {
        Some(hint) => problem.hint(hint.text.clone()),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use memoryscope_domain::ids::RequestId;
    use memoryscope_domain::purpose::Purpose;
    use memoryscope_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn meta() -> RequestMeta {
        let request_id = RequestId::parse("r-1").expect("a good id");
        RequestMeta { request_id, now: Timestamp::from_unix_micros(0) }
    }

    #[test]
    fn a_denial_says_for_what_and_where_it_is_written_down() {
        let check = |reason, operation, purpose, code: &str, text: &str| {
            let denied = Denied { reason, operation, purpose, kind: None, trace: None };
            let access_log = AuditId::from_uuid(uuid::Uuid::from_u128(5));
            let problem = problem(Refusal::Denied { denied: Box::new(denied), access_log }, &meta());
            assert_eq!(
                (problem.status().as_u16(), problem.code().as_str(), problem.message()),
                (403, code, text)
            );
            assert_eq!(problem.error(&meta())["details"]["access_log_id"], json!(access_log.prefixed()));
        };
        let chat = Some(Purpose::ChatResponse);
        let text = "The policy does not allow this for the purpose chat_response";
        check(Reason::PolicyDenied, "memory.read", chat, "POLICY_DENIED", text);
        let text = "The policy does not allow this memory to be written so";
        check(Reason::PolicyDenied, op::create::INFO.name, None, "POLICY_DENIED", text);
        check(Reason::PolicyDenied, "memory.read", None, "POLICY_DENIED", "The policy does not allow this");
        let text = "The role reader may only read";
        check(Reason::RoleDenied, op::create::INFO.name, None, "FORBIDDEN", text);
    }

    #[test]
    fn what_is_hidden_is_what_is_absent() {
        let of = |id| {
            let access_log = AuditId::from_uuid(uuid::Uuid::from_u128(id));
            problem(Refusal::Hidden { access_log }, &meta()).error(&meta())
        };
        assert_eq!(of(1), of(2));
    }
}
