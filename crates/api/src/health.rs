//! How the server is: three probes, its version, its limits. What is probed is injected: no store is known here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, extract::State};
use memoryscope_domain::limits;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How long a probe may take: an orchestrator that asks wants to know now.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// The state of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It works.
    Ok,
    /// It works worse than it should, and requests can be served.
    Degraded,
    /// It does not work.
    Failed,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The store answers.
    pub database: Part,
    /// Its schema is the one this version needs.
    pub migrations: Part,
    /// Embedders and extractors.
    pub models: Part,
}

impl Readiness {
    /// A probe that did not answer.
    pub const UNKNOWN: Self = Self { database: Part::Failed, migrations: Part::Failed, models: Part::Failed };

    /// Whether requests can be served: no part has failed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        ![self.database, self.migrations, self.models].contains(&Part::Failed)
    }

    fn is_ok(&self) -> bool {
        [self.database, self.migrations, self.models] == [Part::Ok; 3]
    }
}

/// A probe's answer, on its way.
pub type Probing = Pin<Box<dyn Future<Output = Readiness> + Send>>;

/// The server's version, and what the probe asks.
#[derive(Clone)]
pub struct Health {
    version: &'static str,
    probe: Arc<dyn Fn() -> Probing + Send + Sync>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Health {
    /// The version that is told, and an asynchronous probe of store and models.
    pub fn new<F, P>(version: &'static str, probe: F) -> Self
    where
        F: Fn() -> P + Send + Sync + 'static,
        P: Future<Output = Readiness> + Send + 'static,
    {
        Self { version, probe: Arc::new(move || Box::pin(probe())) }
    }

    /// `/healthz`, `/healthz/live`, `/healthz/ready`, `/version`.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/healthz/live", get(async || Json(json!({"status": "alive"}))))
            .route("/healthz/ready", get(ready))
            .route("/version", get(version))
            .with_state(self)
    }

    async fn probe(&self) -> Readiness {
        let probing = tokio::time::timeout(PROBE_TIMEOUT, (self.probe)());
        probing.await.unwrap_or(Readiness::UNKNOWN)
    }
}

/// `ok` or `degraded`, with 200 for both: the server answers, which is all this says.
async fn healthz(State(health): State<Health>) -> Json<Value> {
    let status = if health.probe().await.is_ok() { "ok" } else { "degraded" };
    Json(json!({"status": status}))
}

/// 200 when requests can be served, else 503; the parts either way.
async fn ready(State(health): State<Health>) -> Response {
    let found = health.probe().await;
    let (code, status) = if found.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let body = json!({
        "status": status,
        "version": health.version,
        "database": found.database,
        "migrations": found.migrations,
        "models": found.models,
    });
    let mut response = (code, Json(body)).into_response();
    if code == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    }
    response
}

async fn version(State(health): State<Health>) -> Json<Value> {
    Json(json!({"name": "memoryscope", "version": health.version}))
}

/// The constants of `limits.rs` by name; a test proves that none is forgotten.
macro_rules! table {
    ($($name:ident),+ $(,)?) => {
        /// Every limit's name and value.
        fn table() -> Vec<(&'static str, Value)> {
            vec![$((stringify!($name), json!(limits::$name))),+]
        }
    };
}

table! {
    TENANT_ID_BYTES_MAX,
    USER_ID_BYTES_MAX,
    REQUEST_ID_BYTES_MAX,
    DOMAIN_CHARS_MAX,
    PURPOSE_CHARS_MAX,
    VALUE_JSON_BYTES_MAX,
    TTL_DAYS_MIN,
    TTL_DAYS_MAX,
    MAX_AGE_DAYS_MAX,
    SUMMARY_TEXT_CHARS_MAX,
    FUZZY_CHARS_MAX,
    JSON_DEPTH_MAX,
    JSON_VALUES_MAX,
    POLICY_BYTES_MAX,
    POLICY_RULES_MAX,
    POLICY_DEPTH_MAX,
    COMMIT_ATTEMPTS_MAX,
    MERGE_MEMORIES_MAX,
    GRANT_HOURS,
    GRANT_KEPT_DAYS,
    IDEMPOTENCY_KEPT_DAYS,
    IDEMPOTENCY_KEY_CHARS_MAX,
    BATCH_ITEMS_MAX,
    LIST_ITEMS_MAX,
    LIST_ITEMS_DEFAULT,
    AUDIT_PAGE_ITEMS_MAX,
    EXPIRY_BATCH_ITEMS,
    TENANTS_PAGE_ITEMS,
    LIST_SCAN_ITEMS,
    TOKEN_BYTES_MAX,
    CURSOR_BYTES_MAX,
    BODY_BYTES_MAX,
    BATCH_BODY_BYTES_MAX,
    JSON_TREE_BYTES_MAX,
    JSON_TREE_BYTES_BASE,
    SMALL_BODY_BYTES,
    JSON_TREES_MIB_MAX,
    REQUEST_TIMEOUT_SECONDS,
    EXPIRY_INTERVAL_SECONDS,
    POLICIES_KNOWN_MAX,
}

/// The answer of `GET /v2/limits`: the domain's limits by their names in lower case, and `more` of the server's
/// configuration, which takes the place of a limit of the same name.
#[must_use]
pub fn limits_body(more: &[(&str, u64)]) -> Value {
    let domain = table().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let ours = more.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    json!({"limits": domain.chain(ours).collect::<Map<_, _>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_limit() {
        let source = include_str!("../../domain/src/limits.rs");
        let constants = source.lines().filter_map(|line| line.strip_prefix("pub const "));
        let named: Vec<&str> = constants.filter_map(|line| line.split(':').next()).collect();
        let listed: Vec<&str> = table().iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, named, "health.rs: the table must list limits.rs, in its order");
    }

    #[test]
    fn limits_have_their_names_and_units() {
        let body = limits_body(&[("body_bytes_max", 1_048_576)]);
        assert_eq!(body["limits"]["ttl_days_max"], 365);
        assert_eq!(body["limits"]["value_json_bytes_max"], 65_536);
        assert_eq!(body["limits"]["body_bytes_max"], 1_048_576);
    }
}
