//! What came out: numbers of one repeat, and their spread over all of them.

use serde::Serialize;

use super::case::Case;
use super::family::Families;
use super::growth::Growth;
use super::window::Sample;
use crate::stats::Spread;

/// One repeat of one case, in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Repeat {
    /// Requests answered rightly within the window.
    pub requests: u64,
    /// Requests that were answered wrongly, or not at all; those of the warm-up too.
    pub errors: u64,
    /// Requests answered in a second.
    pub requests_per_second: f64,
    /// The time within which half of them were answered, in milliseconds.
    pub p50_ms: f64,
    /// The time within which 99 of 100 were.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Requests a second as a part of what the floor had in the same repeat; none for the floor.
    pub share_of_floor: Option<f64>,
    /// Processor time of the server, in microseconds a request. Only of a server that was started here.
    pub server_cpu_us: Option<f64>,
    /// Processor time of this process, in microseconds a request.
    pub generator_cpu_us: Option<f64>,
    /// The memory of the server at the end of the window, in MiB.
    pub server_rss_mib: Option<f64>,
}

impl Repeat {
    pub(super) fn of(sample: &mut Sample, floor: Option<&Self>) -> Self {
        let requests_per_second = sample.requests as f64 / sample.seconds;
        let [p50_ms, p99_ms, max_ms] = sample.latencies.quantiles_ms([0.5, 0.99, 1.0]);
        let each = |micros: Option<u64>| micros.map(|all| all as f64 / sample.requests.max(1) as f64);
        Self {
            requests: sample.requests,
            errors: sample.errors,
            requests_per_second,
            p50_ms,
            p99_ms,
            max_ms,
            share_of_floor: floor
                .filter(|floor| floor.requests > 0)
                .map(|floor| requests_per_second / floor.requests_per_second),
            server_cpu_us: each(sample.server_cpu_micros),
            generator_cpu_us: each(sample.generator_cpu_micros),
            server_rss_mib: sample.server_rss_kib.map(|kib| kib as f64 / 1_024.0),
        }
    }
}

/// All repeats of one case against one server.
#[derive(Debug, Clone, Serialize)]
pub struct CaseReport {
    /// Which.
    pub case: Case,
    /// Of all repeats together.
    pub requests: u64,
    /// Of all repeats together.
    pub errors: u64,
    /// The spread of [`Repeat::requests_per_second`].
    pub requests_per_second: Option<Spread>,
    /// The spread of [`Repeat::p50_ms`].
    pub p50_ms: Option<Spread>,
    /// The spread of [`Repeat::p99_ms`].
    pub p99_ms: Option<Spread>,
    /// The spread of [`Repeat::max_ms`].
    pub max_ms: Option<Spread>,
    /// The spread of [`Repeat::share_of_floor`].
    pub share_of_floor: Option<Spread>,
    /// The spread of [`Repeat::server_cpu_us`].
    pub server_cpu_us: Option<Spread>,
    /// The spread of [`Repeat::generator_cpu_us`].
    pub generator_cpu_us: Option<Spread>,
    /// The last of [`Repeat::server_rss_mib`].
    pub server_rss_mib: Option<f64>,
    /// Each of them, in the order in which they were measured.
    pub repeats: Vec<Repeat>,
}

impl CaseReport {
    pub(super) fn of(case: Case, repeats: Vec<Repeat>) -> Self {
        let spread = |of: fn(&Repeat) -> Option<f64>| Spread::of(repeats.iter().filter_map(of));
        Self {
            case,
            requests: repeats.iter().map(|repeat| repeat.requests).sum(),
            errors: repeats.iter().map(|repeat| repeat.errors).sum(),
            requests_per_second: spread(|repeat| Some(repeat.requests_per_second)),
            p50_ms: spread(|repeat| Some(repeat.p50_ms)),
            p99_ms: spread(|repeat| Some(repeat.p99_ms)),
            max_ms: spread(|repeat| Some(repeat.max_ms)),
            share_of_floor: spread(|repeat| repeat.share_of_floor),
            server_cpu_us: spread(|repeat| repeat.server_cpu_us),
            generator_cpu_us: spread(|repeat| repeat.generator_cpu_us),
            server_rss_mib: repeats.last().and_then(|repeat| repeat.server_rss_mib),
            repeats,
        }
    }
}

/// All cases against one server.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// Where it is.
    pub url: String,
    /// What it says it is.
    pub version: Option<String>,
    /// What its database is, where it was started here: `sqlite` or `postgresql`.
    pub database: Option<String>,
    /// All cases, the floor first.
    pub cases: Vec<CaseReport>,
    /// How long revoking a memory with many descendants took, where that was measured.
    pub families: Option<Families>,
    /// How the rate of storing changed while the store grew, where that was measured.
    pub growth: Option<Growth>,
}

/// How the second server did against the first, in one case.
#[derive(Debug, Clone, Serialize)]
pub struct Ratio {
    /// Which.
    pub case: Case,
    /// Requests a second of the second server, as a multiple of the first one's: one ratio for each repeat.
    pub requests_per_second: Option<Spread>,
    /// The same of [`Repeat::p50_ms`].
    pub p50_ms: Option<Spread>,
    /// The same of [`Repeat::p99_ms`].
    pub p99_ms: Option<Spread>,
}

impl Ratio {
    pub(super) fn of(first: &CaseReport, second: &CaseReport) -> Self {
        let spread = |of: fn(&Repeat) -> f64| {
            let pairs = first.repeats.iter().zip(&second.repeats).map(|(a, b)| (of(a), of(b)));
            Spread::of(pairs.filter(|(a, _)| *a > 0.0).map(|(a, b)| b / a))
        };
        Self {
            case: first.case,
            requests_per_second: spread(|repeat| repeat.requests_per_second),
            p50_ms: spread(|repeat| repeat.p50_ms),
            p99_ms: spread(|repeat| repeat.p99_ms),
        }
    }
}

/// How long a server takes from its start to its first answer that it is ready, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct ColdStart {
    /// The first start, which makes the schema where the database has none.
    pub first_ms: f64,
    /// Further starts on the store as it then is, each after the server before was killed.
    pub again_ms: Option<Spread>,
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Connections that ask at once.
    pub connections: usize,
    /// The length of each measurement.
    pub duration_seconds: f64,
    /// What each is preceded by.
    pub warm_up_seconds: f64,
    /// How often each was repeated.
    pub repeats: u32,
    /// Users whom the requests are spread over.
    pub users: u32,
    /// Memories that were put into each store first.
    pub preloaded: u64,
    /// Events in the scope of a case that reads a large one.
    pub large_scope: u32,
    /// Processors of this machine.
    pub processors: usize,
    /// Starts, where they were measured.
    pub cold_start: Option<ColdStart>,
    /// The server; with a comparison both, in the order in which they were given.
    pub servers: Vec<ServerReport>,
    /// The comparison of two servers.
    pub ratios: Vec<Ratio>,
    /// What went wrong, the first of each measurement.
    pub wrong: Vec<String>,
    /// Whether all answers were right, and there were some to every case.
    pub ok: bool,
}
