//! `memoryscope serve`: the server.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use memoryscope_api::app::AppConfig;
use memoryscope_api::edge::{CorsConfig, Hosts, install_panic_hook};
use memoryscope_api::metrics::Metrics;
use memoryscope_api::serve::ServeConfig;
use memoryscope_domain::limits;
use memoryscope_engine::embed::Readiness;
use memoryscope_engine::embedding;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::extract::{self, Extractor, Pace, Round};
use memoryscope_engine::jobs;
use memoryscope_engine::notify::{self, Told};
use memoryscope_models::HttpNotifier;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::flags::{self, CommonFlags, ServerFlags};
use crate::config::Config;
use crate::wiring;

/// Files that are open beside connections: the database, its log, its readers, standard streams.
const FILES_BESIDE_CONNECTIONS: u64 = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the model that embeds texts before anything is served, and not when it is first needed.
    #[arg(long)]
    warm: bool,
    /// Bring the model that embeds texts first, by pip, unless it is there; where that fails, serve without it.
    #[arg(long)]
    bring_model: bool,
    #[command(flatten)]
    common: CommonFlags,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, args.server)?;
    #[cfg(feature = "otel")]
    let _exporting = crate::otel::start(&config)?;
    #[cfg(not(feature = "otel"))]
    crate::logging::start(&config)?;
    #[cfg(feature = "sentry")]
    let _reporting = config.sentry_dsn.value.as_ref().map(|dsn| crate::sentry_report::start(dsn, &config));
    if !config.listen.value.ip().is_loopback() {
        tracing::warn!(
            address = %config.listen.value,
            "listening beyond this machine without keys: whoever can reach this address is believed"
        );
    }
    if args.bring_model {
        super::model::bring(&config);
    }
    serve(&config, args.warm)
}

/// Wires store, engine and api together, and serves until told to stop.
fn serve(config: &Config, is_warm: bool) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    let metrics = Arc::new(Metrics::new(version));
    // Which names it answers to is known once it listens.
    let (timeout, cors) = (config.request_timeout.value, cors(config)?);
    let items = wiring::items(config);
    let app = AppConfig { timeout, cors, hosts: None, version, metrics: Arc::clone(&metrics), items };
    // More connections than the usual limit of open files allows; the server does with what it gets.
    let connections = ServeConfig::default().connections_max as u64;
    if let Err(cause) = rlimit::increase_nofile_limit(connections + FILES_BESIDE_CONNECTIONS) {
        tracing::debug!(%cause, "the limit of open files stays as it is");
    }
    install_panic_hook();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let engine = runtime.block_on(wiring::measured_engine(config, metrics))?;
    if is_warm && runtime.block_on(engine.meaning("warm")).is_none() {
        tracing::warn!("there is no model to be read before it is needed");
    }
    runtime.block_on(run_until_stopped(config, &engine, app))?;
    // What was sent to the store is written before the store is dropped, and with it the process ends.
    drop(runtime);
    drop(engine);
    Ok(ExitCode::SUCCESS)
}

async fn run_until_stopped(config: &Config, engine: &Arc<Engine>, app: AppConfig) -> anyhow::Result<()> {
    if config.validate_config.value {
        let health = engine.ports().store.probe().await.context("the database does not answer")?;
        tracing::info!(engine = health.engine, schema = health.schema.0, "the configuration holds");
    }
    let address = config.listen.value;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    // Before anyone can know that the server is there: from then on it may be asked to stop, and stops in order.
    let stop = stop_signal()?;
    let expiry = tokio::spawn(expire_now_and_then(Arc::clone(engine)));
    let following = tokio::spawn(follow_now_and_then(Arc::clone(engine)));
    let extraction = tokio::spawn(extract_now_and_then(Arc::clone(engine), wiring::extractor(config)));
    let embedding = tokio::spawn(embed_when_needed(Arc::clone(engine)));
    let telling = tokio::spawn(tell_now_and_then(Arc::clone(engine), wiring::notifier(config)));
    super::print(&format!("listening on http://{bound}"))?;
    tracing::info!(address = %bound, version = app.version, "listening");
    let app = AppConfig { hosts: Hosts::of(bound, app.cors.as_ref()), ..app };
    tell_of_embedder(config, engine);
    let router = memoryscope_api::app::router(engine, app);
    let stopped = memoryscope_api::serve::serve(listener, router, ServeConfig::default(), stop).await;
    expiry.abort();
    following.abort();
    extraction.abort();
    embedding.abort();
    telling.abort();
    tracing::info!(cut = stopped.cut, "stopped");
    Ok(())
}

/// Says whether texts can be embedded. That they cannot keeps nobody from being served.
fn tell_of_embedder(config: &Config, engine: &Engine) {
    let Some(embedder) = engine.embedder() else { return };
    let folder = config.embed.folder(&config.database.value);
    match embedder.readiness() {
        Readiness::Ready => {
            tracing::info!(model = embedder.id(), sent_away = embedder.sends_away(), "texts can be embedded");
        }
        Readiness::Absent => tracing::info!(
            folder = %folder.display(),
            "there is no model that embeds texts: `memoryscope model pull` brings it"
        ),
        Readiness::Failing => tracing::warn!(
            folder = %folder.display(),
            "the model that embeds texts is damaged: `memoryscope model pull` brings it anew"
        ),
    }
}

/// Erases what has expired, again and again.
async fn expire_now_and_then(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(limits::EXPIRY_INTERVAL_SECONDS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match jobs::expire_all(&engine).await {
            Ok(0) => {}
            Ok(erased) => tracing::info!(erased, "expired memories were erased"),
            Err(cause) => tracing::warn!(%cause, "expired memories could not be erased; trying again later"),
        }
    }
}

/// Lets what is left to follow a seal or a revocation follow, again and again.
async fn follow_now_and_then(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(limits::PENDING_INTERVAL_SECONDS.into()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match jobs::follow_all(&engine).await {
            Ok(0) => {}
            Ok(changed) => tracing::info!(changed, "what was derived has followed"),
            Err(cause) => tracing::warn!(%cause, "what was derived could not follow; trying again later"),
        }
    }
}

/// Tells clients' servers what is to be told, again and again.
async fn tell_now_and_then(engine: Arc<Engine>, notifier: HttpNotifier) {
    // What it has in hand it knows by this name; another server has another.
    let holder = wiring::hex(&engine.ports().ids.seed().0);
    loop {
        let more = match notify::tell_all(&engine, &notifier, &holder).await {
            Ok(Told { delivered, failed, more }) => {
                if delivered + failed > 0 {
                    tracing::info!(delivered, failed, "webhooks were sent");
                }
                more && delivered + failed > 0
            }
            Err(cause) => {
                tracing::warn!(%cause, "some webhooks could not be sent; trying again later");
                false
            }
        };
        if !more {
            tokio::time::sleep(Duration::from_millis(limits::DELIVERY_INTERVAL_MS)).await;
        }
    }
}

/// Makes the graphs that are waited for, again and again.
async fn extract_now_and_then(engine: Arc<Engine>, extractor: Arc<dyn Extractor>) {
    let mut pace = Pace::default();
    let mut away: Option<String> = None;
    loop {
        let round = match extract::extract_round(&engine, &*extractor, pace.looks_at_all()).await {
            Ok(round) => round,
            Err(cause) => {
                tracing::warn!(%cause, "some graphs could not be made; trying again later");
                Round::default()
            }
        };
        // Said once, and not with every try.
        match (&round.ended_by, &away) {
            (Some(reason), before) if before.as_ref() != Some(reason) => {
                tracing::warn!(
                    reason,
                    extractor = extractor.name(),
                    "nothing can be extracted; trying again later"
                );
            }
            (None, Some(_)) if round.settled > 0 => {
                tracing::info!(extractor = extractor.name(), "extraction goes on");
            }
            _ => {}
        }
        if round.ended_by.is_some() || round.settled > 0 {
            away.clone_from(&round.ended_by);
        }
        tokio::time::sleep(pace.after(&round)).await;
    }
}

/// Makes vectors of what was written, as soon as it was, and of what may have been missed.
async fn embed_when_needed(engine: Arc<Engine>) {
    let mut pace = embedding::Pace::default();
    let mut away: Option<String> = None;
    loop {
        engine.wait_for_texts().await;
        let done = match engine.embed_waiting().await {
            Ok(done) => Some(done),
            Err(cause) => {
                tracing::warn!(%cause, "some memories could not be embedded; trying again later");
                None
            }
        };
        // Said once, and not with every try; that there is no model was said at the start.
        let ended_by = done.as_ref().and_then(|done| done.ended_by.clone());
        match &ended_by {
            Some(reason) if away.as_ref() != Some(reason) && reason != embedding::MODEL_ABSENT => {
                tracing::warn!(reason, "nothing can be embedded; trying again later");
            }
            None if away.is_some() => tracing::info!("embedding goes on"),
            _ => {}
        }
        if done.is_some() {
            away = ended_by;
        }
        tokio::time::sleep(pace.after(done.as_ref())).await;
    }
}

fn cors(config: &Config) -> anyhow::Result<Option<CorsConfig>> {
    let origins = config.cors_origins.value.as_list();
    origins
        .map(|list| CorsConfig::new(&list, config.cors_allow_credentials.value))
        .transpose()
        .map_err(anyhow::Error::msg)
}

/// Ready when the process is asked to stop: SIGTERM or Ctrl-C.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
