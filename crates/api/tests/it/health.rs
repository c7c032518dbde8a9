//! The probes.

use axum::Router;
use memoryscope_api::app::AppConfig;
use memoryscope_api::health::{Embedding, Health, Part, Readiness};
use memoryscope_api::items::ItemsConfig;
use serde_json::json;

use crate::support::{bare, send};

fn with(readiness: &Readiness) -> Router {
    let readiness = readiness.clone();
    Health::new("1.2.3", move || std::future::ready(readiness.clone())).routes().into_router()
}

const WELL: Readiness =
    Readiness { database: Part::Ok, migrations: Part::Ok, models: Part::Ok, embedding: None };

#[tokio::test]
async fn a_healthy_server_says_so() {
    let answer = send(with(&WELL), bare("GET", "/healthz")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"ok"}"#));
    let answer = send(with(&WELL), bare("GET", "/healthz/live")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"alive"}"#));
    let answer = send(with(&WELL), bare("GET", "/healthz/ready")).await;
    assert_eq!(answer.status, 200);
    let parts = json!({"status": "ready", "version": "1.2.3", "database": "ok", "migrations": "ok", "models": "ok", "embedding": null});
    assert_eq!(answer.json(), parts);
    let embedding = Some(Embedding { model: "m".into(), pending: 3 });
    let answer = send(with(&Readiness { embedding, ..WELL }), bare("GET", "/healthz/ready")).await;
    assert_eq!(answer.json()["embedding"], json!({"model": "m", "pending": 3}));
    let answer = send(with(&WELL), bare("GET", "/version")).await;
    assert_eq!(answer.json(), json!({"name": "memoryscope", "version": "1.2.3"}));
}

#[tokio::test]
async fn a_server_without_its_store_is_not_ready() {
    let cut = Readiness { database: Part::Failed, ..WELL };
    let answer = send(with(&cut), bare("GET", "/healthz/ready")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(answer.json()["database"], "failed");
    assert_eq!(send(with(&cut), bare("GET", "/healthz")).await.text, r#"{"status":"degraded"}"#);
    assert_eq!(send(with(&cut), bare("GET", "/healthz/live")).await.status, 200);
    let slower = Readiness { models: Part::Degraded, ..WELL };
    assert_eq!(send(with(&slower), bare("GET", "/healthz/ready")).await.status, 200);
    assert_eq!(send(with(&slower), bare("GET", "/healthz")).await.text, r#"{"status":"degraded"}"#);
}

#[tokio::test]
async fn a_server_without_a_model_is_well() {
    let without = Readiness { models: Part::Absent, ..WELL };
    let answer = send(with(&without), bare("GET", "/healthz/ready")).await;
    assert_eq!((answer.status, &answer.json()["models"]), (200, &json!("absent")));
    assert_eq!(send(with(&without), bare("GET", "/healthz")).await.text, r#"{"status":"ok"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_has_failed() {
    let app = Health::new("1", std::future::pending::<Readiness>).routes().into_router();
    assert_eq!(send(app, bare("GET", "/healthz/ready")).await.status, 503);
}

#[tokio::test]
async fn limits_are_those_configured_and_take_no_parameters() {
    let engine = crate::governed::App::new().engine;
    let metrics = std::sync::Arc::new(memoryscope_api::metrics::Metrics::new("0.0.0"));
    let timeout = std::time::Duration::from_secs(7);
    let config = AppConfig {
        timeout,
        cors: None,
        hosts: None,
        version: "0.0.0",
        metrics,
        items: ItemsConfig::default(),
    };
    let router = memoryscope_api::app::router(&engine, config);
    let answer = send(router.clone(), bare("GET", "/v2/limits")).await;
    assert_eq!(answer.json()["limits"]["request_timeout_seconds"], 7);
    let answer = send(router, bare("GET", "/v2/limits?x=1")).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "VALIDATION_ERROR"));
}
