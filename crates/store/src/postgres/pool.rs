//! Connections: how they are made, and those that read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memoryscope_engine::port::{PoolUse, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::PostgresConfig;
use super::error::{Failure, Problem};
use super::session::Session;
use super::tls;

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<PostgresConfig>,
    tls: MakeRustlsConnect,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Loads and commits.
    Work,
    /// Changing the schema, which may take its time.
    Schema,
    /// Reading or writing everything there is, in a transaction that stands as long as that takes, under this name.
    Whole(&'static str),
}

impl Connector {
    /// Reads the certificates that the URL names.
    pub(super) fn new(config: &PostgresConfig) -> Result<Self, StoreError> {
        Ok(Self { tls: tls::connector(config)?, config: Arc::new(config.clone()) })
    }

    /// How the store was opened.
    pub(super) fn config(&self) -> &PostgresConfig {
        &self.config
    }

    /// A new connection, driven on the current runtime.
    pub(super) async fn connect(&self, purpose: Use) -> Result<Session, Failure> {
        let connecting = self.config.server.connect(self.tls.clone());
        let patience = self.config.connect * 2;
        let connected = tokio::time::timeout(patience, connecting).await;
        let (client, connection) = connected.map_err(|_| late_connection())??;
        let driver = tokio::spawn(async move {
            if let Err(why) = connection.await {
                tracing::debug!(error = %why, "a connection to the database ended");
            }
        });
        let mut session = Session::new(client, driver, patience);
        match session.batch(&self.settings(purpose)).await {
            Err(Failure::Engine(Problem::Late)) => return Err(late_connection()),
            set => set?,
        }
        session.wait_for_answers(match purpose {
            Use::Work => self.config.statement * 2,
            Use::Schema | Use::Whole(_) => Duration::MAX,
        });
        #[cfg(feature = "faults")]
        if purpose == Use::Work {
            session.faults = self.config.faults.clone();
        }
        Ok(session)
    }

    /// Every statement of ours finds its rows by a key or walks an index in order, so no plan that reads a whole table
    /// is ever wanted; and a plan that was made while the tables were empty must still be right when they are not.
    fn settings(&self, purpose: Use) -> String {
        let within = self.config.statement.as_millis();
        let statement = if purpose == Use::Work { within } else { 0 };
        let (idle, more) = match purpose {
            Use::Work | Use::Schema => (within, String::new()),
            Use::Whole(who) => (0, format!("SET lock_timeout = {within}; SET application_name = '{who}';")),
        };
        format!(
            "{more} SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {idle};
             SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
             SET plan_cache_mode = force_generic_plan; SET jit = off;
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') = 'off'"
        )
    }
}

/// Whoever waited so long for a connection has waited enough: another one would be as late.
fn late_connection() -> Failure {
    StoreError::Unavailable("the database did not answer in time".to_owned()).into()
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

/// The connections that read.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
}

/// One of them, for as long as it is needed. Unless it is given back, it is closed: nobody knows what was left on it.
#[derive(Debug)]
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    pub(super) session: Session,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    /// None yet: each is made when it is first needed.
    pub(super) fn new(connector: Connector) -> Self {
        let readers = connector.config().readers;
        Self { connector, permits: Semaphore::new(readers), idle: Mutex::default() }
    }

    /// A connection that is free, or a new one.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, Failure> {
        let full = || StoreError::Unavailable("every connection to the database is in use".to_owned());
        let waiting = tokio::time::timeout(self.connector.config().pool, self.permits.acquire());
        let permit = waiting.await.map_err(|_| full())?.map_err(|_| full())?;
        let idle = self.take_idle();
        let session = match idle {
            Some(session) => session,
            None => self.connector.connect(Use::Work).await?,
        };
        Ok(Lease { pool: self, session, _permit: permit })
    }

    /// Closes what is idle: when one connection was lost, the others most often were, too.
    pub(super) fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How it is used now.
    pub(super) fn in_use(&self) -> PoolUse {
        let limit = self.connector.config().readers;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        PoolUse { busy: limit - self.permits.available_permits().min(limit), idle, limit }
    }

    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(session) = idle.pop() {
            if !session.is_closed() {
                return Some(session);
            }
        }
        None
    }
}

impl Lease<'_> {
    /// Gives it back, with no transaction open.
    pub(super) fn give_back(self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.session);
    }
}
