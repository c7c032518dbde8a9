//! `memoryscope audit …`: the audit log, verified, taken out and signed.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use memoryscope_domain::audit_chain::{
    CheckpointKey, CheckpointPublicKey, ExportHeader, ExportVerifier, Hash32, Head, Row, Seq,
    SignedCheckpoint, Trust, Verification, entry_line,
};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::audit::{List, Walk, Walked};
use memoryscope_engine::op::checkpoint::SignHead;
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, WantedRecords};
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
    #[arg(long = "file", alias = "export", value_name = "FILE", conflicts_with = "tenant")]
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
        Command::Verify(args) => verify(&args),
        Command::Export(args) => export(args),
        Command::Checkpoint(args) => checkpoint(args),
    }
}

/// The engine on the configured store, and something to run it on.
fn open(common: CommonFlags) -> anyhow::Result<(Arc<Engine>, Runtime)> {
    let config = flags::load(common, ServerFlags::default())?;
    logging::start(&config)?;
    let runtime = wiring::runtime()?;
    let store = runtime.block_on(wiring::open_existing_store(&config, false))?;
    Ok((wiring::engine(&config, store)?, runtime))
}

fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let trust = match &args.public_key {
        Some(key) => Trust::Keys(vec![public_key(key)?]),
        None => Trust::AnyKey,
    };
    let kept = args.checkpoints.as_deref().map(read_checkpoints).transpose()?.unwrap_or_default();
    let found = match &args.export {
        Some(file) => vec![(file.display().to_string(), verify_export(file, trust, kept)?)],
        None => verify_store(args, &trust, &kept)?,
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
        let mut text = table(["CHAIN", "ENTRIES", "CHECKPOINTS", "STATE"], rows);
        for (name, found) in found.iter().filter(|(_, found)| !found.checkpoint_keys.is_empty()) {
            let keys: Vec<String> =
                found.checkpoint_keys.iter().map(|key| format!("{:.16}…", key.to_string())).collect();
            text.push_str(&format!("\n{name}: checkpoints signed by {}", keys.join(", ")));
        }
        print(&text)?;
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn public_key(text: &str) -> anyhow::Result<CheckpointPublicKey> {
    CheckpointPublicKey::parse(text).map_err(|malformed| match Hash32::parse(text.trim()) {
        Ok(_) => anyhow!("--public-key: no Ed25519 public key has these digits"),
        Err(_) => anyhow!("--public-key: {malformed}"),
    })
}

fn described(name: &str, found: &Verification) -> Value {
    json!({
        "chain": name,
        "ok": found.ok,
        "entries": found.entries,
        "head": found.head.hash.to_string(),
        "checkpoints": found.checkpoints,
        "checkpoint_keys": found.checkpoint_keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
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
    let stored = all_tenants(&engine, &runtime)?;
    let tenants = match &args.tenant {
        Some(tenant) => vec![known_tenant(&engine, &runtime, tenant)?],
        // A chain that is gone whole is known only to those who kept a checkpoint of it.
        None => {
            let kept = kept.iter().map(|signed| signed.checkpoint.tenant.clone());
            stored.iter().cloned().chain(kept).collect::<BTreeSet<_>>().into_iter().collect()
        }
    };
    let mut found = Vec::new();
    for tenant in tenants {
        let verification = if kept.is_empty() && *trust == Trust::AnyKey {
            walk_anyway(&engine, &runtime, &tenant)?
        } else if stored.contains(&tenant) {
            let mut verifier = ExportVerifier::new(trust.clone(), kept.to_vec());
            let export = write_export(&engine, &runtime, &tenant, false, &mut |line| {
                verifier.push_line(line.as_bytes());
                Ok(())
            });
            match export {
                Ok(export) => worse(export.verification, verifier.finish()),
                Err(why) => {
                    // The chain may be what hinders; only if it holds was it not compared with what was kept.
                    let alone = walk_anyway(&engine, &runtime, &tenant)?;
                    if alone.ok {
                        return Err(why);
                    }
                    alone
                }
            }
        } else {
            let nothing = ExportHeader { tenant: tenant.clone(), head: Head::GENESIS, checkpoints: 0 };
            ExportVerifier::new(trust.clone(), kept.to_vec()).verify(nothing.line().as_bytes())
        };
        found.push((tenant.as_str().to_owned(), verification));
    }
    Ok(found)
}

/// Of two walks of one chain, the one that found something wrong, or found it earlier; else the second.
fn worse(one: Verification, other: Verification) -> Verification {
    let place = |found: &Verification| found.first_broken.as_ref().map(|broken| broken.seq);
    match (place(&one), place(&other)) {
        (Some(at), Some(there)) if at <= there => one,
        (Some(_), None) => one,
        _ => other,
    }
}

/// Every tenant that has a chain.
fn all_tenants(engine: &Engine, runtime: &Runtime) -> anyhow::Result<Vec<TenantId>> {
    let mut all: Vec<TenantId> = Vec::new();
    loop {
        let page = engine.ports().store.tenants(all.last(), limits::TENANTS_PAGE_ITEMS);
        let page = runtime.block_on(page)?;
        let last = page.len() < limits::TENANTS_PAGE_ITEMS;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

/// The tenant of that name. One that has no chain is a slip, and looking would begin a chain for it.
fn known_tenant(engine: &Engine, runtime: &Runtime, name: &str) -> anyhow::Result<TenantId> {
    let tenant = TenantId::parse(name).context("--tenant")?;
    if !all_tenants(engine, runtime)?.contains(&tenant) {
        bail!("there is no chain of {name}: nothing was ever asked of it");
    }
    Ok(tenant)
}

fn walk(engine: &Engine, runtime: &Runtime, tenant: &TenantId, walk: Walk) -> anyhow::Result<Walked> {
    let cx = wiring::operator(engine, tenant.clone());
    Ok(runtime.block_on(engine.run(&cx, &walk))?.output)
}

/// Walks a chain for its verdict, which is told even where no entry of the looking itself can be written: a chain
/// that was changed, or a copy that is only to be read.
fn walk_anyway(engine: &Engine, runtime: &Runtime, tenant: &TenantId) -> anyhow::Result<Verification> {
    let cx = wiring::operator(engine, tenant.clone());
    let refusal = match runtime.block_on(engine.run(&cx, &Walk::Verify)) {
        Ok(done) => return Ok(done.output.verification),
        Err(refusal) => refusal,
    };
    let load = Load {
        tenant: tenant.clone(),
        now: cx.now,
        select: Select::Verification,
        filter: Filter::Nothing,
        subject: SubjectRef::TENANT,
        idempotency: None,
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    };
    let found = runtime.block_on(engine.ports().store.load(&load))?.facts.verification;
    let found = found.ok_or(refusal.clone())?;
    let why = std::error::Error::source(&refusal).map_or(refusal.to_string(), ToString::to_string);
    writeln!(io::stderr(), "note: {tenant}: this verification could not be put in the chain ({why})")?;
    Ok(found)
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
    let kept = lines
        .map(|(at, line)| {
            SignedCheckpoint::parse(line).with_context(|| format!("{}:{}", file.display(), at + 1))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if kept.is_empty() {
        bail!("{} holds no checkpoint", file.display());
    }
    Ok(kept)
}

fn export(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let (engine, runtime) = open(args.common)?;
    let tenant = known_tenant(&engine, &runtime, &args.tenant)?;
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => {
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            let file = file.with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let exported = write_export(&engine, &runtime, &tenant, args.private, &mut |line| {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(())
    })?;
    out.flush()?;
    drop(out);
    if let Some(path) = &args.out {
        let (entries, tenant) = (exported.entries, &args.tenant);
        print(&format!("{entries} entries of {tenant} written to {}", path.display()))?;
    }
    if let Some(broken) = exported.verification.first_broken {
        let (at, why) = (broken.seq, broken.reason.name());
        bail!("the chain is BROKEN at {at}: {why}; the export holds it as it is");
    }
    Ok(ExitCode::SUCCESS)
}

/// What was exported.
struct Exported {
    /// What a walk of the chain in the store found.
    verification: Verification,
    /// How many entries were written.
    entries: u64,
}

/// Writes a chain out line by line, up to the head that it has now; a broken one as it is, broken.
fn write_export(
    engine: &Engine,
    runtime: &Runtime,
    tenant: &TenantId,
    private: bool,
    put: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exported> {
    let walked = walk(engine, runtime, tenant, Walk::Export)?;
    let mut head = walked.verification.head;
    if !walked.verification.ok {
        // The walk's head is the last entry before the break: an export up to there would look whole.
        each_entry(engine, runtime, tenant, None, &mut |last| {
            head = Head { seq: last.entry.seq, hash: last.entry.hash };
            Ok(())
        })?;
    }
    let checkpoints = walked.checkpoints.len() as u64;
    put(&ExportHeader { tenant: tenant.clone(), head, checkpoints }.line())?;
    for signed in &walked.checkpoints {
        put(&signed.text())?;
    }
    let progress = progress(head.seq);
    let mut entries = 0;
    each_entry(engine, runtime, tenant, Some(head.seq), &mut |stored| {
        let entry = &stored.entry;
        let (seq, prev_hash, hash) = (entry.seq, entry.prev_hash, entry.hash);
        let row = Row { seq, prev_hash, hash, text: &entry.text };
        put(&entry_line(&row, stored.private.as_ref().filter(|_| private)))?;
        entries += 1;
        progress.inc(1);
        Ok(())
    })?;
    progress.finish_and_clear();
    Ok(Exported { verification: walked.verification, entries })
}

/// Takes the entries of a chain in order, up to a place or to the last.
fn each_entry(
    engine: &Engine,
    runtime: &Runtime,
    tenant: &TenantId,
    up_to: Option<Seq>,
    take: &mut dyn FnMut(&StoredEntry) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (mut after, mut until) = (Seq::ZERO, up_to);
    loop {
        let cx = wiring::operator(engine, tenant.clone());
        let op = List { after, until, limit: limits::AUDIT_PAGE_ITEMS_MAX, accesses_only: false };
        let page = runtime.block_on(engine.run(&cx, &op))?.output;
        for stored in &page.items {
            take(stored)?;
        }
        let Some((last, end)) = page.next else { return Ok(()) };
        (after, until) = (last, Some(end));
    }
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
    let (engine, runtime) = open(args.common)?;
    let tenant = known_tenant(&engine, &runtime, &args.tenant)?;
    let key = signing_key(&args.key)?;
    let public = key.public();
    // Opened before it is needed: what is signed is in the store at once, and must not be missing here.
    let out = args.out.as_deref().map(|path| {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.with_context(|| format!("cannot write {}", path.display()))
    });
    let out = out.transpose()?;
    let cx = wiring::operator(&engine, tenant);
    let signed = match runtime.block_on(engine.run(&cx, &SignHead { key }))?.output {
        Ok(signed) => signed,
        Err(verification) => {
            let broken = verification.first_broken.map(|broken| broken.seq.0).unwrap_or_default();
            bail!("the chain is BROKEN at {broken}: nothing was signed");
        }
    };
    match out {
        Some(mut file) => {
            file.write_all(format!("{}\n", signed.text()).as_bytes())?;
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
        Ok(text) => {
            if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
                bail!("{} can be read by others than its owner: chmod 600 it", path.display());
            }
            CheckpointKey::parse(text.trim()).with_context(|| format!("{}", path.display()))
        }
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
