//! `memoryscope migrate`: the schema, brought up to date.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use memoryscope_store::sqlite::{SqliteConfig, SqliteStore};

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;
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

fn migrate(path: &Path, status_only: bool) -> anyhow::Result<ExitCode> {
    let place = SqliteConfig::file(path);
    if !status_only {
        let applied =
            SqliteStore::migrate(&place).with_context(|| format!("cannot migrate {}", path.display()))?;
        for number in &applied {
            print(&format!("applied {number:04}"))?;
        }
        if applied.is_empty() {
            print("the schema is up to date")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let found =
        SqliteStore::migration_status(&place).with_context(|| format!("cannot read {}", path.display()))?;
    let rows = found.iter().map(|migration| {
        let applied = migration.applied.clone().unwrap_or_else(|| "no".to_owned());
        [format!("{:04}", migration.number), migration.name.clone(), applied]
    });
    print(&super::table(["MIGRATION", "NAME", "APPLIED"], rows))?;
    let all_applied = found.iter().all(|migration| migration.applied.is_some());
    Ok(if all_applied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
