//! One measurement: so many connections, each of which sends its next request when it has its answer.
//!
//! The window lasts as long as was asked for; with a server that is slower than that, until its first answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::case::{Requests, Round, Wrong};
use crate::Failure;
use crate::http::{Connection, Target};
use crate::process::Process;
use crate::stats::Latencies;

/// The pause between two looks whether there is a first answer.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How it is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Requests that were answered rightly within the window.
    pub(super) requests: u64,
    /// Those that were not, from the start of the warm-up on.
    pub(super) errors: u64,
    /// The first of them.
    pub(super) first_wrong: Option<Wrong>,
    pub(super) seconds: f64,
    /// Of requests that were sent within the window, the last of each connection too, which was answered after it.
    pub(super) latencies: Latencies,
    pub(super) server_cpu_micros: Option<u64>,
    pub(super) generator_cpu_micros: Option<u64>,
    pub(super) server_rss_kib: Option<u64>,
}

/// Measures one case once.
pub(super) async fn measure(
    target: &Target,
    server: Option<&Process>,
    requests: Requests,
    load: Load,
) -> Result<Sample, Failure> {
    let requests = Arc::new(requests);
    let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(target).await.map_err(unreachable)?);
    }
    let from = Instant::now() + load.warm_up;
    let window = Arc::new(Window { from, until: from + load.duration, answers: AtomicU64::new(0) });
    let mut tasks = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let round = Round::new(Arc::clone(&requests), number, load.connections);
        tasks.spawn(keep_asking(target.clone(), connection, round, Arc::clone(&window)));
    }
    let cpu = || (server.and_then(Process::cpu_micros), Process::own().cpu_micros());
    sleep_until(from).await;
    let (began, (server_before, own_before)) = (Instant::now(), cpu());
    sleep_until(window.until).await;
    while window.is_open(Instant::now()) && !tasks.is_empty() {
        sleep(LOOK_AGAIN).await;
    }
    let (took, (server_after, own_after)) = (began.elapsed(), cpu());
    let used = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
    let mut sample = Sample {
        seconds: took.as_secs_f64(),
        server_cpu_micros: used(server_before, server_after),
        generator_cpu_micros: used(own_before, own_after),
        server_rss_kib: server.and_then(Process::rss_kib),
        ..Sample::default()
    };
    while let Some(done) = tasks.join_next().await {
        // None is aborted, so a task that did not end has panicked.
        let mut done = done.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()))?;
        sample.requests += done.requests;
        sample.errors += done.errors;
        sample.first_wrong = sample.first_wrong.or(done.first_wrong);
        sample.latencies.append(&mut done.latencies);
    }
    Ok(sample)
}

/// When answers count.
#[derive(Debug)]
struct Window {
    from: Instant,
    until: Instant,
    /// How many there were in it, right and wrong.
    answers: AtomicU64,
}

impl Window {
    /// Whether an answer that comes now comes before its end.
    fn is_open(&self, now: Instant) -> bool {
        now < self.until || self.answers.load(Ordering::Relaxed) == 0
    }
}

/// Asks over one connection until the window ends. A connection that breaks is made anew; when that fails, all ends.
async fn keep_asking(
    target: Target,
    mut connection: Connection,
    mut round: Round,
    window: Arc<Window>,
) -> Result<Sample, Failure> {
    let mut sample = Sample::default();
    let mut sent = Instant::now();
    while window.is_open(sent) {
        let done = round.next(&mut connection).await;
        let answered = Instant::now();
        let counts = answered >= window.from && window.is_open(answered);
        window.answers.fetch_add(u64::from(counts), Ordering::Relaxed);
        match done {
            Ok(()) => {
                // An answer of which a part was waited for before the window says nothing of the wait within it,
                // unless there is no other.
                if sent >= window.from || (counts && answered >= window.until) {
                    sample.latencies.push(answered - sent);
                }
                sample.requests += u64::from(counts);
            }
            Err(wrong) => {
                sample.errors += 1;
                sample.first_wrong.get_or_insert(wrong);
                let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
                connection = Connection::open(&target).await.map_err(unreachable)?;
            }
        }
        sent = answered;
    }
    Ok(sample)
}
