//! The way out: a bounded queue, and one thread that empties it. A request puts its spans there and goes on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::{Ended, wire};
use crate::config::OtlpEndpoint;

/// The most spans that wait; those beyond are dropped. A few hundred bytes each.
const WAITING_SPANS_MAX: usize = 4_096;
/// The most spans in one export.
const BATCH_SPANS_MAX: usize = 512;
/// How long a span may wait for others to go with it.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long an export may take: so long the end of the process waits for a collector that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Ended spans on their way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// A batch is full, or no more will come.
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: Vec<Ended>,
    dropped: u64,
    closed: bool,
}

/// What goes out together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) spans: Vec<Ended>,
    /// Those for which there was no room since the last batch.
    pub(super) dropped: u64,
    /// No more will come once the queue is empty.
    pub(super) closing: bool,
}

impl Queue {
    /// Puts a span there, if there is room.
    pub(super) fn push(&self, span: Ended) {
        let mut waiting = self.lock();
        if waiting.closed || waiting.spans.len() >= WAITING_SPANS_MAX {
            waiting.dropped += 1;
            return;
        }
        waiting.spans.push(span);
        if waiting.spans.len() >= BATCH_SPANS_MAX {
            self.ready.notify_one();
        }
    }

    /// Waits for the next batch; `None` when all is done.
    pub(super) fn next(&self) -> Option<Batch> {
        let full = |waiting: &mut Waiting| waiting.closed || waiting.spans.len() >= BATCH_SPANS_MAX;
        let waited = self.ready.wait_timeout_while(self.lock(), INTERVAL, |waiting| !full(waiting));
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.closed && waiting.spans.is_empty() {
            return None;
        }
        let count = waiting.spans.len().min(BATCH_SPANS_MAX);
        let spans = waiting.spans.drain(..count).collect();
        let dropped = std::mem::take(&mut waiting.dropped);
        Some(Batch { spans, dropped, closing: waiting.closed })
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exporting thread; dropping this sends what waits, and ends it.
#[derive(Debug)]
pub(crate) struct Exporting {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Exporting {
    /// Sends what comes into the queue to an endpoint.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(endpoint: &OtlpEndpoint, resource: Value, queue: Arc<Queue>) -> anyhow::Result<Self> {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(0);
        let agent = config.user_agent(concat!("memoryscope/", env!("CARGO_PKG_VERSION"))).build().new_agent();
        let (url, from) = (endpoint.traces_url(), Arc::clone(&queue));
        let thread = std::thread::Builder::new()
            .name("otel".to_owned())
            .spawn(move || run(&from, |spans| send(&agent, &url, &wire::request(&resource, spans))))
            .context("cannot start the thread that exports traces")?;
        Ok(Self { queue, thread: Some(thread) })
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!("the thread that exports traces ended early");
        }
    }
}

/// Sends batches until the queue is closed and empty. What cannot be sent is dropped: the server must not fill up with it.
pub(super) fn run(queue: &Queue, mut send: impl FnMut(&[Ended]) -> Result<(), String>) {
    let mut reached = true;
    while let Some(batch) = queue.next() {
        if batch.dropped > 0 {
            tracing::warn!(spans = batch.dropped, "traces came faster than they could be exported");
        }
        if batch.spans.is_empty() {
            continue;
        }
        let sent = send(&batch.spans);
        match &sent {
            Ok(()) if !reached => tracing::info!("traces are exported again"),
            // Said once, not every few seconds.
            Err(cause) if reached => tracing::warn!(cause, "traces cannot be exported, and are dropped"),
            _ => {}
        }
        reached = sent.is_ok();
        if !reached && (batch.closing || queue.is_closed()) {
            return;
        }
    }
}

fn send(agent: &ureq::Agent, url: &str, body: &Value) -> Result<(), String> {
    let request = agent.post(url).content_type("application/json");
    request.send(body.to_string()).map(drop).map_err(|error| error.to_string())
}
