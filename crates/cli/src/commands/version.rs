//! `memoryscope version`: which build this is.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The optional parts that this build has.
pub(crate) const FEATURES: &[&str] = &[
    #[cfg(feature = "otel")]
    "otel",
    #[cfg(feature = "sentry")]
    "sentry",
];

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        let object = serde_json::json!({ "name": "memoryscope", "version": version, "features": FEATURES });
        super::print(&object.to_string())?;
    } else {
        super::print(&format!("memoryscope {version}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
