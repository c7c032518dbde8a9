//! `memoryscope explain`: why a decision came out as it did, and whether it would again.

use std::process::ExitCode;

use serde_json::json;

use super::{Missing, Whom, show};
use crate::commands::print;
use crate::wiring;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The decision: what its answer named as access_log_id.
    #[arg(value_name = "ACCESS_LOG")]
    log: String,
    #[command(flatten)]
    whom: Whom,
}

/// Explains a decision; exit code 1 where it would come out otherwise now.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let body = json!({"tenant_id": args.whom.tenant, "access_log_id": args.log});
    wiring::until_stopped(async {
        let mut asking = args.whom.asked(Missing::IsAnError).await?;
        let answer = asking.post("/v2/explain", &body).await?;
        let text =
            if args.whom.json { serde_json::to_string_pretty(&answer)? } else { show::explained(&answer) };
        print(&text)?;
        let differs = answer["access_log"]["matches"] == false;
        Ok::<_, anyhow::Error>(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    })
}
