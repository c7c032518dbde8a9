//! How soon what was written is found, while others write.
//!
//! Each probe is the one memory of a user of its own: it is found by a word as soon as the words are, and by words of the
//! same meaning as soon as its vector is made, however many others there are.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use serde::Serialize;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::text::{Kind, Texts};
use super::{Plan, contents, searching};
use crate::Failure;
use crate::http::{Connection, Target};
use crate::progress;
use crate::stats::Latencies;
use crate::vectors::Vectors;

/// The pause between two probes, so that they meet the others' writes at different times.
const PROBE_EVERY: Duration = Duration::from_millis(97);
/// The pause between two looks for a probe.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How soon what was written was found.
#[derive(Debug, Clone, Serialize)]
pub struct Lag {
    /// Memories that were written and looked for.
    pub probes: u32,
    /// Writes a second that went on meanwhile, as they were asked for.
    pub writes_per_second: u32,
    /// The same as it was.
    pub written_per_second: f64,
    /// By a word of the memory.
    pub by_words: Found,
    /// By words of the same meaning; none with a server that searches by words only.
    pub by_meaning: Option<Found>,
}

/// From the acknowledgement of a write to the answer of the first search that found it.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// How many were found by the first search that looked for them.
    pub at_once: u32,
    /// The time within which half of them were found.
    pub p50_ms: f64,
    /// The time within which 99 of 100 were.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// What is counted on the way.
#[derive(Debug, Default)]
struct Counted {
    at_once: u32,
    lags: Latencies,
}

impl Counted {
    fn found(mut self) -> Found {
        let [p50_ms, p99_ms, max_ms] = self.lags.quantiles_ms([0.5, 0.99, 1.0]);
        Found { at_once: self.at_once, p50_ms, p99_ms, max_ms }
    }
}

/// Writes and looks for probes, while memories from the number `next` on are written.
pub(super) async fn measure(target: &Target, plan: &Plan, texts: &Texts, next: u64) -> Result<Lag, Failure> {
    let has_vectors = Vectors::of(target).await?.is_some();
    let (is_done, began) = (Cell::new(false), Instant::now());
    let writing = keep_writing(target, plan, texts, next, &is_done);
    let probing = async {
        let probed = probe_all(target, plan, texts, has_vectors).await;
        is_done.set(true);
        probed
    };
    let (written, (words, meaning)) = try_join(writing, probing).await?;
    Ok(Lag {
        probes: plan.probes,
        writes_per_second: plan.writes_per_second,
        written_per_second: written as f64 / began.elapsed().as_secs_f64().max(1e-9),
        by_words: words.found(),
        by_meaning: has_vectors.then(|| meaning.found()),
    })
}

/// Writes as often as the plan says until all is done; answers how many were written.
async fn keep_writing(
    target: &Target,
    plan: &Plan,
    texts: &Texts,
    next: u64,
    is_done: &Cell<bool>,
) -> Result<u64, Failure> {
    if plan.writes_per_second == 0 {
        return Ok(0);
    }
    let mut writer = Writer::open(target).await?;
    let mut pace = interval(Duration::from_secs(1) / plan.writes_per_second);
    // Who was held up catches up: so many are written in a second, however long one takes.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut written = 0;
    while !is_done.get() {
        pace.tick().await;
        let n = next + written;
        writer.write(&plan.user(n), &texts.text(n)).await?;
        written += 1;
    }
    Ok(written)
}

async fn probe_all(
    target: &Target,
    plan: &Plan,
    texts: &Texts,
    has_vectors: bool,
) -> Result<(Counted, Counted), Failure> {
    let bar = progress::bar(u64::from(plan.probes), "probes");
    let (mut words, mut meaning) = (Counted::default(), Counted::default());
    let (mut writer, mut looker) = (Writer::open(target).await?, Writer::open(target).await?);
    let mut pace = interval(PROBE_EVERY);
    for n in 0..u64::from(plan.probes) {
        pace.tick().await;
        let (user, text) = (format!("{}-probe-{n}", plan.run), texts.text(n));
        writer.write(&user, &text).await?;
        let written = Instant::now();
        let query = texts.query(n, Kind::Rare);
        looker.find(&user, &query, &text, written, plan.patience, &mut words).await?;
        if has_vectors {
            let query = texts.query(n, Kind::Meaning);
            looker.find(&user, &query, &text, written, plan.patience, &mut meaning).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((words, meaning))
}

/// A connection that writes, or looks for what was written.
struct Writer<'a> {
    target: &'a Target,
    connection: Connection,
}

impl<'a> Writer<'a> {
    async fn open(target: &'a Target) -> Result<Self, Failure> {
        let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
        Ok(Self { target, connection: Connection::open(target).await.map_err(unreachable)? })
    }

    async fn write(&mut self, user: &str, text: &str) -> Result<(), Failure> {
        let url = || self.target.url().to_owned();
        let body = json!({"content": text, "external_user_id": user});
        let request = self.target.post("/v1/memory", &[], &body);
        let answer = self.connection.exchange(&request).await;
        let answer = answer.map_err(|cause| Failure::Unreachable { url: url(), cause })?;
        match answer.status {
            200 => Ok(()),
            status => Err(Failure::Preparing(format!("a write is answered {status} {}", answer.message()))),
        }
    }

    /// Looks for a memory until it is found.
    async fn find(
        &mut self,
        user: &str,
        query: &str,
        text: &str,
        written: Instant,
        patience: Duration,
        counted: &mut Counted,
    ) -> Result<(), Failure> {
        let url = || self.target.url().to_owned();
        let request = searching(self.target, user, query);
        let mut looks = 0_u32;
        loop {
            let answer = self.connection.exchange(&request).await;
            let answer = answer.map_err(|cause| Failure::Unreachable { url: url(), cause })?;
            let lag = written.elapsed();
            looks += 1;
            let Some(found) = contents(&answer.json()) else {
                let said = format!("a search is answered {} {}", answer.status, answer.message());
                return Err(Failure::Preparing(said));
            };
            if found.iter().any(|content| content == text) {
                counted.at_once += u32::from(looks == 1);
                counted.lags.push(lag);
                return Ok(());
            }
            if lag >= patience {
                return Err(Failure::NotFound { seconds: patience.as_secs() });
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}
