//! `memoryscope config`: what the server would use, and where each value comes from.

use std::process::ExitCode;

use super::flags::{self, CommonFlags, ServerFlags};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let entries = flags::load(args.common, args.server)?.entries();
    if args.json {
        super::print(&serde_json::to_string_pretty(&serde_json::json!({ "settings": entries }))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = entries.into_iter().map(|entry| {
        let value = if entry.value.is_empty() { "(not set)".to_owned() } else { entry.value };
        [entry.name.to_owned(), value, entry.origin]
    });
    super::print(&super::table(["SETTING", "VALUE", "FROM"], rows))?;
    Ok(ExitCode::SUCCESS)
}
