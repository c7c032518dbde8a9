//! Searching memories that are made up: how fast, how that grows with the store, and how soon what was written is found.
//!
//! Everything goes over the wire: the memories in batches of `/v2`, the searches and single writes through `/v1`.

mod lag;
mod report;
mod text;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use self::lag::{Found, Lag};
pub use self::report::{Floor, Report, Searched, Size, VectorsReport};
pub use self::text::Kind;
use self::text::Texts;
use super::case::{Case, Requests};
use super::core;
use super::prepare::{self, Batches};
use super::report::Repeat;
use super::window::{self, Load, Sample};
use crate::Failure;
use crate::http::{Connection, Target};
use crate::launch::{Opened, Place};
use crate::progress;
use crate::vectors::Vectors;

/// Different searches of each kind; they take turns.
const SEARCHES: u64 = 200;
/// Memories that a search answers.
const HITS: usize = 20;
/// So many wrong answers are told.
const WRONG_TOLD: usize = 10;

/// What to measure, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many memories there are when it is searched: at least one number, each at least 1, the smallest first.
    pub sizes: Vec<u64>,
    /// Users whose memories they are, in turn; at least 1. Each searches their own.
    pub scopes: u64,
    /// Connections that search at once, at least 1.
    pub connections: usize,
    /// The length of each measurement.
    pub duration: Duration,
    /// What each is preceded by, and is not counted.
    pub warm_up: Duration,
    /// How often each kind is measured, at least 1.
    pub repeats: u32,
    /// Writes a second beside which it is looked how soon what is written is found; 0 for none.
    pub writes_per_second: u32,
    /// How many memories are written and looked for so; 0 for none.
    pub probes: u32,
    /// Of what the texts are made.
    pub seed: u64,
    /// Whether a server that is started has no model.
    pub words_only: bool,
    /// How long it is waited for vectors.
    pub patience: Duration,
    /// What the names of all users begin with; another for each run.
    pub run: String,
}

impl Plan {
    /// Whose the n-th memory is.
    fn user(&self, n: u64) -> String {
        format!("{}-{}", self.run, n % self.scopes.max(1))
    }
}

/// What asks for a user's memories.
fn searching(target: &Target, user: &str, query: &str) -> Vec<u8> {
    let path = format!("/v1/memory/search?max_memories={HITS}");
    target.post(&path, &[], &json!({"query": query, "external_user_id": user}))
}

/// Measures what the plan says.
///
/// # Errors
/// When the server cannot be started, reached or prepared. Wrong answers are part of the report.
pub async fn run(plan: &Plan, place: Place) -> Result<Report, Failure> {
    let server = place.open(plan.words_only).await?;
    let texts = Texts::new(plan.seed);
    let (mut sizes, mut wrong, mut stored) = (Vec::<Size>::new(), Vec::new(), 0);
    for size in &plan.sizes {
        let began = Instant::now();
        store(&server.target, plan, &texts, stored..*size).await?;
        let seconds = began.elapsed().as_secs_f64();
        let (acknowledged, added) = (Instant::now(), size - stored);
        let vectors = Vectors::all_made(&server.target, plan.patience).await?.map(|made| VectorsReport {
            model: made.model,
            lag_ms: acknowledged.elapsed().as_secs_f64() * 1e3,
        });
        stored = *size;
        let (floor, mut searches) =
            searched(&server, plan, &texts, *size, vectors.is_some(), &mut wrong).await?;
        if let Some(first) = sizes.first() {
            searches.iter_mut().for_each(|searched| searched.grown_since(&first.searches));
        }
        sizes.push(Size {
            memories: *size,
            stored_per_second: added as f64 / seconds.max(1e-9),
            vectors,
            database_bytes: server.database_bytes(),
            floor,
            searches,
        });
    }
    let lag = match plan.probes {
        0 => None,
        _ => Some(lag::measure(&server.target, plan, &texts, stored).await?),
    };
    let all = || sizes.iter().flat_map(|size| &size.searches);
    let ok = wrong.is_empty() && all().all(|searched| searched.errors == 0 && searched.requests > 0);
    wrong.truncate(WRONG_TOLD);
    Ok(Report {
        url: server.target.url().to_owned(),
        version: server.target.version().await,
        database: server.database(),
        processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        scopes: plan.scopes,
        connections: plan.connections,
        duration_seconds: plan.duration.as_secs_f64(),
        repeats: plan.repeats,
        seed: plan.seed,
        sizes,
        lag,
        wrong,
        ok,
    })
}

/// Stores these memories, in batches.
async fn store(
    target: &Target,
    plan: &Plan,
    texts: &Texts,
    numbers: std::ops::Range<u64>,
) -> Result<(), Failure> {
    let count = numbers.end.saturating_sub(numbers.start);
    let bar = progress::bar(count, "memories stored");
    let nth = |n: u64| {
        let n = numbers.start + n;
        core::event_saying(&plan.user(n), &texts.text(n))
    };
    prepare::store(target, count, &nth, &Batches::CORE, &bar).await?;
    bar.finish_and_clear();
    Ok(())
}

/// What is searched of one kind.
struct Searching {
    kind: Kind,
    requests: Vec<Vec<u8>>,
    /// Memories in the answer to the first.
    hits: usize,
    samples: Vec<(Sample, Repeat)>,
}

/// Measures each kind of search, and the floor before them, as often as the plan says.
async fn searched(
    server: &Opened,
    plan: &Plan,
    texts: &Texts,
    size: u64,
    has_vectors: bool,
    wrong: &mut Vec<String>,
) -> Result<(Floor, Vec<Searched>), Failure> {
    let target = &server.target;
    let kinds = Kind::BY_WORDS.into_iter().chain(has_vectors.then_some(Kind::Meaning));
    let mut all = Vec::new();
    for kind in kinds {
        let count = SEARCHES.min(size);
        let nth = |n: u64| n * size / count;
        let of = |n: u64| searching(target, &plan.user(n), &texts.query(n, kind));
        let requests: Vec<Vec<u8>> = (0..count).map(|n| of(nth(n))).collect();
        let hits = look_once(target, kind, &requests[0], &texts.text(nth(0))).await?;
        all.push(Searching { kind, requests, hits, samples: Vec::new() });
    }
    let bar = progress::bar(u64::from(plan.repeats) * (all.len() as u64 + 1), "measurements");
    let process = server.process();
    let load = Load { connections: plan.connections, warm_up: plan.warm_up, duration: plan.duration };
    let mut floors = Vec::new();
    for _ in 0..plan.repeats {
        let live = Requests::new(Case::Live, target, &[]);
        let mut sample = window::measure(target, process.as_ref(), live, load).await?;
        let floor = Repeat::of(&mut sample, None);
        bar.inc(1);
        for searching in &mut all {
            bar.set_message(searching.kind.name());
            let requests = Requests::given(Case::SearchItems, target, searching.requests.clone());
            let mut sample = window::measure(target, process.as_ref(), requests, load).await?;
            let of = searching.kind.name();
            wrong.extend(sample.first_wrong.as_ref().map(|first| format!("{of} of {size}: {}", first.0)));
            let repeat = Repeat::of(&mut sample, Some(&floor));
            searching.samples.push((sample, repeat));
            bar.inc(1);
        }
        floors.push(floor);
    }
    bar.finish_and_clear();
    let searched =
        all.into_iter().map(|one| Searched::of(one.kind, one.hits, one.samples, &floors)).collect();
    Ok((Floor::of(&floors), searched))
}

/// Asks once, and answers how many memories were found: what is looked for by its own words must be among them.
async fn look_once(target: &Target, kind: Kind, request: &[u8], text: &str) -> Result<usize, Failure> {
    let preparing = |why: &dyn std::fmt::Display| Failure::Preparing(format!("{}: {why}", kind.name()));
    let mut connection = Connection::open(target).await.map_err(|fault| preparing(&fault))?;
    let answer = connection.exchange(request).await.map_err(|fault| preparing(&fault))?;
    let found = contents(&answer.json());
    match found {
        Some(found) if kind != Kind::Rare || found.iter().any(|content| content == text) => Ok(found.len()),
        Some(_) => Err(preparing(&"what was stored is not found by its own words")),
        None => Err(preparing(&format!("a search is answered {} {}", answer.status, answer.message()))),
    }
}

/// What the memories say that a search answers; none of no answer.
fn contents(answer: &Value) -> Option<Vec<String>> {
    let memories = answer["data"]["memories"].as_array()?;
    Some(memories.iter().filter_map(|memory| memory["content"].as_str()).map(str::to_owned).collect())
}
