//! What one can ask of the binary: the words of the command line, and one file per command.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod embed;
pub(crate) mod exercise;
pub(crate) mod flags;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod memory;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod policy;
mod policy_diff;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod version;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use comfy_table::{Table, presets};

/// The memory server for AI agents that people can trust with what matters.
#[derive(Debug, Parser)]
#[command(name = "memoryscope", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Args),
    /// Store an event, an impact or a seed, in a database or through a running server.
    Remember(memory::remember::Args),
    /// Show the memories of a scope, for a purpose.
    Query(memory::query::Args),
    /// Put a context for a model together, for a purpose.
    Reconstruct(memory::reconstruct::Args),
    /// Seal a memory, and what was derived from it.
    Seal(memory::step::Args),
    /// Open a memory's seal; it stays restricted.
    Release(memory::step::Args),
    /// Revoke a memory, and what only it supports.
    Revoke(memory::step::Args),
    /// Make a memory stronger.
    Reinforce(memory::step::ReinforceArgs),
    /// Dispute a memory: --reason says why.
    Dispute(memory::step::Args),
    /// Attest to a memory, or against it.
    Attest(memory::step::AttestArgs),
    /// Ask whether a tool may be called; exit code 1 when it may not.
    Gate(memory::gate::Args),
    /// Say why a decision came out as it did, and whether it would again.
    Explain(memory::explain::Args),
    /// Ask a running server whether it is ready; exit code 1 when it is not.
    Health(health::Args),
    /// Print the effective configuration, secrets masked.
    Config(config::Args),
    /// Bring the database's schema up to date.
    Migrate(migrate::Args),
    /// Copy the database into a file, while the server runs, and check the copy.
    Backup(backup::Args),
    /// Put a backup in the place of the database; its server must be stopped.
    Restore(restore::Args),
    /// Copy a database into another one, from SQLite to PostgreSQL or back.
    Copy(copy::Args),
    /// Bring the model that embeds texts, or say whether it is there.
    #[command(subcommand)]
    Model(model::Command),
    /// Make what memories are found by in meaning, of those that have nothing of the configured model.
    Embed(embed::Args),
    /// Show what is done behind requests; end it, or have it tried again.
    Jobs(jobs::Args),
    /// Check, explain and test policies.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Verify, export and sign the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make recorded decisions again and compare them; exit code 1 when any comes out otherwise.
    Replay(replay::Args),
    /// Measure how many requests a second a server answers, how fast, and how well it finds.
    Bench(bench::Args),
    /// Store, read, continue and revoke made-up memories on a running server, and check each answer.
    Exercise(exercise::Args),
    /// Print the version.
    Version(version::Args),
}

/// Does what the command line says. `Err` is for what went wrong; a check that failed is an exit code.
///
/// # Errors
/// A [`crate::config::Invalid`], or whatever stopped the command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => {
            print(&Cli::command().render_help().to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Remember(args)) => memory::remember::run(&args),
        Some(Command::Query(args)) => memory::query::run(&args),
        Some(Command::Reconstruct(args)) => memory::reconstruct::run(&args),
        Some(Command::Seal(args)) => memory::step::run("seal", &args),
        Some(Command::Release(args)) => memory::step::run("release", &args),
        Some(Command::Revoke(args)) => memory::step::run("revoke", &args),
        Some(Command::Reinforce(args)) => memory::step::reinforce(&args),
        Some(Command::Dispute(args)) => memory::step::run("dispute", &args),
        Some(Command::Attest(args)) => memory::step::attest(&args),
        Some(Command::Gate(args)) => memory::gate::run(&args),
        Some(Command::Explain(args)) => memory::explain::run(&args),
        Some(Command::Health(args)) => health::run(&args),
        Some(Command::Config(args)) => config::run(args),
        Some(Command::Migrate(args)) => migrate::run(args),
        Some(Command::Backup(args)) => backup::run(args),
        Some(Command::Restore(args)) => restore::run(args),
        Some(Command::Copy(args)) => copy::run(args),
        Some(Command::Model(command)) => model::run(command),
        Some(Command::Embed(args)) => embed::run(args),
        Some(Command::Jobs(args)) => jobs::run(args),
        Some(Command::Policy(command)) => policy::run(command),
        Some(Command::Audit(command)) => audit::run(command),
        Some(Command::Replay(args)) => replay::run(args),
        Some(Command::Bench(args)) => bench::run(args),
        Some(Command::Exercise(args)) => exercise::run(args),
        Some(Command::Version(args)) => version::run(&args),
    }
}

/// What was asked for is malformed, as only this command could see: nothing was tried.
#[derive(Debug)]
pub(crate) struct Misused(pub(crate) String);

impl fmt::Display for Misused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misused {}

/// Writes to standard output. A reader that has gone away (`memoryscope config | head -1`) is no error.
///
/// # Errors
/// When standard output cannot be written to.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let line_end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(line_end)).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A table as people read it: aligned, without lines.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    aligned(header.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from))
}

/// A table of as many columns as its header has.
fn aligned(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        super::Cli::command().debug_assert();
    }
}
