//! `memoryscope policy diff`: what changes from one policy to another.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::ProgressBar;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::policy::cases::{self, Comparison};
use memoryscope_engine::replay::{NotReplayable, Simulated};
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::policy::{load, read, wrong};
use super::{print, table};
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy as it is.
    from: PathBuf,
    /// The policy as it might come.
    to: PathBuf,
    /// A table of cases to compare them over; what the cases expect is not looked at.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Compare them over the last so many decisions of a store that can be made again. Nothing is written.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), required_unless_present = "cases")]
    last: Option<u64>,
    /// Whose decisions.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

type Recorded = Vec<Result<Simulated, NotReplayable>>;

/// Does what the command line says.
///
/// # Errors
/// When a file or the store cannot be read; that something changes is an exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (from, to) = (load(&args.from)?, load(&args.to)?);
    let of_cases = match &args.cases {
        Some(path) => {
            let compared = cases::compare(&read(path)?, &from, &to);
            Some(compared.map_err(|errors| wrong(path, &errors))?)
        }
        None => None,
    };
    let recorded = match args.last {
        Some(last) => simulated(&args.tenant, last, args.common, [&from, &to])?,
        None => Recorded::new(),
    };
    let differing: Vec<&Simulated> = recorded.iter().flatten().filter(|one| !one.is_same()).collect();
    if args.json {
        let said = json!({
            "from": &**from.version(), "to": &**to.version(), "cases": of_cases,
            "recorded": args.last.map(|_| described(&recorded, &differing)),
        });
        print(&serde_json::to_string_pretty(&said)?)?;
    } else {
        print(&told(of_cases.as_ref(), args.last.map(|_| &recorded), &differing))?;
    }
    let is_same = differing.is_empty() && of_cases.is_none_or(|compared| compared.changed == 0);
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn simulated(
    tenant: &str,
    last: u64,
    common: CommonFlags,
    policies: [&Policy; 2],
) -> anyhow::Result<Recorded> {
    let config = flags::load(common, ServerFlags::default())?;
    logging::start(&config)?;
    let tenant = TenantId::parse(tenant).context("--tenant")?;
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    wiring::until_stopped(async {
        let store = wiring::open_existing_store(&config, false).await?;
        let engine = wiring::engine(&config, store)?;
        let cx = wiring::operator(&engine, tenant);
        let decisions = engine.recent_decisions(&cx, last).await?;
        let shows = io::stderr().is_terminal();
        let bar = if shows { ProgressBar::new(decisions.len() as u64) } else { ProgressBar::hidden() };
        let mut made = Recorded::with_capacity(decisions.len());
        for stored in &decisions {
            made.push(engine.simulate(&cx, stored, policies).await?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        anyhow::Ok(made)
    })
}

fn described(recorded: &Recorded, differing: &[&Simulated]) -> Value {
    let change = |one: &&Simulated| {
        let [from, to] = one.decision.map(|decision| decision.name());
        json!({
            "access_log_id": one.log.prefixed(), "operation": one.operation, "purpose": one.purpose.name(),
            "decision": {"from": from, "to": to},
            "returned": {"from": one.returned[0], "to": one.returned[1]},
            "added": one.added, "removed": one.removed, "changed": one.changed, "answer_differs": one.answer_differs,
        })
    };
    let made = recorded.iter().filter(|one| one.is_ok()).count();
    json!({
        "evaluated": made, "changed": differing.len(), "not_replayable": recorded.len() - made,
        "changes": differing.iter().map(change).collect::<Vec<_>>(),
    })
}

fn told(of_cases: Option<&Comparison>, recorded: Option<&Recorded>, differing: &[&Simulated]) -> String {
    let mut parts = Vec::new();
    if let Some(compared) = of_cases {
        if !compared.changes.is_empty() {
            let rows = compared.changes.iter().map(|change| {
                let rules: Vec<&str> = change.rules.iter().map(|rule| &**rule).collect();
                let words = [&change.case, &change.what, &change.from, &change.to].map(Clone::clone);
                let [case, what, from, to] = words;
                [case, what, from, to, rules.join(", ")]
            });
            parts.push(table(["CASE", "WHAT", "FROM", "TO", "RULES"], rows));
        }
        parts.push(format!("{} of {} cases change", compared.changed, compared.evaluated));
    }
    if let Some(recorded) = recorded {
        if !differing.is_empty() {
            let rows = differing.iter().map(|one| {
                let [from, to] = one.decision.map(|decision| decision.name());
                let decision = if from == to { from.to_owned() } else { format!("{from} -> {to}") };
                let returned = format!("{} -> {}", one.returned[0], one.returned[1]);
                [
                    one.log.prefixed(),
                    one.operation.to_owned(),
                    one.purpose.name().to_owned(),
                    decision,
                    returned,
                ]
            });
            parts.push(table(["ACCESS LOG", "OPERATION", "PURPOSE", "DECISION", "RETURNED"], rows));
        }
        let made = recorded.iter().filter(|one| one.is_ok()).count();
        parts.push(format!("{} of {made} recorded decisions change", differing.len()));
        if made < recorded.len() {
            parts.push(format!("{} cannot be made again", recorded.len() - made));
        }
    }
    parts.join("\n")
}
