//! Moves the write-ahead log into the database, beside the writer and not in its way.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use memoryscope_engine::port::StoreError;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::connection::{self, Place, Use};

/// Pages in the log (4 MiB) from which on it is moved.
pub(super) const LOG_PAGES_WANTED: u32 = 1_024;
/// Pages in the log (64 MiB) from which on the writer itself helps: the log cannot start anew while others write.
pub(super) const LOG_PAGES_MAX: u32 = 16_384;
/// How long one try to empty the log waits for readers and the writer.
const TRUNCATE_WAIT_MS: u64 = 500;
/// The pause before the next try.
const RETRY_MS: u64 = 100;

/// What the thread is asked for.
enum Wish {
    /// Move what can be moved.
    Passive,
    /// Empty the log, and say when that is done.
    Truncate(tokio::sync::oneshot::Sender<Result<(), StoreError>>),
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Checkpointer {
    wishes: SyncSender<Wish>,
    erased: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Starts the thread; it ends when the last [`Checkpointer`] is gone.
    pub(super) fn start(place: &Place) -> Result<(Self, JoinHandle<()>), StoreError> {
        let conn = connection::open(place, Use::Write)?;
        conn.busy_timeout(Duration::from_millis(TRUNCATE_WAIT_MS))
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        let (wishes, queue) = sync_channel(16);
        // A file that was left by a killed process may hold what was erased just before.
        let erased = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&erased);
        let thread = std::thread::Builder::new()
            .name("memoryscope-checkpoint".to_owned())
            .spawn(move || run(&conn, &queue, &seen))
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok((Self { wishes, erased }, thread))
    }

    /// The log has grown.
    pub(super) fn wake(&self) {
        // A full queue means that it is awake.
        let _ = self.wishes.try_send(Wish::Passive);
    }

    /// Something was erased: its bytes must leave the log and the free pages soon.
    pub(super) fn erase(&self) {
        self.erased.store(true, Ordering::Release);
        self.wake();
    }

    /// Empties the log and waits until that is done.
    pub(super) async fn truncate(&self) -> Result<(), StoreError> {
        let busy = || StoreError::Unavailable("the checkpoint thread is busy or has stopped".to_owned());
        let (reply, answer) = tokio::sync::oneshot::channel();
        match self.wishes.try_send(Wish::Truncate(reply)) {
            Ok(()) => answer.await.map_err(|_| busy())?,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(busy()),
        }
    }
}

fn run(conn: &Connection, queue: &Receiver<Wish>, erased: &AtomicBool) {
    loop {
        let wish = if erased.load(Ordering::Acquire) {
            queue.recv_timeout(Duration::from_millis(RETRY_MS))
        } else {
            queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match wish {
            Ok(Wish::Truncate(reply)) => {
                let _ = reply.send(truncate(conn, erased));
            }
            Ok(Wish::Passive) => {
                if let Err(why) = passive(conn) {
                    tracing::warn!(error = %why, "the log could not be moved into the database");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let _ = truncate(conn, erased);
                return;
            }
        }
        if erased.load(Ordering::Acquire) && truncate(conn, erased).is_err() {
            tracing::debug!("the log is in use; what was erased is still in it, and it is tried again");
        }
    }
}

/// Moves what no reader needs any more.
pub(super) fn passive(conn: &Connection) -> rusqlite::Result<()> {
    conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE).map(|_| ())
}

fn truncate(conn: &Connection, erased: &AtomicBool) -> Result<(), StoreError> {
    // Before, not after: what is erased meanwhile wants its own.
    erased.store(false, Ordering::Release);
    conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE).map(|_| ()).map_err(|why| {
        erased.store(true, Ordering::Release);
        super::error::store_error(&why)
    })
}
