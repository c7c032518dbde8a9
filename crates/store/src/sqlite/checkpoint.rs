//! Moves the write-ahead log into the database, beside the writer and not in its way.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use memoryscope_engine::port::StoreError;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use tokio::sync::oneshot;

use super::connection::{self, Place, Use};
use crate::common::failure::EngineError;

/// By so many pages (8 MiB) the log grows before it is moved again: a page that is changed often is moved once.
pub(super) const LOG_PAGES_WANTED: u32 = 2_048;
/// Pages in the log (64 MiB) from which on the writer itself helps: the log cannot start anew while others write.
pub(super) const LOG_PAGES_MAX: u32 = 16_384;
/// How long one try to empty the log waits for readers and the writer.
const TRUNCATE_WAIT_MS: u64 = 500;
/// The pause before the next try.
const RETRY_MS: u64 = 100;

/// What the thread is asked for. However often something is asked, it is done once.
#[derive(Debug, Default)]
struct Wishes {
    /// Move what can be moved.
    passive: bool,
    /// Something was erased: empty the log, and do not give up.
    erased: bool,
    /// Who waits for the log to be emptied.
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// Stop.
    closed: bool,
}

impl Wishes {
    const fn any(&self) -> bool {
        self.passive || self.erased || self.closed || !self.waiting.is_empty()
    }
}

#[derive(Debug, Default)]
struct Shared {
    wishes: Mutex<Wishes>,
    changed: Condvar,
}

impl Shared {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        wish(&mut self.wishes());
        self.changed.notify_one();
    }

    /// Waits until something is wished, and takes it.
    fn take(&self) -> Wishes {
        let wishes = self.wishes();
        let waited = self.changed.wait_while(wishes, |wishes| !wishes.any());
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner))
    }
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Checkpointer(Arc<Shared>);

/// The thread. When this is dropped, the log is emptied if it can be, and the thread ends.
#[derive(Debug)]
pub(super) struct CheckpointThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(place: &Place) -> Result<(Self, CheckpointThread), StoreError> {
        let conn = connection::open(place, Use::Write)?;
        conn.busy_timeout(Duration::from_millis(TRUNCATE_WAIT_MS)).map_err(EngineError::describe)?;
        let shared = Arc::new(Shared::default());
        // A file that was left by a killed process may hold what was erased just before.
        shared.wish(|wishes| wishes.erased = true);
        let wishes = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("memoryscope-checkpoint".to_owned())
            .spawn(move || run(&conn, &wishes))
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok((Self(Arc::clone(&shared)), CheckpointThread { shared, thread: Some(thread) }))
    }

    /// The log has grown.
    pub(super) fn wake(&self) {
        self.0.wish(|wishes| wishes.passive = true);
    }

    /// Something was erased: its bytes must leave the log and the free pages soon.
    pub(super) fn erase(&self) {
        self.0.wish(|wishes| wishes.erased = true);
    }

    /// Empties the log and waits until that is done.
    pub(super) async fn truncate(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.wish(|wishes| wishes.waiting.push(reply));
        answer.await.map_err(|_| StoreError::Unavailable("the checkpoint thread has stopped".to_owned()))?
    }
}

impl Drop for CheckpointThread {
    fn drop(&mut self) {
        self.shared.wish(|wishes| wishes.closed = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(conn: &Connection, shared: &Shared) {
    loop {
        let wishes = shared.take();
        if wishes.closed {
            let _ = truncate(conn);
            return;
        }
        if wishes.erased || !wishes.waiting.is_empty() {
            let result = truncate(conn).map_err(EngineError::describe);
            let again = wishes.erased && result.is_err();
            for reply in wishes.waiting {
                let _ = reply.send(result.clone());
            }
            if again {
                tracing::debug!("the log is in use; what was erased is still in it, and it is tried again");
                std::thread::sleep(Duration::from_millis(RETRY_MS));
                shared.wish(|wishes| wishes.erased = true);
            }
        } else if let Err(why) = passive(conn) {
            tracing::warn!(error = %why, "the log could not be moved into the database");
        }
    }
}

/// Moves what no reader needs any more.
pub(super) fn passive(conn: &Connection) -> rusqlite::Result<()> {
    conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE).map(|_| ())
}

/// Moves everything and empties the log.
fn truncate(conn: &Connection) -> rusqlite::Result<()> {
    conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE).map(|_| ())
}
