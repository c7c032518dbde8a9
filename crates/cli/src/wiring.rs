//! The ports as they really are, and the engine on top of them.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use memoryscope_api::items::ItemsConfig;
use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::{IdSeed, RequestId, TenantId};
use memoryscope_domain::items::request::Reading;
use memoryscope_domain::policy::{Dialect, Policy};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::spiral::Lexicon;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::context::Context;
use memoryscope_engine::embed::Embedder;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::extract::{BuiltIn, Extractor};
use memoryscope_engine::port::{Clock, Ids, Meter, NoMeter, Ports, Secrets, Store, StoreError};
use memoryscope_models::local::{LocalConfig, LocalEmbedder};
use memoryscope_models::{ChatExtractor, HttpNotifier, Pause, RemoteEmbedder};
use memoryscope_store::{PostgresConfig, PostgresStore, SqliteConfig, SqliteStore};
use tokio::runtime::Runtime;

use crate::config::{Config, DatabaseUrl};

/// The one real clock.
#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Timestamp::from_unix_micros(micros)
    }
}

/// The operating system's randomness.
#[derive(Debug)]
struct SystemRandom;

impl SystemRandom {
    /// Random bytes; a machine that has none cannot go on.
    #[expect(clippy::disallowed_methods, reason = "this is the one real source of randomness")]
    fn bytes<const N: usize>() -> [u8; N] {
        let mut bytes = [0; N];
        match getrandom::fill(&mut bytes) {
            Ok(()) => bytes,
            Err(cause) => {
                tracing::error!(%cause, "the operating system gives no randomness");
                std::process::abort()
            }
        }
    }
}

impl Ids for SystemRandom {
    fn seed(&self) -> IdSeed {
        IdSeed(Self::bytes())
    }
}

impl Secrets for SystemRandom {
    fn token(&self) -> Token {
        Token::from_bytes(Self::bytes())
    }

    fn audit_key(&self) -> AuditKey {
        AuditKey::from_bytes(Self::bytes())
    }
}

/// The one real clock, for what is no request.
#[cfg(feature = "otel")]
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The operating system's randomness, for names that are not kept.
#[cfg(feature = "otel")]
pub(crate) fn ids() -> Arc<dyn Ids> {
    Arc::new(SystemRandom)
}

/// 32 random bytes, for a signing key or a name that nothing else has.
pub(crate) fn random_key() -> [u8; 32] {
    SystemRandom::bytes()
}

/// The store that the configuration names.
///
/// # Errors
/// When it cannot be opened, or its schema is not the one that this version needs.
pub(crate) async fn open_store(config: &Config, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
    open_measured_store(config, migrate, Arc::new(NoMeter)).await
}

/// The same for commands that work on what is there: a file that is missing is not made.
///
/// # Errors
/// As [`open_store`], and when there is no such file.
pub(crate) async fn open_existing_store(config: &Config, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
    if let DatabaseUrl::Sqlite(path) = &config.database.value
        && !path.exists()
    {
        bail!("there is no database at {}", path.display());
    }
    open_store(config, migrate).await
}

async fn open_measured_store(
    config: &Config,
    migrate: bool,
    meter: Arc<dyn Meter>,
) -> anyhow::Result<Arc<dyn Store>> {
    let url = &config.database.value;
    let opened: Result<Arc<dyn Store>, StoreError> = match url {
        DatabaseUrl::Sqlite(path) => {
            let place = SqliteConfig::file(path).migrate(migrate).measured_by(meter);
            let place = place.vector_bytes(config.embed.vector_bytes());
            SqliteStore::open(&place).map(|store| Arc::new(store) as Arc<dyn Store>)
        }
        DatabaseUrl::Postgres(url) => {
            let place = PostgresConfig::url(url)?.migrate(migrate).measured_by(meter);
            let place = place.vector_bytes(config.embed.vector_bytes());
            PostgresStore::open(&place).await.map(|store| Arc::new(store) as Arc<dyn Store>)
        }
    };
    opened.with_context(|| format!("cannot open {url}"))
}

/// The engine on a store, with the policy that the configuration names.
///
/// # Errors
/// When the policy cannot be read or does not load; every error of it is named with line and column.
pub(crate) fn engine(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Arc<Engine>> {
    engine_on(config, store, Arc::new(NoMeter))
}

/// The server's engine on the store that the configuration names, both of them measured.
///
/// # Errors
/// As [`open_store`] and [`engine`].
pub(crate) async fn measured_engine(config: &Config, meter: Arc<dyn Meter>) -> anyhow::Result<Arc<Engine>> {
    let store = open_measured_store(config, config.migrate.value, Arc::clone(&meter)).await?;
    engine_on(config, store, meter)
}

/// What commands other than the server run on: they do one thing after the other.
///
/// # Errors
/// When the operating system gives no event queue.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn engine_on(config: &Config, store: Arc<dyn Store>, meter: Arc<dyn Meter>) -> anyhow::Result<Arc<Engine>> {
    let policy = match &config.policy.value {
        Some(path) => Arc::new(read_policy(path)?),
        None => Policy::builtin(),
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let ids: Arc<SystemRandom> = Arc::clone(&random);
    let engine = Engine::new(Ports { store, clock, ids, secrets: random }, policy)
        .measured_by(meter)
        .embedding_by(embedder(config));
    Ok(Arc::new(match &config.spiral_lexicon.value {
        Some(path) => engine.telling_spirals_by(Arc::new(read_lexicon(path)?)),
        None => engine,
    }))
}

/// Loads a lexicon of spirals from a file.
fn read_lexicon(path: &std::path::Path) -> anyhow::Result<Lexicon> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the lexicon of spirals {}", path.display()))?;
    match Lexicon::parse(&text) {
        Ok(lexicon) => Ok(lexicon),
        Err(faults) => {
            let lines: Vec<String> =
                faults.iter().map(|fault| format!("{}:{fault}", path.display())).collect();
            bail!("the lexicon of spirals does not load:\n{}", lines.join("\n"))
        }
    }
}

/// Loads a policy from a file.
///
/// # Errors
/// When it cannot be read or does not load.
pub(crate) fn read_policy(path: &std::path::Path) -> anyhow::Result<Policy> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the policy {}", path.display()))?;
    match Policy::load(&text) {
        Ok(policy) => Ok(policy),
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(|e| format!("{}:{e}", path.display())).collect();
            bail!("the policy does not load:\n{}", lines.join("\n"))
        }
    }
}

/// A request of the operator's own, for a tenant.
pub(crate) fn operator(engine: &Engine, tenant: TenantId) -> Context {
    let ports = engine.ports();
    let name = format!("operator-{}", hex(&ports.ids.seed().0[..8]));
    let request_id = RequestId::parse(&name).unwrap_or_else(|_| RequestId::minted(uuid::Uuid::nil()));
    engine.begin(Principal::system(tenant), request_id, Dialect::Core, ports.clock.now())
}

/// Does something that waits, on this thread, so that a server on the same machine keeps the others; is cut off when the
/// process is told to stop, so that what it started ends with it.
///
/// # Errors
/// What the work says, or that it was stopped.
pub(crate) fn until_stopped<T, E>(work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    runtime()?.block_on(async {
        let stop = crate::commands::serve::stop_signal()?;
        tokio::select! {
            done = work => Ok(done?),
            () = stop => bail!("stopped before it was done"),
        }
    })
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The runtime's sleep, for who waits between two tries.
#[derive(Debug)]
struct RuntimePause;

#[async_trait]
impl Pause for RuntimePause {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Who makes graphs of texts: the model that the configuration names, else the built-in one.
pub(crate) fn extractor(config: &Config) -> Arc<dyn Extractor> {
    match config.llm.chat() {
        Some(chat) => {
            tracing::info!(model = chat.model, url = chat.url, "texts with consent are sent to a model");
            Arc::new(ChatExtractor::new(&chat, Arc::new(SystemClock), Arc::new(RuntimePause)))
        }
        None => Arc::new(BuiltIn),
    }
}

/// So many threads embed texts: half of the machine's, so that requests are answered meanwhile, and not more than pay.
const EMBED_THREADS_MAX: usize = 4;

/// Who makes vectors of texts: the model that the configuration names, else the built-in one. Nothing is read or asked yet.
fn embedder(config: &Config) -> Arc<dyn Embedder> {
    if let Some(remote) = config.embed.remote() {
        return Arc::new(RemoteEmbedder::new(&remote, Arc::new(RuntimePause)));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (processors / 2).clamp(1, EMBED_THREADS_MAX);
    let folder = config.embed.folder(&config.database.value);
    Arc::new(LocalEmbedder::new(LocalConfig { folder, threads }))
}

/// Who tells clients' servers.
pub(crate) const fn notifier(config: &Config) -> HttpNotifier {
    HttpNotifier { allows_private: config.webhook_allow_private.value }
}

/// What the items dialect is told.
pub(crate) fn items(config: &Config) -> ItemsConfig {
    ItemsConfig { reading: Reading { is_strict: config.items_strict.value, ..Reading::default() } }
}
