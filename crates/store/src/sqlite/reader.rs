//! Threads that read, each with a connection of its own, fed from one queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use memoryscope_engine::port::StoreError;
use tokio::sync::oneshot;

use super::cache::{Cache, Erasures};
use super::connection::{self, Place, Use};
use super::error::{Failure, wants_reopening};
use super::load::Reader;

/// Loads that may wait; one more is refused, since its answer would come too late anyway.
const QUEUE_LOADS_MAX: usize = 4_096;

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// Some reading threads. When it is dropped, what waits is still answered, and they end.
#[derive(Debug)]
pub(super) struct Readers {
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts so many threads.
    pub(super) fn start(
        name: &str,
        count: usize,
        place: &Place,
        erasures: &Arc<Erasures>,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = sync_channel::<Job>(QUEUE_LOADS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let mut worker = Worker { place: place.clone(), erasures: Arc::clone(erasures), reader: None };
            worker.connect()?;
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("memoryscope-{name}"))
                .spawn(move || run(&mut worker, &queue))
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

fn run(worker: &mut Worker, queue: &Mutex<Receiver<Job>>) {
    loop {
        // The guard is dropped with this statement: waiting is done in turn, reading at once.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(worker),
            Err(_) => return,
        }
    }
}

/// One thread's state.
struct Worker {
    place: Place,
    erasures: Arc<Erasures>,
    reader: Option<Reader>,
}

impl Worker {
    /// Runs a read; one that fails badly costs its connection, not its thread.
    fn guarded<T>(&mut self, read: impl FnOnce(&mut Reader) -> Result<T, Failure>) -> Result<T, StoreError> {
        let reader = self.connect()?;
        match catch_unwind(AssertUnwindSafe(|| read(reader))) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => {
                let broken = matches!(&failure, Failure::Engine(why) if wants_reopening(why));
                if broken || !reader.conn.is_autocommit() {
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

    fn connect(&mut self) -> Result<&mut Reader, StoreError> {
        match &mut self.reader {
            Some(reader) => Ok(reader),
            empty => {
                let conn = connection::open(&self.place, Use::Read)?;
                Ok(empty.insert(Reader { conn, cache: Cache::new(Arc::clone(&self.erasures)) }))
            }
        }
    }
}
