//! `memoryscope reconstruct`: a context for a model.

use std::process::ExitCode;

use serde_json::json;

use super::{Missing, Whom, purposes, show};
use crate::commands::print;
use crate::wiring;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What for.
    #[arg(long, value_name = "PURPOSE", value_parser = purposes())]
    purpose: String,
    /// What the context is made as.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json", "messages"], default_value = "text")]
    format: String,
    /// The longest context, in tokens.
    #[arg(long, value_name = "NUMBER")]
    max_tokens: Option<u32>,
    /// What the conversation is about; may be given several times. Without any, every seed counts as met
    /// that is not sensitive.
    #[arg(long = "cue", value_name = "TEXT")]
    cues: Vec<String>,
    /// Add references to events.
    #[arg(long)]
    include_events: bool,
    #[command(flatten)]
    whom: Whom,
}

/// Does what the command line says.
///
/// # Errors
/// When it is refused, or nobody can be asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut body = args.whom.about();
    body["purpose"] = json!(args.purpose);
    body["format"] = json!(args.format);
    body["include_events"] = json!(args.include_events);
    if let Some(most) = args.max_tokens {
        body["max_tokens"] = json!(most);
    }
    if !args.cues.is_empty() {
        body["cues"] = json!(args.cues);
    }
    wiring::until_stopped(async {
        let mut asking = args.whom.asked(Missing::IsAnError).await?;
        let answer = asking.post("/v2/reconstruct", &body).await?;
        let text = if args.whom.json {
            serde_json::to_string_pretty(&answer)?
        } else {
            show::reconstructed(&answer)?
        };
        print(&text)?;
        Ok::<_, anyhow::Error>(ExitCode::SUCCESS)
    })
}
