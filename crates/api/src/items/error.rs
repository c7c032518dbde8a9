//! How this dialect words what it does not do.

use memoryscope_domain::fields::{self, FieldFault};
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::items::request::{InvalidRequest, SUGGESTION};
use memoryscope_domain::lifecycle::Barred;
use memoryscope_engine::op::ingest::Rejected;
use memoryscope_engine::refusal::{Denied, Refusal};

use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};
use crate::refused::{self, audited};
use crate::wire::FieldError;

/// The problem that a refusal is.
pub(super) fn problem(refusal: Refusal, meta: &RequestMeta) -> Problem {
    refused::problem(refusal, meta, denied)
}

/// A denial by the policy: what was asked for, and what the request could have said instead. Never of a memory.
fn denied(denied: &Denied) -> Problem {
    let text = match denied.purpose {
        Some(purpose) => format!("The policy does not allow this for the purpose {}", purpose.name()),
        None => "The policy does not allow this memory to be written so".to_owned(),
    };
    let problem = Problem::new(Code::PolicyDenied, text);
    match denied.trace.as_ref().and_then(|trace| trace.nearest_grant.as_ref()) {
        Some(hint) => problem.hint(hint.text.clone()),
        None => problem,
    }
}

/// What was not stored.
pub(super) fn rejected(rejected: Rejected, access_log: AuditId, meta: &RequestMeta) -> Problem {
    match rejected {
        Rejected::Denied(trace) => {
            let denied = Denied {
                reason: memoryscope_domain::govern::Reason::PolicyDenied,
                operation: memoryscope_engine::op::ingest::INFO.name,
                purpose: None,
                kind: None,
                trace: Some(*trace),
            };
            problem(Refusal::Denied { denied: Box::new(denied), access_log }, meta)
        }
        Rejected::UnknownParent => {
            problem(Refusal::Bug("an item was derived from something".to_owned()), meta)
        }
    }
}

/// What is wrong with a request.
pub(super) fn of_request(invalid: InvalidRequest) -> Problem {
    let is_unsupported = invalid.is_unsupported();
    let text = invalid.to_string();
    match invalid {
        InvalidRequest::DeprecatedId(trap) => Problem::new(Code::BadRequest, text)
            .detail("field", trap.field)
            .detail("provided_value", trap.provided_value)
            .detail("suggestion", SUGGESTION)
            .hint("Send your application's own ids as external_user_id"),
        InvalidRequest::TooLarge(too_large) => Problem::new(Code::PayloadTooLarge, text)
            .detail("field", too_large.field)
            .detail("limit_bytes", too_large.bytes_max),
        InvalidRequest::TooMany(too_many) => Problem::new(Code::PayloadTooLarge, text)
            .detail("field", too_many.field)
            .detail("limit", too_many.max),
        InvalidRequest::BlankQuery => Problem::new(Code::BadRequest, text),
        InvalidRequest::Faults(faults) if is_unsupported => {
            let said: Vec<String> =
                faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect();
            Problem::new(Code::NotImplemented, said.join("; "))
        }
        InvalidRequest::Faults(faults) => invalid_fields(&faults),
    }
}

fn invalid_fields(faults: &fields::Faults) -> Problem {
    invalid(&faults.list, faults.omitted_count)
}

/// These fields are wrong.
pub(super) fn invalid(faults: &[FieldFault], omitted_count: usize) -> Problem {
    let problem = Problem::invalid(faults.iter().map(FieldError::from).collect());
    if omitted_count > 0 { problem.detail("omitted_count", omitted_count) } else { problem }
}

/// Why a memory cannot be changed so: told to whoever may know of it.
pub(super) fn barred(barred: Barred, access_log: AuditId) -> Problem {
    let text = barred.to_string();
    let text = format!("{}{}", text[..1].to_uppercase(), &text[1..]);
    let problem = match barred {
        Barred::State(state) | Barred::NotWaiting(state) => {
            Problem::new(Code::Conflict, text).detail("state", state.name())
        }
        Barred::Invalid(faults) => invalid_fields(&faults),
        _ => Problem::new(Code::Conflict, text),
    };
    audited(problem.detail("access_log_id", access_log.prefixed()), access_log)
}
