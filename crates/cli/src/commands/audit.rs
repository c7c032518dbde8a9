//! `memoryscope audit …`: the audit log, verified and taken out.

use std::path::PathBuf;
use std::process::ExitCode;

use super::flags::{self, CommonFlags, ServerFlags};
use crate::config::Config;
use crate::logging;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Walk the chain of each tenant and name the first broken link; exit code 1 when there is one.
    Verify(VerifyArgs),
    /// Write what an offline verifier needs.
    Export(ExportArgs),
    /// Sign the heads of the chains.
    Checkpoint(CheckpointArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Only this tenant. Default: every one.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Verify an exported file instead of the database.
    #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
    pub(crate) export: Option<PathBuf>,
    /// The public key that the checkpoints must be signed with (64 hexadecimal digits).
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Only this tenant. Default: every one.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Where to. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckpointArgs {
    /// Only this tenant. Default: every one.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// The signing key; made, readable by its owner only, when the file is absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Where the signed checkpoints go. Default: standard output. Keep them on another machine.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(mut args) => {
            let config = prepare(std::mem::take(&mut args.common))?;
            verify(&config, &args)
        }
        Command::Export(mut args) => {
            let config = prepare(std::mem::take(&mut args.common))?;
            export(&config, &args)
        }
        Command::Checkpoint(mut args) => {
            let config = prepare(std::mem::take(&mut args.common))?;
            checkpoint(&config, &args)
        }
    }
}

fn prepare(common: CommonFlags) -> anyhow::Result<Config> {
    let config = flags::load(common, ServerFlags::default())?;
    config.sqlite_path()?;
    logging::start(&config)?;
    Ok(config)
}

/// TO BE REPLACED by a walk over the store's audit entries.
fn verify(_config: &Config, _args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`memoryscope audit verify` is not built yet")
}

/// TO BE REPLACED.
fn export(_config: &Config, _args: &ExportArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`memoryscope audit export` is not built yet")
}

/// TO BE REPLACED.
fn checkpoint(_config: &Config, _args: &CheckpointArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`memoryscope audit checkpoint` is not built yet")
}
