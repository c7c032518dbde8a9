//! `GET /openapi.json`, `GET /docs` and `GET /demo`: the document for programs and for people, and a story to click
//! through. Nothing is loaded from elsewhere.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::json;

use super::{Example, Operation, Routes, Tag, Verb, document, schema};

/// A page, whole: styles and script are in it.
const DOCS: &str = include_str!("docs.html");

/// The same; it is in a folder of its own because it can also be opened from there, as a file.
const DEMO: &str = include_str!("../../../../demo/index.html");

/// A page may run its own script and ask this server, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document as it is sent.
#[derive(Debug, Clone)]
pub struct Pages(Bytes);

impl Pages {
    /// The document of these routes and of its own.
    #[must_use]
    pub fn new(version: &str, operations: &[Operation]) -> Self {
        let all = [operations, routes().operations()].concat();
        Self(Bytes::from(document(version, &all).to_string()))
    }
}

/// The routes.
#[must_use]
pub fn routes() -> Routes<Pages> {
    let free = schema::free();
    let document = Operation::new(Verb::Get, "/openapi.json", Tag::Server, "getOpenApi")
        .says("This document", "")
        .answers(200, "An OpenAPI 3.1 document of every route.", free)
        .example(Example::new("document"));
    let page = Operation::new(Verb::Get, "/docs", Tag::Server, "getDocs")
        .says("This document, to read and to try", "")
        .answers_as(200, "A page that needs nothing from elsewhere.", "text/html", json!({"type": "string"}))
        .example(Example::new("page"));
    let demo = Operation::new(Verb::Get, "/demo", Tag::Server, "getDemo")
        .says("What memory bound to a purpose is, to try", "")
        .answers_as(200, "A page that needs nothing from elsewhere.", "text/html", json!({"type": "string"}))
        .example(Example::new("page"));
    Routes::new().add(document, openapi).add(page, docs).add(demo, self::demo)
}

async fn openapi(State(pages): State<Pages>) -> Response {
    with([(header::CONTENT_TYPE, "application/json")], pages.0)
}

async fn docs() -> Response {
    page(DOCS)
}

async fn demo() -> Response {
    page(DEMO)
}

fn page(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    with(headers, Bytes::from_static(text.as_bytes()))
}

fn with<const N: usize>(headers: [(HeaderName, &'static str); N], body: Bytes) -> Response {
    let mut response = body.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
