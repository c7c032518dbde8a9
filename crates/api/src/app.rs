//! The whole server as one router.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use memoryscope_domain::ids::RequestId;
use memoryscope_engine::embed;
use memoryscope_engine::engine::Engine;

use crate::edge::{CorsConfig, Edge, EdgeConfig, Hosts};
use crate::health::{Embedding, Health, Part, Readiness};
use crate::items::{self, Items, ItemsConfig};
use crate::metrics::Metrics;
use crate::openapi::{self, Pages};
use crate::{audit, core_v2, jobs, metrics, scoped};

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
    /// What is counted, and told at `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What the items dialect is told.
    pub items: ItemsConfig,
}

/// Every route of every dialect, wrapped by the edge.
pub fn router(engine: &Arc<Engine>, config: AppConfig) -> Router {
    let routes = scoped::routes()
        .merge(core_v2::routes())
        .merge(audit::routes())
        .merge(jobs::routes())
        .with_state(Arc::clone(engine))
        .merge(items::routes().with_state(Items::new(Arc::clone(engine), config.items)))
        .merge(health(engine, config.version).timing_out_after(config.timeout).routes())
        .merge(metrics::routes().with_state((Arc::clone(engine), Arc::clone(&config.metrics))));
    let pages = Pages::new(config.version, routes.operations());
    let routes = routes.merge(openapi::routes().with_state(pages));
    let edge = EdgeConfig {
        timeout: config.timeout,
        cors: config.cors,
        hosts: config.hosts,
        refusal: items::refusal,
        batch_routes: BTreeSet::from(
            ["/memory/batch", "/v1/memory/batch", "/v1/omo/import", "/v2/memories/batch"].map(str::to_owned),
        ),
        ..EdgeConfig::default()
    };
    let (clock, ids) = (Arc::clone(&engine.ports().clock), Arc::clone(&engine.ports().ids));
    let mint = move || RequestId::minted(uuid::Uuid::from_bytes(ids.seed().0));
    Edge::new(edge, move || clock.now(), mint).measured_by(config.metrics).wrap(routes.into_router())
}

/// What is said of every route.
#[must_use]
pub fn operations() -> Vec<openapi::Operation> {
    let engines = scoped::routes().merge(core_v2::routes()).merge(audit::routes()).merge(jobs::routes());
    let (health, metrics, pages) = (crate::health::routes(), metrics::routes(), openapi::routes());
    let items = items::routes();
    [engines.operations(), items.operations(), health.operations(), metrics.operations(), pages.operations()]
        .concat()
}

/// What the store says of itself, and whether texts can be embedded.
fn health(engine: &Arc<Engine>, version: &'static str) -> Health {
    let engine = Arc::clone(engine);
    Health::new(version, move || {
        let engine = Arc::clone(&engine);
        async move {
            let models = match engine.embedder().map(|embedder| embedder.readiness()) {
                Some(embed::Readiness::Ready) => Part::Ok,
                Some(embed::Readiness::Failing) => Part::Degraded,
                Some(embed::Readiness::Absent) | None => Part::Absent,
            };
            let embedding = engine.embedder().zip(engine.embeddings_pending());
            let embedding =
                embedding.map(|(embedder, pending)| Embedding { model: embedder.id().into(), pending });
            match engine.ports().store.probe().await {
                Ok(found) => {
                    let (applied, newest) = found.schema;
                    let migrations = if applied == newest { Part::Ok } else { Part::Failed };
                    Readiness { database: Part::Ok, migrations, models, embedding }
                }
                Err(cause) => {
                    tracing::warn!(%cause, "the store does not answer");
                    Readiness { models, embedding, ..Readiness::UNKNOWN }
                }
            }
        }
    })
}
