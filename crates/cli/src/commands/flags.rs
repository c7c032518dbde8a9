//! Flags that set configuration. They are kept as text, so that a wrong one is reported together with all the
//! other wrong values and not alone by the command-line parser.

use std::collections::BTreeMap;

use crate::config::{Config, Invalid, setting};

/// For every command that reads the configuration.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CommonFlags {
    /// Where memories are kept: sqlite://PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE (DATABASE_URL).
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// DEBUG, INFO, WARNING or ERROR (LOG_LEVEL).
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// json or human (LOG_FORMAT).
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

/// For the server.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ServerFlags {
    /// Where to listen; port 0 takes a free one (MEMORYSCOPE_LISTEN).
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The policy to start with instead of the built-in one (MEMORYSCOPE_POLICY).
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// The longest that a request may take (MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS).
    #[arg(long, value_name = "SECONDS")]
    request_timeout_seconds: Option<String>,
    /// Do not touch the schema; refuse to start when it is not up to date (MEMORYSCOPE_MIGRATE=false).
    #[arg(long)]
    no_migrate: bool,
    /// Connect and check the schema before listening (VALIDATE_CONFIG=true).
    #[arg(long)]
    validate_config: bool,
}

/// The configuration with these flags.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(common: CommonFlags, server: ServerFlags) -> Result<Config, Invalid> {
    let given = [
        (setting::DATABASE_URL.name, common.database_url),
        (setting::LOG_LEVEL.name, common.log_level),
        (setting::LOG_FORMAT.name, common.log_format),
        (setting::MEMORYSCOPE_LISTEN.name, server.listen),
        (setting::MEMORYSCOPE_POLICY.name, server.policy),
        (setting::MEMORYSCOPE_REQUEST_TIMEOUT_SECONDS.name, server.request_timeout_seconds),
        (setting::MEMORYSCOPE_MIGRATE.name, server.no_migrate.then(|| "false".to_owned())),
        (setting::VALIDATE_CONFIG.name, server.validate_config.then(|| "true".to_owned())),
    ];
    let flags: BTreeMap<_, _> =
        given.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    Config::load(flags)
}
