//! Requests from other origins.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use memoryscope_api::edge::{CorsConfig, EdgeConfig};

use crate::support::{Stored, app, app_with, bare, config, send};

fn app_for(origins: &str, credentials: bool) -> Router {
    let cors = CorsConfig::new(origins, credentials).expect("good origins");
    app_with(EdgeConfig { cors: Some(cors), ..config() }, &Stored::default())
}

fn preflight(origin: &str) -> Request<Body> {
    let mut request = bare("OPTIONS", "/memory");
    for (name, value) in [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,idempotency-key"),
    ] {
        request.headers_mut().insert(name, value.parse().expect("a good header"));
    }
    request
}

#[tokio::test]
async fn a_listed_origin_may_ask() {
    for origin in ["https://app.example", "null"] {
        let answer = send(app_for("https://app.example, null", true), preflight(origin)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert_eq!(answer.header("access-control-allow-headers"), "content-type,idempotency-key");
        assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD,POST,DELETE");
        assert_eq!(answer.header("x-request-id"), "minted");
    }
}

#[tokio::test]
async fn other_origins_may_not() {
    let answer = send(app_for("https://app.example", true), preflight("https://evil.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let unset = send(app(), preflight("https://app.example")).await;
    assert_eq!((unset.status, unset.header("access-control-allow-origin")), (405, ""));
}

#[tokio::test]
async fn answers_expose_their_headers_errors_too() {
    let mut request = bare("GET", "/nowhere");
    request.headers_mut().insert("origin", "https://any.example".parse().expect("good"));
    let answer = send(app_for("*", false), request).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let exposed = answer.header("access-control-expose-headers");
    for name in ["x-request-id", "x-access-log-id", "x-response-time", "retry-after"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}
