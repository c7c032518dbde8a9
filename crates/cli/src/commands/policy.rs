//! `memoryscope policy …`: policies, checked and explained without a server.

use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Report errors with line and column, and warnings; exit code 1 when there are errors.
    Check(CheckArgs),
    /// Say what a policy decides about one memory, and why.
    Explain(ExplainArgs),
    /// Run a table of cases: request and memory, and the decision that is expected.
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The policy.
    pub(crate) file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The policy.
    pub(crate) file: PathBuf,
    /// A file with the memory's attributes.
    #[arg(long, value_name = "FILE")]
    pub(crate) memory: PathBuf,
    /// Why the memory would be read.
    #[arg(long)]
    pub(crate) purpose: String,
    /// A role of the caller; may be given more than once. Default: app.
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// A group of the caller, such as org:acme; may be given more than once.
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// The user for whom the caller acts.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The cases; they name the policy.
    pub(crate) file: PathBuf,
}

/// TO BE REPLACED by calls into the domain's policy language.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    drop(command);
    anyhow::bail!("`memoryscope policy` is not built yet")
}
