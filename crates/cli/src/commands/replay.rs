//! `memoryscope replay`: the recorded decisions of a store, made again and compared.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use memoryscope_domain::audit_chain::{Code, Seq};
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::op::audit::{List, Page};
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, WantedRecords};
use memoryscope_engine::replay::{Comparison, replayable};
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::{print, table};
use crate::{logging, wiring};

/// How many decisions that differ are named.
const NAMED_MAX: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The last so many decisions of each tenant, of those that can be made again.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    last: u64,
    /// All decisions, of every tenant unless --tenant names one.
    #[arg(long, conflicts_with = "last")]
    all: bool,
    /// Whose. Default: t_default, or with --all everybody's.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

/// What came of a tenant's decisions.
#[derive(Debug, Default)]
struct Tally {
    identical: u64,
    inputs_erased: u64,
    /// By the parts in which they differ.
    differing: BTreeMap<String, u64>,
    /// By the reason.
    not_replayable: BTreeMap<&'static str, u64>,
    /// The first that differ, by their access logs.
    named: Vec<String>,
}

impl Tally {
    fn count(&mut self, stored: &StoredEntry, comparison: &Comparison) {
        match comparison {
            Comparison::Identical => self.identical += 1,
            Comparison::InputsErased => self.inputs_erased += 1,
            Comparison::NotReplayable(why) => *self.not_replayable.entry(why.code()).or_default() += 1,
            Comparison::Differs(parts) => {
                *self.differing.entry(parts.join(", ")).or_default() += 1;
                if self.named.len() < NAMED_MAX {
                    self.named.push(stored.entry.id.prefixed());
                }
            }
        }
    }

    fn differing(&self) -> u64 {
        self.differing.values().sum()
    }

    fn not_replayable(&self) -> u64 {
        self.not_replayable.values().sum()
    }

    fn replayed(&self) -> u64 {
        self.identical + self.inputs_erased + self.differing()
    }

    fn seen(&self) -> u64 {
        self.replayed() + self.not_replayable()
    }
}

/// Does what the command line says.
///
/// # Errors
/// When the store cannot be used; decisions that differ are an exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let last = if args.all { u64::MAX } else { args.last };
    let found = wiring::until_stopped(async {
        let store = wiring::open_existing_store(&config, false).await?;
        let engine = wiring::engine(&config, store)?;
        let mut found = Vec::new();
        for tenant in tenants(&engine, args.tenant.as_deref(), args.all).await? {
            let tally = replay(&engine, &tenant, last).await?;
            found.push((tenant, tally));
        }
        anyhow::Ok(found)
    })?;
    let is_same = found.iter().all(|(_, tally)| tally.differing() == 0);
    if args.json {
        let tenants: Vec<Value> = found.iter().map(|(tenant, tally)| described(tenant, tally)).collect();
        print(&serde_json::to_string_pretty(&json!({"ok": is_same, "tenants": tenants}))?)?;
    } else {
        print(&told(&found))?;
    }
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whose decisions are made again.
async fn tenants(engine: &Engine, named: Option<&str>, all: bool) -> anyhow::Result<Vec<TenantId>> {
    let mut known: Vec<TenantId> = Vec::new();
    loop {
        let page = engine.ports().store.tenants(known.last(), limits::TENANTS_PAGE_ITEMS).await?;
        let is_last = page.len() < limits::TENANTS_PAGE_ITEMS;
        known.extend(page);
        if is_last {
            break;
        }
    }
    if named.is_none() && all {
        return Ok(known);
    }
    let tenant = match named {
        Some(name) => TenantId::parse(name).context("--tenant")?,
        None => TenantId::default_tenant(),
    };
    // Looking would begin a chain for it.
    if !known.contains(&tenant) {
        bail!("there is no chain of {}: nothing was ever asked of it", tenant.as_str());
    }
    Ok(vec![tenant])
}

/// Makes the last decisions of a tenant again, the last of them first: the chain is read in pages from its end.
async fn replay(engine: &Engine, tenant: &TenantId, last: u64) -> anyhow::Result<Tally> {
    let codes = replayable();
    let mut tally = Tally::default();
    let (mut until, mut bar) = (None, None);
    loop {
        let page = page_before(engine, tenant, until).await?;
        let Some(first) = page.items.first().map(|stored| stored.entry.seq) else { break };
        let newest = page.items.last().map_or(first, |stored| stored.entry.seq);
        let bar = bar.get_or_insert_with(|| progress(last.min(newest.0), tenant));
        for stored in page.items.iter().rev() {
            if tally.seen() == last {
                break;
            }
            if is_one(&codes, stored) {
                tally.count(stored, &engine.check(stored).await?);
            }
            // Of all decisions there are as many steps as entries, of the last ones as many as are wanted.
            bar.set_position(if last == u64::MAX { newest.0 - stored.entry.seq.0 } else { tally.seen() });
        }
        if tally.seen() == last || first == Seq(1) {
            break;
        }
        until = Some(Seq(first.0 - 1));
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(tally)
}

/// An entry that does not parse is one of them too: it is counted, and not passed over.
fn is_one(codes: &[Code], stored: &StoredEntry) -> bool {
    stored.entry.parse().map_or(true, |record| codes.contains(&record.draft.operation))
}

/// The page of the chain that ends with this entry, or with its head.
async fn page_before(engine: &Engine, tenant: &TenantId, until: Option<Seq>) -> anyhow::Result<Page> {
    let size = limits::AUDIT_PAGE_ITEMS_MAX as u64;
    let cx = wiring::operator(engine, tenant.clone());
    let until = match until {
        Some(until) => until,
        // Where the chain ends, the first page says: an empty one behind everything.
        None => {
            let load = Load {
                tenant: tenant.clone(),
                now: cx.now,
                select: Select::Nothing,
                filter: Filter::Nothing,
                subject: SubjectRef::TENANT,
                idempotency: None,
                as_of: None,
                rights: Rights::default(),
                records: WantedRecords::nothing(),
                bridges: BridgesTo::default(),
                spirals: Vec::new(),
            };
            engine.ports().store.load(&load).await?.head.seq
        }
    };
    let op = List {
        after: Seq(until.0.saturating_sub(size)),
        until: Some(until),
        limit: limits::AUDIT_PAGE_ITEMS_MAX,
        accesses_only: false,
    };
    Ok(engine.run(&cx, &op).await?.output)
}

fn progress(steps: u64, tenant: &TenantId) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps);
    bar.set_message(tenant.as_str().to_owned());
    match ProgressStyle::with_template("{msg} {bar:30} {human_pos}/{human_len} {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn told(found: &[(TenantId, Tally)]) -> String {
    let header = ["TENANT", "REPLAYED", "IDENTICAL", "DIFFERING", "INPUTS ERASED", "NOT REPLAYABLE"];
    let rows = found.iter().map(|(tenant, tally)| {
        let counts = [
            tally.replayed(),
            tally.identical,
            tally.differing(),
            tally.inputs_erased,
            tally.not_replayable(),
        ];
        let [replayed, identical, differing, erased, not] = counts.map(|count| count.to_string());
        [tenant.as_str().to_owned(), replayed, identical, differing, erased, not]
    });
    let mut text = table(header, rows);
    for (tenant, tally) in found {
        let tenant = tenant.as_str();
        for (why, count) in &tally.not_replayable {
            text.push_str(&format!("\n{tenant}: {count} not replayable: {why}"));
        }
        for (parts, count) in &tally.differing {
            text.push_str(&format!("\n{tenant}: {count} DIFFER in {parts}"));
        }
        if !tally.named.is_empty() {
            text.push_str(&format!("\n{tenant}: such as {}", tally.named.join(", ")));
        }
    }
    text
}

fn described(tenant: &TenantId, tally: &Tally) -> Value {
    json!({
        "tenant": tenant.as_str(),
        "replayed": tally.replayed(),
        "identical": tally.identical,
        "differing": tally.differing(),
        "differing_in": tally.differing,
        "inputs_erased": tally.inputs_erased,
        "not_replayable": tally.not_replayable(),
        "not_replayable_for": tally.not_replayable,
        "differing_access_logs": tally.named,
    })
}
