//! `memoryscope bench`: how many requests a second a server answers, and how well it finds.

mod recall;
mod search;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use memoryscope_load::bench::{self, Case, CaseReport, Families, Place, Plan, Report};
use memoryscope_load::http::Target;
use memoryscope_load::launch::{DatabaseBytes, Launcher};
use memoryscope_load::stats::Spread;

use super::{print, table};
use crate::wiring;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Measure a server that runs. Default: one that is started for it, on a temporary store.
    #[arg(long, value_name = "http://HOST:PORT", conflicts_with_all = ["database_url", "cold_start", "compare"])]
    url: Option<String>,
    /// Compare two servers that run, in turns; ratios are of the second to the first.
    #[arg(long, value_names = ["URL_A", "URL_B"], num_args = 2, conflicts_with_all = ["database_url", "cold_start"])]
    compare: Option<Vec<String>>,
    /// The database of the server that is started: sqlite://PATH or postgresql://… It is written to and left so.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// What to measure beside `live`, separated by commas: create, read10, read1000, mix, ingest, derive, query100,
    /// querylarge, querydenied, reconstruct, reinforce, explain, replay, additem, addgraph, addbatch, searchitems.
    /// Default: all.
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    cases: Vec<Case>,
    /// Connections that ask at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=8_000))]
    connections: u16,
    /// How long each measurement takes, such as 5s or 300ms.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    duration: Duration,
    /// How long each is preceded by requests that do not count.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    warm_up: Duration,
    /// How often each case is measured; the cases take turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repeats: u32,
    /// Users whom the requests are spread over; reads of 1,000 memories over a tenth of them.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Memories to put into the store first, ten of each of further users.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    preload: u64,
    /// Events in the one scope that querylarge reads, and in that of querydenied.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    large_scope: u32,
    /// Measure last how the rate of storing changes while so many events are stored in batches. Without a number: 100000.
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "100000", default_value_t = 0)]
    growth: u64,
    /// Measure too how long it takes to revoke a memory with 1,000 descendants, for so many of them. Without a number: 10.
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "10", default_value_t = 0)]
    families: u32,
    /// Measure too how long a start takes until the server is ready, as often as `--repeats` says.
    #[arg(long)]
    cold_start: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What else there is to measure.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure how much of what answers a question is found, with conversations in LoCoMo's format.
    Recall(recall::Args),
    /// Measure how fast memories that are made up are searched, and how soon what is written is found.
    Search(search::Args),
}

/// A time with its unit.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a number with its unit, such as 5s or 300ms".to_owned();
    let (digits, unit_ms) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1_000),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = number.checked_mul(unit_ms).filter(|millis| *millis <= 3_600_000);
    millis.map(Duration::from_millis).ok_or_else(|| "must be at most 3600s".to_owned())
}

/// Does what the command line says; exit code 1 when an answer was wrong.
///
/// # Errors
/// When a server cannot be started, reached or prepared.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        Some(What::Recall(args)) => return recall::run(args),
        Some(What::Search(args)) => return search::run(args),
        None => {}
    }
    if args.duration.is_zero() {
        bail!("--duration must be more than nothing");
    }
    let place = match (&args.url, args.compare.as_deref()) {
        (Some(url), _) => Place::Running(Target::parse(url)?),
        (None, Some([a, b])) => Place::Both(Box::new([Target::parse(a)?, Target::parse(b)?])),
        _ => Place::Own(own_server(args.database_url)?),
    };
    let plan = Plan {
        connections: args.connections.into(),
        duration: args.duration,
        warm_up: args.warm_up,
        repeats: args.repeats,
        cases: if args.cases.is_empty() { Case::ALL.to_vec() } else { args.cases },
        users: args.users,
        preload: args.preload,
        large_scope: args.large_scope,
        growth: args.growth,
        families: args.families,
        cold_start: args.cold_start,
        run: new_run("bench"),
    };
    // As many connections as were asked for; where the limit cannot be raised, opening them says so.
    let _ = rlimit::increase_nofile_limit(u64::from(args.connections) + 64);
    let report = wiring::until_stopped(bench::run(&plan, place))?;
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { described(&report) })?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Servers of this program on the given database, or else on a temporary one.
fn own_server(database_url: Option<String>) -> anyhow::Result<Launcher> {
    let own = std::env::current_exe().context("the path of this program is not known")?;
    Ok(Launcher::new(own, database_url)?)
}

/// A name that no other run has.
pub(super) fn new_run(kind: &str) -> String {
    format!("{kind}-{}", wiring::hex(&wiring::random_key()[..6]))
}

fn families(families: &Families) -> String {
    format!(
        "revoking a memory with {} descendants of {} generations takes {} ms ({} were revoked)",
        families.descendants,
        families.generations,
        number(families.revoke_ms, 1.0, 1),
        families.revoked,
    )
}

fn described(report: &Report) -> String {
    let mut parts = vec![format!(
        "{} connections, {} s after {} s of warm-up, {} repeats, {} users, {} memories preloaded, {} processors\n\
         medians, and in brackets the smallest and the largest",
        report.connections,
        report.duration_seconds,
        report.warm_up_seconds,
        report.repeats,
        report.users,
        report.preloaded,
        report.processors,
    )];
    if let Some(start) = &report.cold_start {
        let again = number(start.again_ms, 1.0, 0);
        parts.push(format!("ready after {:.0} ms the first time, then after {again} ms", start.first_ms));
    }
    for server in &report.servers {
        let version = server.version.as_deref().unwrap_or("unknown");
        let on = server.database.as_ref().map(|database| format!(", on {database}")).unwrap_or_default();
        let header = [
            "CASE",
            "REQUESTS/S",
            "OF LIVE %",
            "P50 MS",
            "P99 MS",
            "MAX MS",
            "SERVER CPU µS",
            "OWN CPU µS",
            "RSS MIB",
            "ERRORS",
        ];
        let rows = table(header, server.cases.iter().map(row));
        parts.push(format!("{} (version {version}{on})\n{rows}", server.url));
        parts.extend(server.families.as_ref().map(families));
        if let Some(growth) = &server.growth {
            parts.push(format!(
                "{} events stored in {:.0} s, in batches: {:.0} a second at the start, {:.0} at the end ({:.2} of it)",
                growth.memories,
                growth.seconds,
                growth.start_per_second,
                growth.end_per_second,
                growth.ratio,
            ));
        }
    }
    if !report.ratios.is_empty() {
        let header = ["CASE", "REQUESTS/S ×", "P50 ×", "P99 ×"];
        let rows = report.ratios.iter().map(|ratio| {
            let times = |spread| number(spread, 1.0, 2);
            [
                ratio.case.name().to_owned(),
                times(ratio.requests_per_second),
                times(ratio.p50_ms),
                times(ratio.p99_ms),
            ]
        });
        parts.push(format!("the second as a multiple of the first\n{}", table(header, rows)));
    }
    if !report.wrong.is_empty() {
        parts.push(format!("WRONG:\n  {}", report.wrong.join("\n  ")));
    }
    parts.join("\n\n")
}

fn row(case: &CaseReport) -> [String; 10] {
    [
        case.case.name().to_owned(),
        number(case.requests_per_second, 1.0, 0),
        number(case.share_of_floor, 100.0, 1),
        number(case.p50_ms, 1.0, 2),
        number(case.p99_ms, 1.0, 2),
        number(case.max_ms, 1.0, 1),
        middle(case.server_cpu_us),
        middle(case.generator_cpu_us),
        case.server_rss_mib.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.0}")),
        case.errors.to_string(),
    ]
}

/// The middle and the ends, in another unit; a dash where nothing was measured.
fn number(spread: Option<Spread>, times: f64, digits: usize) -> String {
    let Some(Spread { median, min, max }) = spread else { return "-".to_owned() };
    let text = |value: f64| format!("{:.digits$}", value * times);
    match min == max {
        true => text(median),
        false => format!("{} ({}..{})", text(median), text(min), text(max)),
    }
}

/// How large a database is.
fn described_bytes(bytes: DatabaseBytes) -> String {
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    format!("{:.1} MiB, and {:.1} in its log", mib(bytes.file), mib(bytes.log))
}

/// The middle only.
fn middle(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| format!("{:.0}", spread.median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(time("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(time("300ms"), Ok(Duration::from_millis(300)));
        for wrong in ["5", "s", "-1s", "1.5s", "2h", ""] {
            assert_eq!(
                time(wrong),
                Err("must be a number with its unit, such as 5s or 300ms".to_owned()),
                "{wrong}"
            );
        }
        assert_eq!(time("3601s"), Err("must be at most 3600s".to_owned()));
    }

    #[test]
    fn spreads_are_written_with_their_ends() {
        assert_eq!(number(None, 1.0, 0), "-");
        assert_eq!(number(Spread::of([2.0]), 1.0, 1), "2.0");
        assert_eq!(number(Spread::of([0.1, 0.2, 0.4]), 100.0, 0), "20 (10..40)");
    }
}
