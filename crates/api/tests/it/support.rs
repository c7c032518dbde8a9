//! A router with one route of each kind, wrapped as the server wraps it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use memoryscope_api::edge::{Edge, EdgeConfig};
use memoryscope_api::json::Document;
use memoryscope_api::meta::RequestMeta;
use memoryscope_api::problem::Problem;
use memoryscope_api::wire::{Fields, Shape, Unknown, boolean, object_or_array, one_of, string, whole};
use memoryscope_domain::ids::RequestId;
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What one route takes.
pub(crate) struct Sent {
    ttl_days: i64,
}

impl Shape for Sent {
    const NAME: &'static str = "Sent";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let user_id = f.required("user_id", string().trimmed().chars(1..=100));
        let scope = f.required("scope", one_of(&["preferences", "schedule"]));
        let ttl_days = f.required("ttl_days", whole(1..=365));
        let value_json = f.required("value_json", object_or_array(64 * 1024));
        let _ = f.optional("flag", boolean());
        user_id.and(scope).and(value_json)?;
        Some(Self { ttl_days: ttl_days? })
    }
}

/// Counts what got as far as being stored.
pub(crate) type Stored = Arc<AtomicUsize>;

async fn store(stored: Stored, document: Document) -> Result<Json<Value>, Problem> {
    let sent = document.decode::<Sent>(Unknown::Refuse)?.value;
    stored.fetch_add(1, Ordering::SeqCst);
    Ok(Json(json!({"ttl_days": sent.ttl_days})))
}

/// The routes.
pub(crate) fn routes(stored: &Stored) -> Router {
    let (one, many) = (Arc::clone(stored), Arc::clone(stored));
    Router::new()
        .route("/memory", post(move |document| store(Arc::clone(&one), document)))
        .route("/memory/batch", post(move |document| store(Arc::clone(&many), document)))
        .route("/memory/{id}", get(async || "here").delete(async || StatusCode::NO_CONTENT))
        .route("/panic", post(async |_: Bytes| -> StatusCode { panic!("canary-in-a-panic") }))
        .route("/slow", post(async |_: Bytes| tokio::time::sleep(Duration::from_secs(3600)).await))
        .route("/short", get(async || tokio::time::sleep(Duration::from_millis(300)).await))
        .route("/big", get(async || vec![b'x'; 64 << 20]))
        .route("/meta", get(async |meta: RequestMeta| meta.now.to_string()))
}

/// The edge's configuration with `/memory/batch` as its one batch route.
pub(crate) fn config() -> EdgeConfig {
    EdgeConfig { batch_routes: BTreeSet::from(["/memory/batch".to_owned()]), ..EdgeConfig::default() }
}

/// The wrapped router.
pub(crate) fn app_with(config: EdgeConfig, stored: &Stored) -> Router {
    let now = || Timestamp::from_unix_micros(1_795_317_589_980_281);
    let mint = || RequestId::parse("minted").expect("a good id");
    Edge::new(config, now, mint).wrap(routes(stored))
}

/// The wrapped router, as most tests want it.
pub(crate) fn app() -> Router {
    app_with(config(), &Stored::default())
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends one request through the router.
pub(crate) async fn send(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.expect("a router cannot fail");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

/// A POST of JSON.
pub(crate) fn post_json(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    request.body(body.into()).expect("a good request")
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).expect("a good request")
}
