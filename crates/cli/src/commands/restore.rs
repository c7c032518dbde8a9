//! `memoryscope restore`: a backup, put in the place of a database that nobody uses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use memoryscope_store::backup::Checked;
use memoryscope_store::postgres::backup as postgres;
use memoryscope_store::{PostgresConfig, sqlite};

use super::backup::{Bar, digest_file, require_whole, tell};
use super::flags::{self, CommonFlags, ServerFlags};
use crate::config::DatabaseUrl;
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup. If FILE.sha256 is beside it, it must agree.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Replace the database that is there. What is in it is gone.
    #[arg(long)]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let from = &args.from;
    if !from.is_file() {
        bail!("there is no backup at {}", from.display());
    }
    let (place, arrived) = match &config.database.value {
        DatabaseUrl::Sqlite(database) => {
            (database.display().to_string(), into_file(from, database, args.force)?)
        }
        url @ DatabaseUrl::Postgres(text) => {
            let place = PostgresConfig::url(text)?;
            let arrived = wiring::until_stopped(into_server(from, &place, url, args.force))?;
            (url.to_string(), arrived)
        }
    };
    tell("restored to", &place, &arrived, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn into_file(from: &Path, database: &Path, force: bool) -> anyhow::Result<Checked> {
    if let (Ok(from), Ok(to)) = (from.canonicalize(), database.canonicalize())
        && from == to
    {
        bail!("{} is the database itself", from.display());
    }
    let mut bar = Bar::new();
    let sent = sqlite::backup::check(from, &mut |progress| bar.show(progress))
        .with_context(|| format!("cannot restore from {}", from.display()))?;
    require_digest(from, &sent.sha256)?;
    require_whole(&sent, "nothing was replaced")?;
    let arrived = sqlite::restore(from, &sent, database, force, &mut |progress| bar.show(progress))
        .with_context(|| format!("cannot restore to {}", database.display()))?;
    bar.end();
    Ok(arrived)
}

async fn into_server(
    from: &Path,
    place: &PostgresConfig,
    url: &DatabaseUrl,
    force: bool,
) -> anyhow::Result<Checked> {
    let mut bar = Bar::new();
    let archive = postgres::check(place, from, &mut |progress| bar.show(progress))
        .await
        .with_context(|| format!("cannot restore from {}", from.display()))?;
    require_digest(from, &archive.sha256)?;
    let arrived = postgres::restore(place, from, &archive, force, &mut |progress| bar.show(progress))
        .await
        .with_context(|| format!("cannot restore to {url}"))?;
    bar.end();
    require_whole(&arrived, "it arrived so, and has taken the place of what was there")?;
    Ok(arrived)
}

/// The backup is, byte for byte, the one that was made, as far as that can be known.
fn require_digest(from: &Path, sha256: &str) -> anyhow::Result<()> {
    let path = digest_file(from);
    match fs::read_to_string(&path) {
        Ok(text) if text.split_whitespace().next() == Some(sha256) => Ok(()),
        Ok(_) => bail!("{} is damaged: its bytes are not those of {}", from.display(), path.display()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            tracing::warn!("{} is missing: damage outside the audit chain may go unseen", path.display());
            Ok(())
        }
        Err(why) => Err(why).with_context(|| format!("cannot read {}", path.display())),
    }
}
