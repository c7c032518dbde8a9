//! The one thread that writes.
//!
//! Change sets that arrive while a commit is in flight go into the next transaction together: the disk is waited for
//! once for all of them. Nobody waits for others to arrive. Within a transaction each change set is compared with
//! what stands there, earlier winners of the same transaction included, before anything of it is written, so a
//! loser leaves no trace and no savepoint is needed. An answer leaves only after `COMMIT` has returned.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use memoryscope_engine::port::{Meter, Receipt, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::apply::Batch;
use super::cache::Forgetting;
use super::checkpoint::{self, Checkpointer};
use super::connection::{self, Place, Use};
use super::error::{Failure, is_environment, wants_reopening};
use crate::common::failure::EngineError;
use crate::common::prepare::Prepared;

/// Change sets in one transaction: more were not faster, and the first one waits for the last.
const BATCH_SETS_MAX: usize = 64;
/// Change sets that may wait; whoever comes then waits to be let in.
const QUEUE_SETS_MAX: usize = 1_024;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked for.
enum Job {
    Commit(Box<Prepared>, Reply<Receipt>),
    Probe(Reply<()>),
    /// Does something to the writer's connection.
    #[cfg(test)]
    Run(fn(&Connection), Reply<()>),
}

/// The way to the writer's thread. When it is dropped, what waits is still written, and the thread ends.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        place: Place,
        forgetting: Forgetting,
        checkpointer: Option<Checkpointer>,
        meter: Arc<dyn Meter>,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE_SETS_MAX);
        let mut worker = Worker {
            place,
            conn: None,
            log_pages: Arc::default(),
            log_pages_seen: 0,
            woken_at: 0,
            relieved_at: 0,
            failing: false,
            forgetting,
            checkpointer,
            meter,
        };
        worker.connect()?;
        let thread = std::thread::Builder::new()
            .name("memoryscope-writer".to_owned())
            .spawn(move || worker.run(queue))
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Applies a change set; returns when it is durable.
    pub(super) async fn commit(&self, set: Prepared) -> Result<Receipt, StoreError> {
        self.ask(|reply| Job::Commit(Box::new(set), reply)).await
    }

    /// Whether it can be written now.
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(Job::Probe).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's state.
struct Worker {
    place: Place,
    conn: Option<Connection>,
    /// Pages in the write-ahead log after the last commit.
    log_pages: Arc<AtomicU32>,
    /// The same at the last look.
    log_pages_seen: u32,
    /// Pages in the log when the other thread was last woken.
    woken_at: u32,
    /// Pages in the log when the writer itself last moved it.
    relieved_at: u32,
    /// Whether the last transaction failed by its surroundings.
    failing: bool,
    forgetting: Forgetting,
    checkpointer: Option<Checkpointer>,
    meter: Arc<dyn Meter>,
}

impl Worker {
    fn run(&mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(BATCH_SETS_MAX);
        while queue.blocking_recv_many(&mut jobs, BATCH_SETS_MAX) > 0 {
            self.serve(&mut jobs);
        }
    }

    /// Answers every job, whatever happens.
    fn serve(&mut self, jobs: &mut Vec<Job>) {
        let mut sets = Vec::with_capacity(jobs.len());
        let mut replies = Vec::with_capacity(jobs.len());
        let mut probes = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Commit(set, reply) => {
                    sets.push(*set);
                    replies.push(reply);
                }
                Job::Probe(reply) => probes.push(reply),
                #[cfg(test)]
                Job::Run(run, reply) => {
                    let _ = reply.send(self.guarded(|conn| {
                        run(conn);
                        Ok(())
                    }));
                }
            }
        }
        if !sets.is_empty() {
            let outcomes = self.commit(&sets);
            let done = sets.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
            let mut erasing = done.map(|(set, _)| set).filter(|set| set.erases()).peekable();
            if erasing.peek().is_some() {
                erasing.for_each(|set| self.forgetting.vectors.forget(&set.tenant));
                self.forgetting.erasures.count_up();
                if let Some(checkpointer) = &self.checkpointer {
                    checkpointer.erase();
                }
            }
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Whoever no longer waits does not need to know.
                let _ = reply.send(outcome);
            }
            self.relieve();
        }
        if !probes.is_empty() {
            let health = self.probe();
            for reply in probes {
                let _ = reply.send(health.clone());
            }
        }
    }

    /// All of them in one transaction; if that fails for a reason of their own, each in one of its own.
    fn commit(&mut self, sets: &[Prepared]) -> Vec<Result<Receipt, StoreError>> {
        let started = Instant::now();
        match self.guarded(|conn| transact(conn, sets)) {
            Ok(outcomes) => {
                self.meter.committed(sets.len(), started.elapsed());
                outcomes
            }
            Err(StoreError::Unavailable(why)) if self.failing => {
                sets.iter().map(|_| Err(StoreError::Unavailable(why.clone()))).collect()
            }
            Err(why) if sets.len() == 1 => vec![Err(why)],
            Err(why) => {
                tracing::warn!(change_sets = sets.len(), error = %why, "a group commit failed; each is tried alone");
                sets.chunks(1).flat_map(|alone| self.commit(alone)).collect()
            }
        }
    }

    /// Runs something on the connection; afterwards no transaction is open, whatever happened.
    fn guarded<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.connect().inspect_err(|_| self.failing = true)?;
        let Some(conn) = &self.conn else {
            return Err(StoreError::Unavailable("no connection".to_owned()));
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(conn)));
        if !conn.is_autocommit() {
            let rolled_back = catch_unwind(AssertUnwindSafe(|| conn.execute_batch("ROLLBACK")));
            if !matches!(rolled_back, Ok(Ok(()))) {
                self.conn = None;
            }
        }
        self.failing = matches!(&result, Ok(Err(Failure::Engine(why))) if is_environment(why));
        match result {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => {
                if matches!(&failure, Failure::Engine(why) if wants_reopening(why)) {
                    self.conn = None;
                }
                Err(failure.into())
            }
            Err(_) => {
                self.conn = None;
                Err(StoreError::Corrupt("the writer failed on it".to_owned()))
            }
        }
    }

    /// A connection, opened again if the last one was given up.
    fn connect(&mut self) -> Result<(), StoreError> {
        if self.conn.is_some() {
            return Ok(());
        }
        let mut conn = connection::open(&self.place, Use::Write)?;
        super::migrate::require_newest(&conn)?;
        let log_pages = Arc::clone(&self.log_pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            log_pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
        .map_err(EngineError::describe)?;
        self.conn = Some(conn);
        Ok(())
    }

    /// Keeps the log short: another thread moves it into the database; if that cannot keep up, the writer helps.
    fn relieve(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        let Some(checkpointer) = &self.checkpointer else { return };
        if pages < self.log_pages_seen {
            // The log was begun anew.
            (self.woken_at, self.relieved_at) = (0, 0);
        }
        self.log_pages_seen = pages;
        if pages >= self.woken_at + checkpoint::LOG_PAGES_WANTED {
            self.woken_at = pages;
            checkpointer.wake();
        }
        if pages >= self.relieved_at + checkpoint::LOG_PAGES_MAX {
            self.relieved_at = pages;
            if let Some(conn) = &self.conn
                && let Err(why) = checkpoint::passive(conn)
            {
                tracing::warn!(error = %why, "the log could not be moved into the database");
            }
        }
    }

    /// After a failure the disk is really written to; else the write lock is proof enough, and health checks leave
    /// an idle disk alone.
    fn probe(&mut self) -> Result<(), StoreError> {
        let really = self.failing;
        self.guarded(|conn| {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            if really {
                // One page, into the log and to the disk.
                let count: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
                conn.pragma_update(None, "user_version", count.wrapping_add(1))?;
            }
            conn.execute_batch("COMMIT")?;
            Ok(())
        })
    }
}

/// One transaction. What it gives back was committed.
fn transact(conn: &Connection, sets: &[Prepared]) -> Result<Vec<Result<Receipt, StoreError>>, Failure> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut batch = Batch::new(conn);
    let outcomes = sets.iter().map(|set| batch.apply(set)).collect::<Result<Vec<_>, _>>()?;
    batch.finish()?;
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(outcomes)
}

#[cfg(test)]
mod tests;
