//! `memoryscope backup`: a copy of the database that can be relied on, made while the server runs.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use memoryscope_store::PostgresConfig;
use memoryscope_store::backup::{self, Checked, Progress};
use memoryscope_store::postgres::backup as postgres;
use memoryscope_store::sqlite::backup as sqlite;
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;
use crate::config::DatabaseUrl;
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to make; there must be none yet. Its SHA-256 goes beside it, into FILE.sha256.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let (url, out) = (&config.database.value, &args.out);
    if let DatabaseUrl::Sqlite(database) = url
        && !database.exists()
    {
        bail!("there is no database at {}", database.display());
    }
    for path in [out, &digest_file(out)] {
        if path.exists() {
            bail!("{} exists: name a new file", path.display());
        }
    }
    // Nobody else's: two backups at once to one name must not meet in one file.
    let part = beside(out, &format!(".{}.part", std::process::id()));
    let made = make(url, &part, out);
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    tell("backed up to", &out.display().to_string(), &made?, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn make(url: &DatabaseUrl, part: &Path, out: &Path) -> anyhow::Result<Checked> {
    let mut bar = Bar::new();
    let mut show = |progress| bar.show(progress);
    let checked = match url {
        DatabaseUrl::Sqlite(database) => sqlite::copy(database, part, &mut show)
            .with_context(|| format!("cannot back up {}", database.display())),
        DatabaseUrl::Postgres(text) => {
            let place = PostgresConfig::url(text)?;
            wiring::until_stopped(async {
                postgres::dump(&place, part, &mut show).await.with_context(|| format!("cannot back up {url}"))
            })
        }
    }?;
    bar.end();
    require_whole(
        &checked,
        "nothing was kept of it; to keep the evidence, stop the server and copy its files",
    )?;
    // The name first: whoever wins it writes the digest, and two backups to one name cannot mix theirs.
    backup::put_in_new_place(part, out)?;
    write_digest(out, &checked.sha256)?;
    Ok(checked)
}

/// Every chain holds.
pub(super) fn require_whole(checked: &Checked, so: &str) -> anyhow::Result<()> {
    if let Some((tenant, found)) = checked.broken() {
        let (at, why) =
            found.first_broken.as_ref().map_or((0, "unknown"), |broken| (broken.seq.0, broken.reason.name()));
        bail!("the chain of {} is BROKEN at {at}: {why}; {so}", tenant.as_str());
    }
    Ok(())
}

/// Where the digest of a backup is.
pub(super) fn digest_file(backup: &Path) -> PathBuf {
    beside(backup, ".sha256")
}

/// As `sha256sum` writes it, so that `sha256sum -c` reads it.
fn write_digest(out: &Path, sha256: &str) -> anyhow::Result<()> {
    let path = digest_file(out);
    let name = out.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "{sha256}  {}", name.to_string_lossy())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Says what was made and found.
pub(super) fn tell(what: &str, place: &str, checked: &Checked, as_json: bool) -> anyhow::Result<()> {
    let entries: u64 = checked.chains.iter().map(|(_, found)| found.entries).sum();
    if !as_json {
        let (bytes, schema, chains) = (checked.bytes, checked.schema, checked.chains.len());
        print(&format!(
            "{what} {place}: {bytes} bytes, schema {schema}, {entries} audit entries in {chains} {} that {}",
            if chains == 1 { "chain" } else { "chains" },
            if chains == 1 { "holds" } else { "hold" },
        ))?;
        return print(&format!("sha256 {}", checked.sha256));
    }
    let chains: Vec<Value> = checked
        .chains
        .iter()
        .map(|(tenant, found)| {
            json!({"tenant": tenant.as_str(), "entries": found.entries, "head": found.head.hash.to_string()})
        })
        .collect();
    let object = json!({
        "file": place,
        "bytes": checked.bytes,
        "sha256": checked.sha256,
        "schema": checked.schema,
        "chains": chains,
    });
    print(&serde_json::to_string_pretty(&object)?)
}

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        Self(match ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Bytes(done, total) => {
                self.0.set_length(total);
                self.0.set_position(done);
            }
            Progress::Written(done) => {
                self.0.set_message("");
                self.0.set_position(done);
            }
            Progress::Structure => self.0.set_message("checking the structure"),
            Progress::Chain(at, count) => self.0.set_message(format!("walking chain {at} of {count}")),
        }
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
