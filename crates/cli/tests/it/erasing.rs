//! A person who was erased over the API is in no file any more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use memoryscope_api::app::{AppConfig, router};
use memoryscope_api::items::ItemsConfig;
use memoryscope_api::metrics::Metrics;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::fakes;
use memoryscope_store::sqlite::{SqliteConfig, SqliteStore};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PERSON: &str = "canary-person-7f3a";

async fn ask(app: &Router, user: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("host", "localhost")
        .header("x-memoryscope-user", user)
        .header("x-memoryscope-roles", if user == "root" { "auditor" } else { "app" })
        .header("idempotency-key", format!("key-{path}-{}", body.to_string().len()))
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = app.clone().oneshot(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// How often a text stands in any file of a folder.
fn count(folder: &Path, text: &str) -> usize {
    let files = std::fs::read_dir(folder).expect("a folder");
    files
        .map(|file| std::fs::read(file.expect("a file").path()).expect("it is read"))
        .map(|bytes| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count())
        .sum()
}

fn app(engine: &Arc<Engine>) -> Router {
    let metrics = Arc::new(Metrics::new("0.0.0"));
    let timeout = Duration::from_secs(60);
    router(
        engine,
        AppConfig {
            timeout,
            cors: None,
            hosts: None,
            version: "0.0.0",
            metrics,
            items: ItemsConfig::default(),
        },
    )
}

fn event(scope: &str, subjects: &[&str], text: &str) -> Value {
    json!({
        "tenant_id": "t_default",
        "scope": {"scope_type": "user", "scope_id": scope},
        "type": "event",
        "truth_mode": "factual_claim",
        "ownership": {"subjects": subjects},
        "content": {"format": "text", "language": "en", "text": text},
    })
}

#[tokio::test]
async fn an_erased_person_is_in_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&SqliteConfig::file(folder.path().join("test.db"))).expect("a store");
    let store = Arc::new(store);
    let (engine, _clock) = fakes::engine(Arc::<SqliteStore>::clone(&store));
    let app = app(&engine);
    let post = async |user: &str, path: &str, body: &Value| ask(&app, user, "POST", path, body).await;
    let (status, event_made) =
        post(PERSON, "/v2/memories", &event(PERSON, &[], "Please avoid canaryword talk, in bullet points."))
            .await;
    assert_eq!(status, 201, "{event_made}");
    let shared = event("bob", &[PERSON, "eve"], "Kept by Bob.");
    let (status, shared) = post("bob", "/v2/memories", &shared).await;
    assert_eq!(status, 201, "{shared}");
    let preference = json!({"user_id": PERSON, "scope": "preferences", "domain": "food", "ttl_days": 30,
        "source": "explicit_user_input", "value_json": {"likes": ["canaryword tea"]}});
    assert_eq!(post(PERSON, "/memory", &preference).await.0, 201);
    let read =
        json!({"user_id": PERSON, "scope": "preferences", "domain": "food", "purpose": "recommend a film"});
    assert_eq!(post(PERSON, "/memory/read", &read).await.0, 200);
    let id = event_made["id"].as_str().expect("an id");
    let seal = json!({"tenant_id": "t_default", "reason": "canaryword in a reason"});
    assert_eq!(post(PERSON, &format!("/v2/memories/{id}/seal"), &seal).await.0, 200);
    let query = json!({"tenant_id": "t_default", "scope": {"scope_type": "user", "scope_id": PERSON},
        "purpose": "chat_response", "query_text": "canaryword"});
    assert_eq!(post("bob", "/v2/memories/query", &query).await.0, 200);
    store.checkpoint().await.expect("the log is emptied");
    assert!(count(folder.path(), PERSON) > 4 && count(folder.path(), "canaryword") > 4);

    let tenant = json!({"tenant_id": "t_default"});
    let path = format!("/v2/subjects/{PERSON}/erase");
    let (status, receipt) = post(PERSON, &path, &tenant).await;
    assert_eq!(status, 200, "{receipt}");
    let counts = &receipt["counts"];
    for (what, least) in
        [("memories", 2), ("preferences", 1), ("grants", 1), ("idempotency", 2), ("audit_private", 4)]
    {
        assert!(counts[what].as_u64() >= Some(least), "{what}: {receipt}");
    }
    store.checkpoint().await.expect("the log is emptied");
    for gone in [PERSON, "canaryword"] {
        assert_eq!(count(folder.path(), gone), 0, "{gone}");
    }
    assert!(count(folder.path(), "Kept by Bob.") > 0);
    let (_, verified) = ask(&app, "root", "GET", "/v2/audit/verify", &Value::Null).await;
    assert_eq!(verified["ok"], true, "{verified}");
    let (_, again) = post(PERSON, &path, &tenant).await;
    assert!(
        again["counts"].as_object().is_some_and(|counts| counts.values().all(|count| count == 0)),
        "{again}"
    );
}
