//! `memoryscope gate`: whether a tool may be called, on what evidence, and what it has to hold to.

use std::process::ExitCode;

use serde_json::json;

use super::{Missing, Whom, purposes, show};
use crate::commands::print;
use crate::wiring;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tool.
    #[arg(value_name = "TOOL")]
    tool: String,
    /// What for.
    #[arg(long, value_name = "PURPOSE", default_value = "task_execution", value_parser = purposes())]
    purpose: String,
    /// A memory that the tool is to go by; may be given several times.
    #[arg(long = "evidence", value_name = "MEMORY")]
    evidence: Vec<String>,
    #[command(flatten)]
    whom: Whom,
}

/// Asks the gate; exit code 1 when it is closed.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut body = args.whom.about();
    body["tool"] = json!(args.tool);
    body["purpose"] = json!(args.purpose);
    body["evidence_ids"] = json!(args.evidence);
    wiring::until_stopped(async {
        let mut asking = args.whom.asked(Missing::IsAnError).await?;
        let answer = asking.post("/v2/tools/gate", &body).await?;
        let text = if args.whom.json { serde_json::to_string_pretty(&answer)? } else { show::gated(&answer) };
        print(&text)?;
        let is_open = answer["allowed"] == true;
        Ok::<_, anyhow::Error>(if is_open { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
