//! How the scoped dialect words a refusal.

use memoryscope_domain::govern::Reason;
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::policy::Trace;
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::SCOPED_CLASSES;
use memoryscope_engine::op::create;
use memoryscope_engine::refusal::{Denied, Refusal};

use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};
use crate::refused;

/// The problem that a refusal is.
pub(super) fn problem(refusal: Refusal, meta: &RequestMeta) -> Problem {
    refused::problem(refusal, meta, denied)
}

/// A memory that the policy refuses to store.
pub(super) fn write_denied(kind: Kind, trace: Trace, access_log: AuditId, meta: &RequestMeta) -> Problem {
    let denied = Denied {
        reason: Reason::PolicyDenied,
        operation: create::INFO.name,
        purpose: None,
        kind: Some(kind),
        trace: Some(trace),
    };
    problem(Refusal::Denied { denied: Box::new(denied), access_log }, meta)
}

/// A denial by the policy.
fn denied(denied: &Denied) -> Problem {
    let classes: Vec<&str> = SCOPED_CLASSES.iter().map(|purpose| purpose.name()).collect();
    if denied.operation == create::INFO.name {
        return Problem::new(Code::PolicyDenied, "The policy does not allow this memory to be stored");
    }
    match (denied.purpose, denied.kind) {
        (Some(purpose), Some(kind)) => {
            let text = format!("Purpose class '{}' not allowed for scope '{}'", purpose.name(), kind.name());
            let hint = denied.trace.as_ref().and_then(|trace| trace.nearest_grant.as_ref());
            let problem = Problem::new(Code::PolicyDenied, text);
            hint.map_or(problem.clone(), |hint| problem.hint(hint.text.clone()))
        }
        (None, Some(_)) => Problem::new(Code::PolicyDenied, "The purpose matches no purpose class")
            .detail("purpose_classes", classes.clone())
            .hint(format!("State a purpose of one of these classes: {}", classes.join(", "))),
        _ => Problem::new(Code::PolicyDenied, "The policy does not allow this"),
    }
}
