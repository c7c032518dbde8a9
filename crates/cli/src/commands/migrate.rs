//! `memoryscope migrate`: the schema, brought up to date.

use std::process::ExitCode;

use anyhow::Context as _;
use memoryscope_store::{MigrationStatus, PostgresConfig, PostgresStore, SqliteConfig, SqliteStore};

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;
use crate::config::DatabaseUrl;
use crate::{logging, wiring};

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
    logging::start(&config)?;
    let url = &config.database.value;
    if args.status {
        let found = status(url).with_context(|| format!("cannot read {url}"))?;
        return tell_status(&found);
    }
    let applied = migrate(url).with_context(|| format!("cannot migrate {url}"))?;
    for number in &applied {
        print(&format!("applied {number:04}"))?;
    }
    if applied.is_empty() {
        print("the schema is up to date")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn migrate(url: &DatabaseUrl) -> anyhow::Result<Vec<u32>> {
    Ok(match url {
        DatabaseUrl::Sqlite(path) => SqliteStore::migrate(&SqliteConfig::file(path))?,
        DatabaseUrl::Postgres(url) => {
            let place = PostgresConfig::url(url)?;
            wiring::runtime()?.block_on(PostgresStore::migrate(&place))?
        }
    })
}

fn status(url: &DatabaseUrl) -> anyhow::Result<Vec<MigrationStatus>> {
    Ok(match url {
        DatabaseUrl::Sqlite(path) => SqliteStore::migration_status(&SqliteConfig::file(path))?,
        DatabaseUrl::Postgres(url) => {
            let place = PostgresConfig::url(url)?;
            wiring::runtime()?.block_on(PostgresStore::migration_status(&place))?
        }
    })
}

fn tell_status(found: &[MigrationStatus]) -> anyhow::Result<ExitCode> {
    let rows = found.iter().map(|migration| {
        let applied = migration.applied.clone().unwrap_or_else(|| "no".to_owned());
        [format!("{:04}", migration.number), migration.name.clone(), applied]
    });
    print(&super::table(["MIGRATION", "NAME", "APPLIED"], rows))?;
    let all_applied = found.iter().all(|migration| migration.applied.is_some());
    Ok(if all_applied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
