//! `memoryscope copy`: everything of one database, brought into another, of whichever engine.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use memoryscope_store::PostgresConfig;
use memoryscope_store::transfer::{Place, Progress, Report, Transfer};
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::{print, table};
use crate::config::DatabaseUrl;
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The database to read; its server must be stopped. Default: DATABASE_URL.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The database to fill: a new file, an empty one, or one with a part of the same copy. Default: DATABASE_URL.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    if args.from.is_none() && args.to.is_none() {
        bail!("name the other database with --from or --to: one of the two is DATABASE_URL if left out");
    }
    if args.to.is_none() && config.database.origin.is_default() {
        bail!("name the target with --to or DATABASE_URL: a default is no place that somebody meant");
    }
    let url = |flag: &str, given: &Option<String>| match given {
        Some(text) => parse(flag, text),
        None => Ok(config.database.value.clone()),
    };
    let (from, to) = (url("--from", &args.from)?, url("--to", &args.to)?);
    let transfer = Transfer::new(place(&from)?, place(&to)?);
    let mut bar = Bar::new();
    let copied = wiring::runtime()?.block_on(transfer.run(&mut |progress| {
        bar.show(&progress);
        ControlFlow::Continue(())
    }));
    bar.end();
    let report = copied.with_context(|| format!("cannot copy {from} to {to}"))?;
    if args.json {
        print(&serde_json::to_string_pretty(&described(&from, &to, &report))?)?;
    } else {
        tell(&from, &to, &report)?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A URL of a flag. It may hold a password, so it is not quoted.
fn parse(flag: &str, text: &str) -> anyhow::Result<DatabaseUrl> {
    DatabaseUrl::parse(text).map_err(|why| {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        anyhow!("{flag} must be sqlite://PATH or postgresql://USER:PASSWORD@HOST/DATABASE{why}")
    })
}

fn place(url: &DatabaseUrl) -> anyhow::Result<Place> {
    Ok(match url {
        DatabaseUrl::Sqlite(path) => Place::Sqlite(path.clone()),
        DatabaseUrl::Postgres(url) => Place::Postgres(Box::new(PostgresConfig::url(url)?)),
    })
}

fn tell(from: &DatabaseUrl, to: &DatabaseUrl, report: &Report) -> anyhow::Result<()> {
    let rows = report.tables.iter().map(|one| {
        [one.table.to_owned(), one.source.to_string(), one.target.to_string(), one.written.to_string()]
    });
    let mut text = table(["TABLE", "SOURCE", "TARGET", "WRITTEN NOW"], rows);
    for moved in &report.moved {
        text.push_str(&format!(
            "\n{} was copied anew: its chain had moved from {} to {}",
            moved.tenant.as_str(),
            moved.was,
            moved.is
        ));
    }
    for one in &report.differences {
        text.push_str(&format!("\n{}: {} is NOT the same on both sides", one.tenant.as_str(), one.table));
    }
    for (tenant, found) in &report.chains {
        if let Some(broken) = &found.first_broken {
            let (seq, why) = (broken.seq, broken.reason.name());
            text.push_str(&format!("\nthe chain of {} is BROKEN at {seq}: {why}", tenant.as_str()));
        }
    }
    let count: u64 = report.tables.iter().map(|table| table.source).sum();
    let entries: u64 = report.chains.iter().map(|(_, found)| found.entries).sum();
    let chains = report.chains.len();
    if report.is_good() {
        let hold = if chains == 1 { "chain that holds" } else { "chains that hold" };
        text.push_str(&format!(
            "\ncopied {from} to {to}: {count} rows, all the same, {entries} audit entries in {chains} {hold}"
        ));
    } else {
        text.push_str(&format!("\n{to} is not what {from} is, and no server opens it"));
    }
    print(&text)
}

fn described(from: &DatabaseUrl, to: &DatabaseUrl, report: &Report) -> Value {
    let tables = report.tables.iter().map(
        |one| json!({"table": one.table, "source": one.source, "target": one.target, "written": one.written}),
    );
    let moved =
        report.moved.iter().map(|one| json!({"tenant": one.tenant.as_str(), "was": one.was, "is": one.is}));
    let differences =
        report.differences.iter().map(|one| json!({"tenant": one.tenant.as_str(), "table": one.table}));
    let chains = report.chains.iter().map(|(tenant, found)| {
        json!({
            "tenant": tenant.as_str(),
            "ok": found.ok,
            "entries": found.entries,
            "head": found.head.hash.to_string(),
            "first_broken_seq": found.first_broken.as_ref().map(|broken| broken.seq),
            "reason": found.first_broken.as_ref().map(|broken| broken.reason.name()),
        })
    });
    json!({
        "ok": report.is_good(),
        "from": from.to_string(),
        "to": to.to_string(),
        "tables": tables.collect::<Vec<_>>(),
        "moved": moved.collect::<Vec<_>>(),
        "differences": differences.collect::<Vec<_>>(),
        "chains": chains.collect::<Vec<_>>(),
    })
}

/// A bar on standard error; nothing where that is no terminal. Every row passes it twice: copied, and compared.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        Self(match ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows {eta} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn show(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Counted { rows, done } => {
                self.0.set_length(rows * 2);
                self.0.set_position(*done);
            }
            Progress::Again(moved) => {
                let tenant = moved.tenant.as_str();
                let line =
                    format!("{tenant} has moved from {} to {}: it is copied anew", moved.was, moved.is);
                self.0.suspend(|| tracing::warn!("{line}"));
            }
            Progress::Copied { table, rows } => {
                self.0.set_message(format!("copying {table}"));
                self.0.inc(*rows);
            }
            Progress::Compared { table, rows } => {
                self.0.set_message(format!("comparing {table}"));
                self.0.inc(*rows);
            }
            Progress::Chain(at, count) => self.0.set_message(format!("walking chain {at} of {count}")),
        }
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
