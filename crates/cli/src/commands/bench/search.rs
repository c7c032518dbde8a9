//! `memoryscope bench search`: how fast a server searches memories that are made up.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use memoryscope_load::bench::search::{self, Found, Lag, Plan, Report, Searched, Size};
use memoryscope_load::http::Target;
use memoryscope_load::launch::Place;

use super::{described_bytes, middle, new_run, number, own_server, time};
use crate::commands::{print, table};
use crate::wiring;

/// Numbers of people and memories that fit a machine.
const MEMORIES_MAX: u64 = 100_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many memories to search; several numbers, separated by commas, to see how it grows.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=MEMORIES_MAX))]
    memories: Vec<u64>,
    /// Users whom the memories are spread over, each of whom searches their own.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MEMORIES_MAX))]
    scopes: u64,
    /// Connections that search at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8_000))]
    connections: u16,
    /// How long each measurement takes, such as 5s or 300ms.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    duration: Duration,
    /// How long each is preceded by searches that do not count.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    warm_up: Duration,
    /// How often each kind of search is measured; the kinds take turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repeats: u32,
    /// Writes a second beside which it is measured last how soon what is written is found.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    writes_per_second: u32,
    /// Memories that are written and looked for then; 0 leaves it out.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    probes: u32,
    /// What the texts are made of: the same number, the same texts.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Ask a server that runs; it is written to. Default: one that is started for it, on a temporary store.
    #[arg(long, value_name = "http://HOST:PORT", conflicts_with_all = ["database_url", "words_only"])]
    url: Option<String>,
    /// The database of the server that is started: sqlite://PATH or postgresql://… It is written to and left so.
    #[arg(long, visible_alias = "database", value_name = "URL")]
    database_url: Option<String>,
    /// Start the server without a model, so that it searches by words alone.
    #[arg(long)]
    words_only: bool,
    /// How long to wait for vectors after memories are stored, such as 600s.
    #[arg(long, value_name = "TIME", default_value = "1800s", value_parser = time)]
    timeout: Duration,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Does what the command line says; exit code 1 when an answer was wrong.
///
/// # Errors
/// When the server cannot be started, reached or prepared.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.duration.is_zero() {
        bail!("--duration must be more than nothing");
    }
    let place = match &args.url {
        Some(url) => Place::Running(Target::parse(url)?),
        None => Place::Own(own_server(args.database_url)?),
    };
    let mut sizes = args.memories;
    sizes.sort_unstable();
    sizes.dedup();
    let plan = Plan {
        sizes,
        scopes: args.scopes,
        connections: args.connections.into(),
        duration: args.duration,
        warm_up: args.warm_up,
        repeats: args.repeats,
        writes_per_second: args.writes_per_second,
        probes: args.probes,
        seed: args.seed,
        words_only: args.words_only,
        patience: args.timeout,
        run: new_run("search"),
    };
    // Where the limit cannot be raised, opening the connections says so.
    let _ = rlimit::increase_nofile_limit(u64::from(args.connections) + 64);
    let report = wiring::until_stopped(search::run(&plan, place))?;
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { described(&report) })?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn described(report: &Report) -> String {
    let users = if report.scopes == 1 { "one user".to_owned() } else { format!("{} users", report.scopes) };
    let mut parts = vec![format!(
        "memories of {users}, {} connections, {} s, {} repeats, seed {}, {} processors\n\
         medians, and in brackets the smallest and the largest",
        report.connections, report.duration_seconds, report.repeats, report.seed, report.processors,
    )];
    parts.extend(report.sizes.iter().map(size));
    parts.extend(report.lag.as_ref().map(lag));
    if !report.wrong.is_empty() {
        parts.push(format!("WRONG:\n  {}", report.wrong.join("\n  ")));
    }
    parts.join("\n\n")
}

fn size(size: &Size) -> String {
    let ranked = match &size.vectors {
        Some(vectors) => format!(
            "by words and meaning ({}), all vectors made {:.0} ms after the last write",
            vectors.model.as_deref().unwrap_or("a model"),
            vectors.lag_ms
        ),
        None => "by words alone".to_owned(),
    };
    let bytes = size.database_bytes.map(|bytes| format!(", {}", described_bytes(bytes)));
    let header = [
        "SEARCH",
        "HITS",
        "P50 MS",
        "P95 MS",
        "P99 MS",
        "P50 OF LIVE ×",
        "P50 GROWTH ×",
        "SEARCHES/S",
        "OF LIVE %",
        "SERVER CPU µS",
        "ERRORS",
    ];
    format!(
        "{} memories, stored at {:.0} a second{}; searched {ranked}\nlive: p50 {} ms, {} a second\n{}",
        size.memories,
        size.stored_per_second,
        bytes.unwrap_or_default(),
        number(size.floor.p50_ms, 1.0, 3),
        number(size.floor.requests_per_second, 1.0, 0),
        table(header, size.searches.iter().map(row)),
    )
}

fn row(searched: &Searched) -> [String; 11] {
    [
        searched.kind.name().to_owned(),
        searched.hits.to_string(),
        number(searched.p50_ms, 1.0, 2),
        number(searched.p95_ms, 1.0, 2),
        number(searched.p99_ms, 1.0, 2),
        number(searched.p50_of_floor, 1.0, 0),
        searched.p50_growth.map_or_else(|| "-".to_owned(), |growth| format!("{growth:.2}")),
        number(searched.requests_per_second, 1.0, 0),
        number(searched.share_of_floor, 100.0, 1),
        middle(searched.server_cpu_us),
        searched.errors.to_string(),
    ]
}

fn lag(lag: &Lag) -> String {
    let row = |name: &str, found: &Found| {
        let ms = [found.p50_ms, found.p99_ms, found.max_ms].map(|ms| format!("{ms:.1}"));
        let [p50, p99, max] = ms;
        [name.to_owned(), format!("{} of {}", found.at_once, lag.probes), p50, p99, max]
    };
    let meaning = lag.by_meaning.as_ref().map(|found| row("by meaning", found));
    let rows = std::iter::once(row("by words", &lag.by_words)).chain(meaning);
    let without = match lag.by_meaning {
        Some(_) => "",
        None => "\nnot by meaning: the server has no model that it searches with",
    };
    format!(
        "from a write's acknowledgement to the answer that finds it, beside {:.0} writes a second ({} were asked for)\n{}{without}",
        lag.written_per_second,
        lag.writes_per_second,
        table(["FOUND", "AT ONCE", "P50 MS", "P99 MS", "MAX MS"], rows),
    )
}
