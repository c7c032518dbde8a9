//! The whole server as one router.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::routing::get;
use axum::{Json, Router};
use memoryscope_domain::ids::RequestId;
use memoryscope_engine::engine::Engine;
use serde_json::Value;

use crate::edge::{CorsConfig, Edge, EdgeConfig, Hosts};
use crate::health::{Health, Part, Readiness, limits_body};
use crate::problem::Problem;
use crate::wire::{Fields, Shape, Unknown, decode_query};
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
    let seconds = config.timeout.as_secs();
    let routes = Router::new()
        .merge(scoped::router(Arc::clone(engine)))
        .merge(audit::router(Arc::clone(engine)))
        .merge(health(engine, config.version).routes())
        .route(
            "/v2/limits",
            get(async move |RawQuery(query): RawQuery| limits_of_this_server(query, seconds)),
        );
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

/// No parameters at all.
struct Nothing;

impl Shape for Nothing {
    const NAME: &'static str = "Nothing";

    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// The limits, with this server's own timeout.
fn limits_of_this_server(query: Option<String>, timeout_seconds: u64) -> Result<Json<Value>, Problem> {
    decode_query::<Nothing>(query.as_deref(), Unknown::Refuse)?;
    Ok(Json(limits_body(&[("request_timeout_seconds", timeout_seconds)])))
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
