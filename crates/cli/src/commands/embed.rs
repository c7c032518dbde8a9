//! `memoryscope embed`: vectors for what has none of the model that is configured.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::embed::Readiness;
use memoryscope_engine::embedding::Embedded;
use serde_json::json;

use super::flags::{self, CommonFlags, ServerFlags};
use super::print;
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
#[group(id = "whose", required = true, multiple = false, args = ["all", "tenant"])]
pub(crate) struct Args {
    /// Of all tenants.
    #[arg(long)]
    all: bool,
    /// Of this tenant.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let tenant = args.tenant.as_deref().map(TenantId::parse).transpose().context("--tenant")?;
    let is_shown = io::stderr().is_terminal();
    let bar = if is_shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let (model, done) = wiring::until_stopped(async {
        let store = wiring::open_existing_store(&config, config.migrate.value).await?;
        let engine = wiring::engine(&config, store)?;
        let Some(embedder) = engine.embedder() else { bail!("nothing embeds texts") };
        if embedder.readiness() == Readiness::Absent {
            bail!("there is no model that embeds texts: `memoryscope model pull` brings it");
        }
        let mut done = Embedded::default();
        let mut each = |done: &Embedded| {
            bar.set_message(format!("{} embedded, {} failed", done.kept, done.failed));
            bar.tick();
        };
        let embedded = match &tenant {
            Some(tenant) => engine.embed_tenant(tenant, &mut done, &mut each).await,
            None => engine.embed_all(&mut done, &mut each).await,
        };
        embedded.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        anyhow::Ok((embedder.id().to_owned(), done))
    })?;
    bar.finish_and_clear();
    if args.json {
        let Embedded { kept, failed, ended_by } = &done;
        let said = json!({"model": model, "embedded": kept, "failed": failed, "ended_by": ended_by});
        print(&serde_json::to_string_pretty(&said)?)?;
    } else {
        print(&format!("{} embedded by {model}, {} failed", done.kept, done.failed))?;
    }
    if let Some(reason) = &done.ended_by {
        bail!("it ended before it was through: {reason}");
    }
    Ok(ExitCode::SUCCESS)
}
