//! Threads that read, each with a connection of its own, fed from one queue.
//!
//! Loads that wait are answered together, in one transaction: when a commit came between two transactions, SQLite reads
//! every page anew, so each transaction has its price. It begins after the last of them was taken from the queue, so
//! each load sees what was committed before it was asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use memoryscope_engine::port::StoreError;
use tokio::sync::oneshot;

use super::cache::{Cache, Forgetting};
use super::connection::{self, Place, Use};
use super::error::{Failure, wants_reopening};
use super::load::Reader;

/// Loads that may wait; one more is refused, since its answer would come too late anyway.
const QUEUE_LOADS_MAX: usize = 4_096;

/// Loads that are answered in one transaction. More would keep the other threads idle.
const GROUP_LOADS_MAX: usize = 8;

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// Some reading threads. When it is dropped, what waits is still answered, and they end.
#[derive(Debug)]
pub(super) struct Readers {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts threads that answer loads in groups.
    pub(super) fn start(count: usize, place: &Place, forgetting: &Forgetting) -> Result<Self, StoreError> {
        Self::start_threads("reader", count, GROUP_LOADS_MAX, place, forgetting)
    }

    /// Starts a thread for what takes long, one after the other, each in a transaction of its own: a long one keeps the
    /// log from being emptied.
    pub(super) fn start_walker(place: &Place, forgetting: &Forgetting) -> Result<Self, StoreError> {
        Self::start_threads("walker", 1, 1, place, forgetting)
    }

    fn start_threads(
        name: &str,
        count: usize,
        group_loads_max: usize,
        place: &Place,
        forgetting: &Forgetting,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE_LOADS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let mut worker = Worker { place: place.clone(), forgetting: forgetting.clone(), reader: None };
            worker.connect()?;
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("memoryscope-{name}"))
                .spawn(move || run(&mut worker, &queue, group_loads_max))
                .map_err(|why| StoreError::Unavailable(why.to_string()))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Reads something on one of the threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let refused =
            || StoreError::Unavailable("too many loads wait, or the readers have stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |worker| {
            if !reply.is_closed() {
                let _ = reply.send(worker.guarded(read));
            }
        });
        self.jobs.as_ref().ok_or_else(refused)?.try_send(job).map_err(|_| refused())?;
        answer.await.map_err(|_| refused())?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(worker: &mut Worker, queue: &Mutex<Receiver<Job>>, group_loads_max: usize) {
    let mut jobs = Vec::with_capacity(group_loads_max);
    loop {
        {
            // Waiting is done in turn, reading at once.
            let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(first) = queue.recv() else { return };
            jobs.push(first);
            jobs.extend(queue.try_iter().take(group_loads_max - 1));
        }
        for job in jobs.drain(..) {
            job(worker);
        }
        worker.end();
    }
}

/// One thread's state.
struct Worker {
    place: Place,
    forgetting: Forgetting,
    reader: Option<Reader>,
}

impl Worker {
    /// Runs a read in the group's transaction; one that fails badly costs its connection, not its thread.
    fn guarded<T>(&mut self, read: impl FnOnce(&mut Reader) -> Result<T, Failure>) -> Result<T, StoreError> {
        let reader = self.connect()?;
        let begun = if reader.conn.is_autocommit() {
            reader.conn.prepare_cached("BEGIN").and_then(|mut begin| begin.execute([])).map(|_| ())
        } else {
            Ok(())
        };
        let read = || begun.map_err(Failure::from).and_then(|()| read(reader));
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => {
                if matches!(&failure, Failure::Engine(why) if wants_reopening(why)) {
                    self.reader = None;
                }
                Err(failure.into())
            }
            Err(_) => {
                self.reader = None;
                Err(StoreError::Corrupt("a reader failed on it".to_owned()))
            }
        }
    }

    /// Ends the group's transaction.
    fn end(&mut self) {
        let Some(Reader { conn, .. }) = &self.reader else { return };
        let ended = conn.is_autocommit()
            || conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).is_ok();
        if !ended {
            self.reader = None;
        }
    }

    fn connect(&mut self) -> Result<&mut Reader, StoreError> {
        match &mut self.reader {
            Some(reader) => Ok(reader),
            empty => {
                let conn = connection::open(&self.place, Use::Read)?;
                let Forgetting { erasures, vectors } = self.forgetting.clone();
                Ok(empty.insert(Reader { conn, cache: Cache::new(erasures), vectors }))
            }
        }
    }
}
