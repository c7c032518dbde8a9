//! `memoryscope config`: what the server would use, and where each value comes from.

use std::process::ExitCode;

use comfy_table::{Table, presets};

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
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["SETTING", "VALUE", "FROM"]);
    for entry in entries {
        let value = if entry.value.is_empty() { "(not set)".to_owned() } else { entry.value };
        table.add_row([entry.name.to_owned(), value, entry.origin]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    super::print(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
