//! OTLP's JSON: `ExportTraceServiceRequest` (opentelemetry-proto), and the attributes' names of the HTTP conventions.

use memoryscope_engine::traces;
use serde_json::{Value, json};

use super::{Ended, Said};
use crate::wiring::hex;

/// `SpanKind`: what a request is for the one who answers it, and what is done on the way.
const KIND_INTERNAL: u8 = 1;
const KIND_SERVER: u8 = 2;
/// `StatusCode`.
const STATUS_ERROR: u8 = 2;

/// Who says it.
pub(super) fn resource(version: &str, environment: &str) -> Value {
    json!({"attributes": [
        text("service.name", "memoryscope"),
        text("service.version", version),
        text("deployment.environment.name", environment),
    ]})
}

/// The body of one export.
pub(super) fn request(resource: &Value, spans: &[Ended]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": resource,
        "scopeSpans": [{"scope": {"name": "memoryscope"}, "spans": spans}],
    }]})
}

fn span(ended: &Ended) -> Value {
    let start = i128::from(ended.began.unix_micros()) * 1_000;
    let end = start + i128::from(ended.nanos);
    let mut span = json!({
        "traceId": hex(&ended.place.trace),
        "spanId": hex(&ended.place.span),
        "name": name(ended),
        "kind": if ended.name == traces::REQUEST { KIND_SERVER } else { KIND_INTERNAL },
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes(&ended.said),
    });
    if let Some(parent) = ended.place.parent {
        span["parentSpanId"] = json!(hex(&parent));
    }
    if ended.said.status.is_some_and(|status| status >= 500) {
        span["status"] = json!({"code": STATUS_ERROR});
    }
    span
}

/// A request's method and route, which are few; or what was done.
fn name(ended: &Ended) -> String {
    match (&ended.said.method, &ended.said.route) {
        (Some(method), Some(route)) => format!("{method} {route}"),
        _ => ended.name.to_owned(),
    }
}

fn attributes(said: &Said) -> Vec<Value> {
    let texts = [
        ("http.request.method", &said.method),
        ("http.route", &said.route),
        ("memoryscope.request_id", &said.request_id),
    ];
    let texts = texts.into_iter().filter_map(|(key, value)| Some(text(key, value.as_deref()?)));
    let status = said
        .status
        .map(|status| json!({"key": "http.response.status_code", "value": {"intValue": status.to_string()}}));
    texts.chain(status).collect()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}
