//! How the server is: three probes, its version, its limits. What is probed is injected: no store is known here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use memoryscope_domain::limits;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::openapi::schema::{names, object, or_null, text};
use crate::openapi::{Example, Operation, Routes, Tag, Verb};
use crate::problem::Problem;
use crate::wire::{Fields, Shape, Unknown, decode_query};

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
    /// It is not there, and everything else works without it.
    Absent,
    /// It does not work.
    Failed,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The store answers.
    pub database: Part,
    /// Its schema is the one this version needs.
    pub migrations: Part,
    /// Who makes vectors of texts. Nothing else waits for it, so it never fails: it is degraded, or absent.
    pub models: Part,
    /// Whose vectors memories are found by, and how many wait for theirs; none where nothing makes vectors.
    pub embedding: Option<Embedding>,
}

/// How far vectors are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Embedding {
    /// The model's name.
    pub model: Arc<str>,
    /// Memories that wait for their vectors, as far as this server knows; one more where it has still to look.
    pub pending: usize,
}

impl Readiness {
    /// A probe that did not answer.
    pub const UNKNOWN: Self =
        Self { database: Part::Failed, migrations: Part::Failed, models: Part::Failed, embedding: None };

    /// Whether requests can be served: no part has failed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        ![self.database, self.migrations, self.models].contains(&Part::Failed)
    }

    fn is_ok(&self) -> bool {
        [self.database, self.migrations] == [Part::Ok; 2] && [Part::Ok, Part::Absent].contains(&self.models)
    }
}

/// A probe's answer, on its way.
pub type Probing = Pin<Box<dyn Future<Output = Readiness> + Send>>;

/// The server's version, and what the probe asks.
#[derive(Clone)]
pub struct Health {
    version: &'static str,
    timeout: Duration,
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
        let timeout = Duration::from_secs(limits::REQUEST_TIMEOUT_SECONDS);
        Self { version, timeout, probe: Arc::new(move || Box::pin(probe())) }
    }

    /// The same with the timeout that requests are given here, which `/v2/limits` tells.
    #[must_use]
    pub fn timing_out_after(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// `/healthz`, `/healthz/live`, `/healthz/ready`, `/version`, `/v2/limits`.
    #[must_use]
    pub fn routes(self) -> Routes {
        routes().with_state(self)
    }

    async fn probe(&self) -> Readiness {
        let probing = tokio::time::timeout(PROBE_TIMEOUT, (self.probe)());
        probing.await.unwrap_or(Readiness::UNKNOWN)
    }
}

/// The routes.
#[must_use]
pub fn routes() -> Routes<Health> {
    let route = |path, id, summary, about| {
        Operation::new(Verb::Get, path, Tag::Server, id).says(summary, about).example(Example::new("now"))
    };
    let status = |title: &str, is: &[&'static str]| object(title, [("status", names(is.iter().copied()))]);
    let healthz = route("/healthz", "getHealth", "Whether all is well", "200 for both: the server answers.")
        .answers(200, "All is well, or something is not.", status("Health", &["ok", "degraded"]));
    let live = route("/healthz/live", "getLiveness", "Whether it runs", "For who restarts it otherwise.")
        .answers(200, "It runs.", status("Liveness", &["alive"]));
    let readiness =
        route("/healthz/ready", "getReadiness", "Whether it can serve", "For who sends it requests.")
            .answers(200, "It can.", readiness_schema("ready"))
            .answers(503, "It cannot: a part has failed.", readiness_schema("unavailable"));
    let versions = object("Version", [("name", names(["memoryscope"])), ("version", text())]);
    let version_of =
        route("/version", "getVersion", "Which version it is", "").answers(200, "The version.", versions);
    let limits_of =
        route("/v2/limits", "getLimits", "The limits that hold", "Each with its unit in its name.").answers(
            200,
            "The limits.",
            limits_schema(),
        );
    Routes::new()
        .add(healthz, self::healthz)
        .add(live, async || Json(json!({"status": "alive"})))
        .add(readiness, ready)
        .add(version_of, version)
        .add(limits_of, limits_here)
}

fn readiness_schema(status: &'static str) -> Value {
    let part = || names(["ok", "degraded", "failed"]);
    let pending = json!({"type": "integer", "minimum": 0});
    let embedding = object("Embedding", [("model", text()), ("pending", pending)]);
    object(
        if status == "ready" { "Ready" } else { "Unready" },
        [
            ("status", names([status])),
            ("version", text()),
            ("database", part()),
            ("migrations", part()),
            ("models", names(["ok", "degraded", "absent", "failed"])),
            ("embedding", or_null(embedding)),
        ],
    )
}

/// The schema of [`limits_body`].
fn limits_schema() -> Value {
    // Half-lives are the only limits that are not whole.
    let kind = |value: &Value| json!({"type": if value.is_f64() { "number" } else { "integer" }});
    let each: Map<String, Value> =
        table().iter().map(|(name, value)| (name.to_ascii_lowercase(), kind(value))).collect();
    let names: Vec<String> = table().into_iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let limits = json!({"type": "object", "title": "LimitValues", "required": names, "properties": each});
    object("Limits", [("limits", limits)])
}

/// No parameters at all.
struct Nothing;

impl Shape for Nothing {
    const NAME: &'static str = "Nothing";

    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// The limits, with this server's own timeout.
async fn limits_here(
    State(health): State<Health>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    decode_query::<Nothing>(query.as_deref(), Unknown::Refuse)?;
    Ok(Json(limits_body(&[("request_timeout_seconds", health.timeout.as_secs())])))
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
        "embedding": found.embedding,
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
    CONTENT_BYTES_MAX,
    LANGUAGE_BYTES_MAX,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    PARTIES_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    HISTORY_ENTRIES_MAX,
    PARENTS_MAX,
    TRANSFORM_STEPS_MAX,
    ATTESTATIONS_MAX,
    EVIDENCE_MAX,
    PROPAGATION_ROWS,
    PENDING_BATCH_ITEMS,
    PENDING_ANCESTORS_MAX,
    PENDING_INTERVAL_SECONDS,
    UPDATED_FIELDS_MAX,
    CUE_CHARS_MAX,
    CUES_MAX,
    COOLDOWN_SECONDS_MAX,
    HALF_LIFE_DAYS_MIN,
    HALF_LIFE_DAYS_MAX,
    SCOPE_FLAGS_MAX,
    IMPACT_CONSTRAINTS_MAX,
    PAYLOAD_BYTES_MAX,
    STEPS_MAX,
    DO_NOT_PROMPT_WITH_MAX,
    OBSERVED_AHEAD_SECONDS_MAX,
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
    PERSON_SCAN_ITEMS,
    PERSON_PAGE_ITEMS,
    PERSON_BATCH_ITEMS,
    USERS_BATCH_ITEMS,
    EMAIL_CHARS_MAX,
    USER_METADATA_BYTES_MAX,
    RECORDS_PAGE_MAX,
    RECORDS_PAGE_DEFAULT,
    RECORDS_SKIPPED_MAX,
    RECORDS_STEP_ITEMS,
    NAMESPACE_NAME_CHARS_MAX,
    RATE_LIMITS_MAX,
    ERASED_SHOWN_ITEMS,
    EXPORT_ITEMS_MAX,
    BRIDGES_TO_MAX,
    BRIDGES_FROM_MAX,
    BRIDGES_PAGE_ITEMS,
    CONSENT_NAMES_MAX,
    CONSENT_SCOPES_MAX,
    TENANTS_PAGE_ITEMS,
    LIST_SCAN_ITEMS,
    REFERENCES_MAX,
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
    CONSTRAINT_TERM_WORDS_MAX,
    CONSTRAINT_TERM_CHARS_MAX,
    CONSTRAINT_NAME_WORDS_MAX,
    CONSTRAINT_NAME_CHARS_MAX,
    CONSTRAINT_SOURCES_MAX,
    DERIVED_CONSTRAINTS_MAX,
    DERIVED_CUES_MAX,
    FILTER_NAMES_MAX,
    PREDICATE_DEPTH_MAX,
    PREDICATE_TESTS_MAX,
    PREDICATE_VALUES_MAX,
    PREDICATE_TEXT_CHARS_MAX,
    CONTEXT_TOKENS_MAX,
    TERM_BYTES_MAX,
    MEMORY_TERMS_MAX,
    QUERY_TEXT_CHARS_MAX,
    QUERY_TERMS_MAX,
    MATCH_ROWS,
    NEAREST_ITEMS,
    ANCHOR_ITEMS,
    NEIGHBOUR_ROWS,
    NEIGHBOUR_ROWS_MAX,
    VECTOR_BYTES,
    GRAPH_NAME_CHARS_MAX,
    NODE_ID_CHARS_MAX,
    GIVEN_NODES_MAX,
    GIVEN_EDGES_MAX,
    JOB_ATTEMPTS_MAX,
    JOB_BACKOFF_SECONDS,
    JOB_BACKOFF_SECONDS_MAX,
    JOB_LEASE_SECONDS,
    JOB_KEPT_DAYS,
    BATCH_KEPT_DAYS,
    DELIVERY_INTERVAL_MS,
    DELIVERY_BATCH_ITEMS,
    DELIVERY_SECONDS_MAX,
    DELIVERY_WAIT_HOURS,
    DELIVERY_LOOK_SECONDS_MAX,
    RECORD_NAME_BYTES,
    RECORD_BYTES,
    NODE_PROPERTIES_MAX,
    NODE_PROPERTIES_BYTES_MAX,
    GRAPH_CONSTRAINTS_MAX,
    SEARCH_PROPERTIES_MAX,
    SEARCH_DEPTH_MAX,
    CONDITION_DEPTH_MAX,
    CONDITION_TESTS_MAX,
    EXTRACTION_PROMPT_CHARS_MAX,
    LINKS_MAX,
    LINK_BYTES_MAX,
    ACL_ENTRIES_MAX,
    SCHEMA_NAME_CHARS_MAX,
    SCHEMA_DESCRIPTION_CHARS_MAX,
    NODE_TYPES_MAX,
    RELATIONSHIP_TYPES_MAX,
    TYPE_PROPERTIES_MAX,
    ENUM_VALUES_MAX,
    ENUM_VALUE_CHARS_MAX,
    PATTERN_CHARS_MAX,
    PATTERN_BYTES_MAX,
    ITEM_TAGS_MAX,
    ITEM_TAG_CHARS_MAX,
    ITEM_TEXT_CHARS_MAX,
    ITEM_METADATA_BYTES_MAX,
    CUSTOM_KEYS_MAX,
    CUSTOM_KEY_CHARS_MAX,
    CUSTOM_TEXT_CHARS_MAX,
    CUSTOM_LIST_MAX,
    ITEM_CONTENT_BYTES_MAX,
    ITEM_BATCH_BYTES_MAX,
    ITEM_BATCH_ITEMS_MAX,
    ITEM_BATCH_SIZE_DEFAULT,
    OMO_ITEMS_MAX,
    OMO_EXPORT_BYTES_MAX,
    URI_IDS_BYTES_MAX,
    OMO_EXT_BYTES_MAX,
    ITEM_CONTEXT_MESSAGES_MAX,
    ITEM_QUERY_CHARS_MAX,
    SEARCH_RESULTS_MAX,
    SEARCH_ITEMS_DEFAULT,
    SEARCH_NODES_DEFAULT,
    SEARCH_FILTERS_MAX,
    REVIEW_ITEMS_MAX,
    REVIEW_ITEMS_DEFAULT,
    SCHEMAS_LISTED_MAX,
    GRAPH_DEPTH_MAX,
    GRAPH_MEMORIES_MAX,
    WALK_NAMED_NODES,
    WALK_NODES,
    NODE_NAME_TERMS_MAX,
    NODE_NAME_BYTES_MAX,
    NODE_TERMS_MAX,
    CONTEXT_LINKS_MAX,
    GRAPH_PREVIOUS_ITEMS,
    EXTRACTION_BATCH_ITEMS,
    EXTRACTION_ATTEMPTS_MAX,
    EXTRACTION_BACKOFF_SECONDS,
    EXTRACTION_LATER_INTERVAL_SECONDS,
    EXTRACTION_PAUSE_SECONDS_MAX,
    MODEL_ANSWER_TOKENS_MAX,
    MODEL_ANSWER_BYTES_MAX,
    MODEL_TRIES_MAX,
    MODEL_RETRY_AFTER_SECONDS_MAX,
    EMBED_TOKENS_MAX,
    EMBED_TEXT_CHARS_MAX,
    EMBED_BATCH_ITEMS,
    EMBED_QUEUE_ITEMS,
    EMBED_PAUSE_SECONDS_MAX,
    EMBEDDING_DIMENSIONS_MAX,
    EMBED_ANSWER_BYTES_MAX,
    EXTRACTION_INTERVAL_MS,
    KEYS_ASKED_MAX,
    WEBHOOK_BYTES_MAX,
    SESSION_ID_CHARS_MAX,
    SESSION_TITLE_CHARS_MAX,
    SESSION_METADATA_BYTES_MAX,
    SESSION_MESSAGES_MAX,
    SESSION_PAGE_MESSAGES_MAX,
    SESSION_PAGE_MESSAGES_DEFAULT,
    SESSION_PROCESS_MESSAGES,
    MESSAGE_BLOCKS_MAX,
    SUMMARY_SHORT_BYTES,
    SUMMARY_MEDIUM_BYTES,
    SUMMARY_LONG_BYTES,
    SUMMARY_SENTENCE_BYTES,
    SUMMARY_LIST_ITEMS,
    SUMMARY_CONTEXT_BYTES,
    FEEDBACK_BATCH_ITEMS_MAX,
    FEEDBACK_TEXT_BYTES_MAX,
    FEEDBACK_CITED_MAX,
    OPINION_VOTES_MAX,
    OPINIONS_ASKED_MAX,
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
