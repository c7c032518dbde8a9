//! `memoryscope migrate`: the schema, brought up to date.

use std::path::Path;
use std::process::ExitCode;

use super::flags::{self, CommonFlags, ServerFlags};
use crate::logging;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say which migrations are applied and which are not; exit code 1 when some are not.
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    let path = config.sqlite_path()?;
    logging::start(&config)?;
    migrate(path, args.status)
}

/// TO BE REPLACED by the store's migration runner.
fn migrate(_path: &Path, _status_only: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`memoryscope migrate` is not built yet")
}
