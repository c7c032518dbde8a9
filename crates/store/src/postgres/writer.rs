//! What writes: some lanes, each with a connection of its own, on one thread.
//!
//! A tenant always goes through the same lane. Change sets of one tenant that arrive while a commit is in flight go into
//! its next transaction together. Nobody waits for others to arrive. An answer leaves only after the commit was
//! answered, or, where that answer was lost, after it was found out what became of it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt as _;
use memoryscope_engine::port::{Receipt, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::error::{Failure, LATE, Remedy};
use super::pool::{Connector, Use};
use super::session::{Call, Session};
use super::transact::{Failed, Outcomes, transact};
use crate::common::prepare::Prepared;

/// Change sets in one transaction: more were not faster, and the first one waits for the last.
const BATCH_SETS_MAX: usize = 64;
/// Change sets that may wait in a lane; whoever comes then waits to be let in.
const QUEUE_SETS_MAX: usize = 1_024;
/// How often a transaction is done again that another one undid.
const REPEATS_MAX: u32 = 10;
/// The first pause before a transaction is tried again; each one is twice as long.
const PAUSE_MS: u64 = 5;
/// The longest such pause.
const PAUSE_MS_MAX: u64 = 320;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a lane is asked for.
enum Job {
    Commit(Box<Prepared>, Reply<Receipt>),
    Probe(Reply<()>),
}

/// The way to the lanes. When it is dropped, what waits is still written, and the thread ends.
#[derive(Debug)]
pub(super) struct Writer {
    lanes: Vec<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. Connections are made when they are needed.
    pub(super) fn start(connector: &Connector) -> Result<Self, StoreError> {
        let failed = |why: std::io::Error| StoreError::Unavailable(why.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut lanes = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..connector.config().writers {
            let (jobs, queue) = mpsc::channel(QUEUE_SETS_MAX);
            let lane = Lane { connector: connector.clone(), session: None, away: false };
            ends.push(runtime.spawn(lane.run(queue)));
            lanes.push(jobs);
        }
        let thread = std::thread::Builder::new().name("memoryscope-writer".to_owned()).spawn(move || {
            runtime.block_on(async {
                for end in ends {
                    if let Err(why) = end.await {
                        tracing::error!(error = %why, "a writing lane failed");
                    }
                }
            });
        });
        Ok(Self { lanes, thread: Some(thread.map_err(failed)?) })
    }

    /// Applies a change set; returns when it is durable.
    pub(super) async fn commit(&self, set: Prepared) -> Result<Receipt, StoreError> {
        let lane = self.lane_of(set.tenant.as_str());
        self.ask(lane, |reply| Job::Commit(Box::new(set), reply)).await
    }

    /// Whether it can be written now.
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(0, Job::Probe).await
    }

    /// FNV-1a: any function would do that always gives the same lane.
    fn lane_of(&self, tenant: &str) -> usize {
        let hash = tenant
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        usize::try_from(hash).unwrap_or_default() % self.lanes.len().max(1)
    }

    async fn ask<T>(&self, lane: usize, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let jobs = self.lanes.get(lane).ok_or_else(stopped)?;
        jobs.send(job(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lanes.clear();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One connection that writes.
struct Lane {
    connector: Connector,
    session: Option<Session>,
    /// Whether the database could not be reached when it was last tried.
    away: bool,
}

impl Lane {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = VecDeque::new();
        let mut arrived = Vec::with_capacity(BATCH_SETS_MAX);
        loop {
            if waiting.is_empty() && queue.recv_many(&mut arrived, BATCH_SETS_MAX).await == 0 {
                return;
            }
            while arrived.len() + waiting.len() < QUEUE_SETS_MAX
                && let Ok(job) = queue.try_recv()
            {
                arrived.push(job);
            }
            for job in arrived.drain(..) {
                match job {
                    Job::Commit(set, reply) => waiting.push_back((*set, reply)),
                    Job::Probe(reply) => {
                        let _ = reply.send(self.probe().await);
                    }
                }
            }
            if let Some(why) = self.serve(&mut waiting).await {
                // Whoever waits would wait in vain, and can be told so now.
                for (_, reply) in waiting.drain(..) {
                    let _ = reply.send(Err(StoreError::Unavailable(why.clone())));
                }
            }
        }
    }

    /// Commits what waits of the tenant who waits longest. Gives back why the database is away, if it is.
    async fn serve(&mut self, waiting: &mut VecDeque<(Prepared, Reply<Receipt>)>) -> Option<String> {
        let tenant = waiting.front()?.0.tenant.clone();
        let mut batch = Vec::new();
        let mut others = VecDeque::with_capacity(waiting.len());
        for (set, reply) in waiting.drain(..) {
            if batch.len() < BATCH_SETS_MAX && set.tenant == tenant {
                batch.push((set, reply));
            } else {
                others.push_back((set, reply));
            }
        }
        *waiting = others;
        let sets: Vec<&Prepared> = batch.iter().map(|(set, _)| set).collect();
        let outcomes = self.commit(&sets).await;
        let away = outcomes.iter().find_map(|outcome| match outcome {
            Err(StoreError::Unavailable(why)) if self.away => Some(why.clone()),
            _ => None,
        });
        for ((_, reply), outcome) in batch.into_iter().zip(outcomes) {
            // Whoever no longer waits does not need to know.
            let _ = reply.send(outcome);
        }
        away
    }

    /// All of them in one transaction; if that fails for a reason of their own, each in one of its own.
    async fn commit(&mut self, sets: &[&Prepared]) -> Outcomes {
        let started = Instant::now();
        let why = match self.commit_whole(sets).await {
            Ok(outcomes) => {
                self.connector.config().meter.committed(sets.len(), started.elapsed());
                return outcomes;
            }
            Err(why) => why,
        };
        if sets.len() == 1 || matches!(why, StoreError::Unavailable(_)) {
            return sets.iter().map(|_| Err(why.clone())).collect();
        }
        tracing::warn!(change_sets = sets.len(), error = %why, "a group commit failed; each is tried alone");
        let mut outcomes = Vec::with_capacity(sets.len());
        for set in sets {
            match self.commit_whole(&[set]).await {
                Ok(outcome) => outcomes.extend(outcome),
                Err(why) => outcomes.push(Err(why)),
            }
        }
        outcomes
    }

    /// One transaction, tried again as long as that may help.
    async fn commit_whole(&mut self, sets: &[&Prepared]) -> Result<Outcomes, StoreError> {
        let config = self.connector.config();
        // Nobody is kept waiting for a database that was away a moment ago.
        let patience = if self.away { Duration::ZERO } else { config.patience };
        let end = Instant::now() + patience;
        let mut pauses = Pauses::new();
        let mut unless = None;
        loop {
            let failed = match self.attempt(sets, unless.as_ref()).await {
                Ok(outcomes) => {
                    self.away = false;
                    return Ok(outcomes);
                }
                Err(failed) => failed,
            };
            let remedy = failed.why.remedy();
            self.leave(&failed).await;
            unless = failed.unless.or(unless);
            let again = match remedy {
                Remedy::Repeat => pauses.count < REPEATS_MAX,
                Remedy::Reconnect => Instant::now() < end,
                Remedy::Wait | Remedy::Nothing => false,
            };
            if !again {
                self.away = self.session.is_none() && remedy != Remedy::Nothing;
                return Err(failed.why.into());
            }
            tracing::debug!(why = ?failed.why, "a transaction is tried again");
            tokio::time::sleep(pauses.next()).await;
        }
    }

    async fn attempt(&mut self, sets: &[&Prepared], unless: Option<&Outcomes>) -> Result<Outcomes, Failed> {
        let session = self.session().await?;
        match AssertUnwindSafe(transact(session, sets, unless)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => {
                self.session = None;
                Err(StoreError::Corrupt("the writer failed on it".to_owned()).into())
            }
        }
    }

    /// After a failure no transaction is open: it is rolled back, or its connection is closed.
    async fn leave(&mut self, failed: &Failed) {
        let Some(session) = &mut self.session else { return };
        let usable = failed.why.is_undone() && !session.is_closed();
        if !usable || session.batch("ROLLBACK").await.is_err() {
            self.session = None;
        }
    }

    /// A connection, made again if the last one was given up.
    async fn session(&mut self) -> Result<&mut Session, Failure> {
        match &mut self.session {
            Some(session) if !session.is_closed() => {}
            empty => {
                let mut session = self.connector.connect(Use::Work).await?;
                super::migrate::require_newest(&mut session).await?;
                *empty = Some(session);
            }
        }
        self.session.as_mut().ok_or(LATE)
    }

    /// The lock's row is locked and let go: that is a write, though nothing changes.
    async fn probe(&mut self) -> Result<(), StoreError> {
        let calls = [
            Call::Plain("BEGIN ISOLATION LEVEL READ COMMITTED"),
            Call::new("SELECT id FROM schema_lock WHERE id = 1 FOR KEY SHARE", Vec::new()),
            Call::Plain("COMMIT"),
        ];
        let answer = match self.session().await {
            Ok(session) => session.pipeline(&calls).await,
            Err(why) => Err(why),
        };
        if let Err(why) = answer {
            self.session = None;
            return Err(why.into());
        }
        self.away = false;
        Ok(())
    }
}

/// How long to wait before each further try.
struct Pauses {
    count: u32,
    millis: u64,
}

impl Pauses {
    const fn new() -> Self {
        Self { count: 0, millis: PAUSE_MS }
    }

    fn next(&mut self) -> Duration {
        self.count += 1;
        let pause = Duration::from_millis(self.millis);
        self.millis = (self.millis * 2).min(PAUSE_MS_MAX);
        pause
    }
}
