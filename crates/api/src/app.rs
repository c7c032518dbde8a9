//! The whole server as one router.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use memoryscope_domain::ids::RequestId;
use memoryscope_engine::engine::Engine;

use crate::edge::{CorsConfig, Edge, EdgeConfig, Hosts};
use crate::health::{Health, Part, Readiness};
use crate::{audit, scoped};

/// What the server is told.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// How long a request may take, its body's arrival included.
    pub timeout: Duration,
    /// Other origins that browsers may ask from; `None` is the same origin only.
    pub cors: Option<CorsConfig>,
    /// The names that the server answers to; `None` is any.
    pub hosts: Option<Hosts>,
    /// The version that is told.
    pub version: &'static str,
}

/// Every route of every dialect, wrapped by the edge.
pub fn router(engine: &Arc<Engine>, config: AppConfig) -> Router {
    let routes = Router::new()
        .merge(scoped::router(Arc::clone(engine)))
        .merge(audit::router(Arc::clone(engine)))
        .merge(health(engine, config.version).routes())
        .route("/v2/limits", get(limits_of_this_server));
    let edge = EdgeConfig {
        timeout: config.timeout,
        cors: config.cors,
        hosts: config.hosts,
        batch_routes: BTreeSet::from(["/memory/batch".to_owned()]),
        ..EdgeConfig::default()
    };
    let (clock, ids) = (Arc::clone(&engine.ports().clock), Arc::clone(&engine.ports().ids));
    let mint = move || RequestId::minted(uuid::Uuid::from_bytes(ids.seed().0));
    Edge::new(edge, move || clock.now(), mint).wrap(routes)
}

async fn limits_of_this_server() -> Json<serde_json::Value> {
    Json(crate::health::limits_body(&[]))
}

/// What the store says of itself.
fn health(engine: &Arc<Engine>, version: &'static str) -> Health {
    let store = Arc::clone(&engine.ports().store);
    Health::new(version, move || {
        let store = Arc::clone(&store);
        async move {
            match store.probe().await {
                Ok(found) => {
                    let (applied, newest) = found.schema;
                    let migrations = if applied == newest { Part::Ok } else { Part::Failed };
                    Readiness { database: Part::Ok, migrations, models: Part::Ok }
                }
                Err(cause) => {
                    tracing::warn!(%cause, "the store does not answer");
                    Readiness { models: Part::Ok, ..Readiness::UNKNOWN }
                }
            }
        }
    })
}
