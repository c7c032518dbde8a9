//! `memoryscope audit …`: the audit log, verified, taken out and signed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use memoryscope_domain::audit_chain::{
    CheckpointKey, CheckpointPublicKey, ExportHeader, ExportVerifier, Row, Seq, SignedCheckpoint, Trust,
    Verification, entry_line,
};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::audit::{List, Walk, Walked};
use memoryscope_engine::op::checkpoint::SignHead;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::flags::{self, CommonFlags, ServerFlags};
use super::{print, table};
use crate::{logging, wiring};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Walk the chain of each tenant and name the first broken link; exit code 1 when there is one.
    Verify(VerifyArgs),
    /// Write what an offline verifier needs.
    Export(ExportArgs),
    /// Sign the head of a chain that holds.
    Checkpoint(CheckpointArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Only this tenant. Default: every one.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Verify an exported file instead of the database.
    #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
    export: Option<PathBuf>,
    /// A file of checkpoints that were kept elsewhere, to hold the chain to.
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// The public key that the checkpoints must be signed with (64 hexadecimal digits).
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Whose chain.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    /// Where to. Default: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the private part of each entry too: names, free text, requests.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    common: CommonFlags,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckpointArgs {
    /// Whose chain.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    /// The signing key; made, readable by its owner only, when the file is absent.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the signed checkpoint goes, behind what is there. Default: standard output. Keep it on another machine.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: CommonFlags,
}

/// Does what the command line says.
///
/// # Errors
/// When a file or the store cannot be used; a chain that is broken is an exit code.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(args) => verify(args),
        Command::Export(args) => export(args),
        Command::Checkpoint(args) => checkpoint(args),
    }
}

/// The engine on the configured store, and something to run it on.
fn open(common: CommonFlags) -> anyhow::Result<(Arc<Engine>, Runtime)> {
    let config = flags::load(common, ServerFlags::default())?;
    let path = config.sqlite_path()?;
    logging::start(&config)?;
    if !path.exists() {
        bail!("there is no database at {}", path.display());
    }
    let engine = wiring::engine(&config, wiring::open_store(&config, false)?)?;
    Ok((engine, tokio::runtime::Builder::new_current_thread().enable_all().build()?))
}

fn verify(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let trust = match &args.public_key {
        Some(key) => Trust::Keys(vec![CheckpointPublicKey::parse(key).context("--public-key")?]),
        None => Trust::AnyKey,
    };
    let kept = args.checkpoints.as_deref().map(read_checkpoints).transpose()?.unwrap_or_default();
    let found = match &args.export {
        Some(file) => vec![(file.display().to_string(), verify_export(file, trust, kept)?)],
        None => verify_store(&args, &trust, &kept)?,
    };
    let all_hold = found.iter().all(|(_, verification)| verification.ok);
    if args.json {
        let chains: Vec<Value> = found.iter().map(|(name, found)| described(name, found)).collect();
        print(&serde_json::to_string_pretty(&json!({"ok": all_hold, "chains": chains}))?)?;
    } else {
        let rows = found.iter().map(|(name, found)| {
            let state = match &found.first_broken {
                None => "holds".to_owned(),
                Some(broken) => format!("BROKEN at {}: {}", broken.seq, broken.reason.name()),
            };
            [name.clone(), found.entries.to_string(), found.checkpoints.to_string(), state]
        });
        print(&table(["CHAIN", "ENTRIES", "CHECKPOINTS", "STATE"], rows))?;
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn described(name: &str, found: &Verification) -> Value {
    json!({
        "chain": name,
        "ok": found.ok,
        "entries": found.entries,
        "head": found.head.hash.to_string(),
        "checkpoints": found.checkpoints,
        "first_broken_seq": found.first_broken.as_ref().map(|broken| broken.seq),
        "reason": found.first_broken.as_ref().map(|broken| broken.reason.name()),
    })
}

/// Walks the chains of the store. Checkpoints kept elsewhere are compared with the exported form of the same chain,
/// so that both ways share one verifier.
fn verify_store(
    args: &VerifyArgs,
    trust: &Trust,
    kept: &[SignedCheckpoint],
) -> anyhow::Result<Vec<(String, Verification)>> {
    let (engine, runtime) = open(CommonFlags::clone(&args.common))?;
    let tenants = match &args.tenant {
        Some(tenant) => vec![TenantId::parse(tenant).context("--tenant")?],
        None => runtime.block_on(engine.ports().store.tenants(None, limits::TENANTS_PAGE_ITEMS))?,
    };
    let mut found = Vec::new();
    for tenant in tenants {
        let verification = if kept.is_empty() && *trust == Trust::AnyKey {
            walk(&engine, &runtime, &tenant, Walk::Verify)?.verification
        } else {
            let mut verifier = ExportVerifier::new(trust.clone(), kept.to_vec());
            write_export(&engine, &runtime, &tenant, false, &mut |line| {
                verifier.push_line(line.as_bytes());
                Ok(())
            })?;
            verifier.finish()
        };
        found.push((tenant.as_str().to_owned(), verification));
    }
    Ok(found)
}

fn walk(engine: &Engine, runtime: &Runtime, tenant: &TenantId, walk: Walk) -> anyhow::Result<Walked> {
    let cx = wiring::operator(engine, tenant.clone());
    Ok(runtime.block_on(engine.run(&cx, &walk))?.output)
}

fn verify_export(file: &Path, trust: Trust, kept: Vec<SignedCheckpoint>) -> anyhow::Result<Verification> {
    let reader = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reader = BufReader::new(reader);
    let mut verifier = ExportVerifier::new(trust, kept);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        verifier.push_line(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
    Ok(verifier.finish())
}

fn read_checkpoints(file: &Path) -> anyhow::Result<Vec<SignedCheckpoint>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            SignedCheckpoint::parse(line).with_context(|| format!("{}:{}", file.display(), at + 1))
        })
        .collect()
}

fn export(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let tenant = TenantId::parse(&args.tenant).context("--tenant")?;
    let (engine, runtime) = open(args.common)?;
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let entries = write_export(&engine, &runtime, &tenant, args.private, &mut |line| {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    })?;
    out.flush()?;
    if let Some(path) = &args.out {
        print(&format!("{entries} entries of {} written to {}", args.tenant, path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a chain out line by line, up to the head that it has now. Answers how many entries that were.
fn write_export(
    engine: &Engine,
    runtime: &Runtime,
    tenant: &TenantId,
    private: bool,
    put: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let walked = walk(engine, runtime, tenant, Walk::Export)?;
    let head = walked.verification.head;
    let checkpoints = walked.checkpoints.len() as u64;
    put(&ExportHeader { tenant: tenant.clone(), head, checkpoints }.line())?;
    for signed in &walked.checkpoints {
        put(&signed.text())?;
    }
    let progress = progress(head.seq);
    let mut after = Seq::ZERO;
    while after < head.seq {
        let cx = wiring::operator(engine, tenant.clone());
        let op = List { after, limit: limits::AUDIT_PAGE_ITEMS_MAX, accesses_only: false };
        let page = runtime.block_on(engine.run(&cx, &op))?.output;
        let Some(last) = page.items.last() else { break };
        after = last.entry.seq;
        for stored in page.items.iter().filter(|stored| stored.entry.seq <= head.seq) {
            let entry = &stored.entry;
            let (seq, prev_hash, hash) = (entry.seq, entry.prev_hash, entry.hash);
            let row = Row { seq, prev_hash, hash, text: &entry.text };
            put(&entry_line(&row, stored.private.as_ref().filter(|_| private)))?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(head.seq.0)
}

/// A bar on standard error; nothing where that is no terminal.
fn progress(entries: Seq) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(entries.0);
    match ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} entries, {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn checkpoint(args: CheckpointArgs) -> anyhow::Result<ExitCode> {
    let tenant = TenantId::parse(&args.tenant).context("--tenant")?;
    let (engine, runtime) = open(args.common)?;
    let key = signing_key(&args.key)?;
    let public = key.public();
    let cx = wiring::operator(&engine, tenant);
    let signed = match runtime.block_on(engine.run(&cx, &SignHead { key }))?.output {
        Ok(signed) => signed,
        Err(verification) => {
            let broken = verification.first_broken.map(|broken| broken.seq.0).unwrap_or_default();
            bail!("the chain is broken at {broken}: nothing was signed");
        }
    };
    match &args.out {
        Some(path) => {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{}", signed.text())?;
            file.sync_all()?;
            print(&format!("signed entry {} with public key {public}", signed.checkpoint.head.seq))?;
        }
        None => print(&signed.text())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The signing key in a file of 64 hexadecimal digits; a missing one is made.
fn signing_key(path: &Path) -> anyhow::Result<CheckpointKey> {
    match fs::read_to_string(path) {
        Ok(text) => CheckpointKey::parse(text.trim()).with_context(|| format!("{}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = wiring::random_key();
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{}", wiring::hex(&secret))?;
            file.sync_all()?;
            Ok(CheckpointKey::from_bytes(&secret))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
