//! `memoryscope serve`: the server.

use std::process::ExitCode;

use super::flags::{self, CommonFlags, ServerFlags};
use crate::config::Config;
use crate::logging;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    common: CommonFlags,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, args.server)?;
    config.sqlite_path()?;
    logging::start(&config)?;
    #[cfg(feature = "sentry")]
    let _reporting = config.sentry_dsn.value.as_ref().map(|dsn| crate::sentry_report::start(dsn, &config));
    if !config.listen.value.ip().is_loopback() {
        tracing::warn!(
            address = %config.listen.value,
            "listening beyond this machine without keys: whoever can reach this address is believed"
        );
    }
    serve(&config)
}

/// TO BE REPLACED by the wiring of store, engine and api. Prints `listening on http://ADDRESS` on standard
/// output once it is bound.
fn serve(_config: &Config) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`memoryscope serve` is not built yet")
}
