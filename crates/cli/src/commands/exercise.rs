//! `memoryscope exercise`: a test app against a running server.

use std::process::ExitCode;

use memoryscope_load::exercise::{self, Plan, Report};
use memoryscope_load::http::Target;

use super::{bench, print, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server.
    #[arg(long, value_name = "http://HOST:PORT", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// People to make up.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Memories of each of them; six have every scope and every shape.
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    memories: u32,
    /// What the data are made of: the same number, the same data.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Requests under way at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    concurrency: u16,
    /// What the names of the users begin with. Default: something new each time, so that runs do not meet.
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    run: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Names of runs are part of users' names and of request ids.
fn run_name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len());
    match fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        true => Ok(text.to_owned()),
        false => Err("must be 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()),
    }
}

/// Does what the command line says; exit code 1 when anything was not as expected.
///
/// # Errors
/// When the server cannot be reached.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let target = Target::parse(&args.url)?;
    let plan = Plan {
        users: args.users,
        memories: args.memories,
        seed: args.seed,
        concurrency: args.concurrency.into(),
        run: args.run.unwrap_or_else(|| bench::new_run("exercise")),
    };
    let report = crate::wiring::until_stopped(exercise::run(&plan, &target))?;
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { described(&report) })?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn described(report: &Report) -> String {
    let rows = report.phases.iter().map(|phase| {
        [
            phase.phase.to_owned(),
            phase.requests.to_string(),
            phase.success.to_string(),
            phase.failed.to_string(),
            phase.rate_percent.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}")),
            format!("{:.0}", phase.requests_per_second),
        ]
    });
    let mut text = format!(
        "{} users with {} memories each, seed {}, run {}, against {} (version {})\n\n",
        report.users,
        report.memories,
        report.seed,
        report.run,
        report.url,
        report.version.as_deref().unwrap_or("unknown"),
    );
    text += &table(["PHASE", "REQUESTS", "SUCCESS", "FAILED", "RATE %", "REQUESTS/S"], rows);
    if !report.failures.is_empty() {
        text += "\n\nThe first that failed:";
    }
    for failed in &report.failures {
        let status = failed.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        text += &format!("\n  {} {status}: {}", failed.request_id, failed.message);
    }
    text += if report.ok { "\n\nEverything was as expected." } else { "\n\nNOT everything was as expected." };
    text
}
