//! What came out.

use serde::Serialize;

use super::super::report::Repeat;
use super::super::window::Sample;
use super::lag::Lag;
use super::text::Kind;
use crate::launch::DatabaseBytes;
use crate::stats::Spread;

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where the server is.
    pub url: String,
    /// What it says it is.
    pub version: Option<String>,
    /// What its database is, where it was started here: `sqlite` or `postgresql`.
    pub database: Option<String>,
    /// Processors of this machine.
    pub processors: usize,
    /// Users whose memories they are.
    pub scopes: u64,
    /// Connections that search at once.
    pub connections: usize,
    /// The length of each measurement.
    pub duration_seconds: f64,
    /// How often each was repeated.
    pub repeats: u32,
    /// Of what the texts are made.
    pub seed: u64,
    /// Each size of the store, the smallest first.
    pub sizes: Vec<Size>,
    /// How soon what is written is found, with as many memories as there were last.
    pub lag: Option<Lag>,
    /// What went wrong, the first of each measurement.
    pub wrong: Vec<String>,
    /// Whether all answers were right, and there were some to every kind of search.
    pub ok: bool,
}

/// What was measured with so many memories.
#[derive(Debug, Clone, Serialize)]
pub struct Size {
    /// How many.
    pub memories: u64,
    /// How fast those were stored that were not there before, in batches.
    pub stored_per_second: f64,
    /// Who made vectors, and how long it took. None: it was ranked by words only.
    pub vectors: Option<VectorsReport>,
    /// How large its file is after they were stored; only of SQLite, and of a server started here.
    pub database_bytes: Option<DatabaseBytes>,
    /// `GET /healthz/live`, which touches no store.
    pub floor: Floor,
    /// Each kind of search.
    pub searches: Vec<Searched>,
}

/// Who makes vectors, and how fast.
#[derive(Debug, Clone, Serialize)]
pub struct VectorsReport {
    /// The model's id, where it is told.
    pub model: Option<String>,
    /// From the last acknowledged batch until all vectors were made.
    pub lag_ms: f64,
}

/// What searches are held to.
#[derive(Debug, Clone, Serialize)]
pub struct Floor {
    /// Requests answered in a second.
    pub requests_per_second: Option<Spread>,
    /// The time within which half of them were answered.
    pub p50_ms: Option<Spread>,
}

impl Floor {
    pub(super) fn of(floors: &[Repeat]) -> Self {
        Self {
            requests_per_second: Spread::of(floors.iter().map(|floor| floor.requests_per_second)),
            p50_ms: Spread::of(floors.iter().map(|floor| floor.p50_ms)),
        }
    }
}

/// All repeats of one kind of search.
#[derive(Debug, Clone, Serialize)]
pub struct Searched {
    /// Which.
    pub kind: Kind,
    /// Memories in the answer to the first of them.
    pub hits: usize,
    /// Of all repeats together.
    pub requests: u64,
    /// Of all repeats together.
    pub errors: u64,
    /// The time within which half of a repeat's were answered.
    pub p50_ms: Option<Spread>,
    /// The time within which 95 of 100 were.
    pub p95_ms: Option<Spread>,
    /// The time within which 99 of 100 were.
    pub p99_ms: Option<Spread>,
    /// The first as a multiple of the floor's in the same repeat.
    pub p50_of_floor: Option<Spread>,
    /// The median of the first as a multiple of what it was with the fewest memories; none with these.
    pub p50_growth: Option<f64>,
    /// Searches answered in a second.
    pub requests_per_second: Option<Spread>,
    /// That as a part of what the floor had in the same repeat.
    pub share_of_floor: Option<Spread>,
    /// Processor time of the server, in microseconds a search. Only of a server that was started here.
    pub server_cpu_us: Option<Spread>,
}

impl Searched {
    pub(super) fn of(kind: Kind, hits: usize, samples: Vec<(Sample, Repeat)>, floors: &[Repeat]) -> Self {
        let (mut p95, mut repeats) = (Vec::new(), Vec::new());
        for (mut sample, repeat) in samples {
            p95.extend(sample.latencies.quantiles_ms([0.95]));
            repeats.push(repeat);
        }
        let spread = |of: fn(&Repeat) -> Option<f64>| Spread::of(repeats.iter().filter_map(of));
        let pairs = repeats.iter().zip(floors).filter(|(_, floor)| floor.p50_ms > 0.0);
        Self {
            kind,
            hits,
            requests: repeats.iter().map(|repeat| repeat.requests).sum(),
            errors: repeats.iter().map(|repeat| repeat.errors).sum(),
            p50_ms: spread(|repeat| Some(repeat.p50_ms)),
            p95_ms: Spread::of(p95),
            p99_ms: spread(|repeat| Some(repeat.p99_ms)),
            p50_of_floor: Spread::of(pairs.map(|(repeat, floor)| repeat.p50_ms / floor.p50_ms)),
            p50_growth: None,
            requests_per_second: spread(|repeat| Some(repeat.requests_per_second)),
            share_of_floor: spread(|repeat| repeat.share_of_floor),
            server_cpu_us: spread(|repeat| repeat.server_cpu_us),
        }
    }

    /// Tells how it grew, by what was measured with the fewest memories.
    pub(super) fn grown_since(&mut self, first: &[Self]) {
        let before = first.iter().find(|before| before.kind == self.kind).and_then(|before| before.p50_ms);
        if let (Some(now), Some(before)) = (self.p50_ms, before.filter(|before| before.median > 0.0)) {
            self.p50_growth = Some(now.median / before.median);
        }
    }
}
