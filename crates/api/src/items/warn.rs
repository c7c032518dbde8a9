//! What answers warn of: `warnings[]`, the `Deprecation` header, and a line in the log.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use memoryscope_domain::fields::{Warning, WarningKind};
use serde_json::{Value, json};

/// The header of RFC 9745.
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// Since when the fields of former times are deprecated: the first of November 2026.
const SINCE: HeaderValue = HeaderValue::from_static("@1793491200");

/// What a request has that is not known.
pub(super) fn of_unknown(fields: &[String]) -> Vec<Warning> {
    let warning = |field: &String| Warning {
        field: field.clone(),
        message: "is not known here".to_owned(),
        kind: WarningKind::Unknown,
        successor: None,
    };
    fields.iter().map(warning).collect()
}

/// The warnings as they are told.
pub(super) fn told(warnings: &[Warning]) -> Vec<Value> {
    let one = |warning: &Warning| {
        let mut told =
            json!({"field": warning.field, "message": warning.message, "type": warning.kind.name()});
        if let Some(successor) = warning.successor {
            told["successor"] = json!(successor);
        }
        told
    };
    warnings.iter().map(one).collect()
}

/// Writes them into an answer; one without any has no such member.
pub(super) fn write(body: &mut Value, warnings: &[Warning]) {
    if !warnings.is_empty() {
        body["warnings"] = Value::Array(told(warnings));
    }
}

/// Says in the answer's head that something deprecated was sent, and in the log what its successor is: never where it
/// stood, which may hold a caller's own key.
pub(super) fn head(mut response: Response, warnings: &[Warning]) -> Response {
    let mut deprecated = warnings.iter().filter(|warning| warning.kind == WarningKind::Deprecated).peekable();
    if deprecated.peek().is_some() {
        response.headers_mut().insert(DEPRECATION, SINCE);
    }
    for warning in deprecated {
        tracing::warn!(target: "memoryscope::deprecated", successor = warning.successor, "a deprecated field was sent");
    }
    response
}
