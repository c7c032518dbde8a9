//! `memoryscope jobs`: what is done behind requests.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use memoryscope_api::jobs::told;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::job::{JobState, JobType};
use memoryscope_domain::limits;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::jobs;
use memoryscope_engine::op::job::{Embeddings, Job, List};
use memoryscope_engine::op::order::{Changed, Order, Wish};
use serde_json::{Value, json};

use super::flags::{self, CommonFlags, ServerFlags};
use super::{print, table};
use crate::{logging, wiring};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose jobs.
    #[arg(long, value_name = "TENANT", default_value = "t_default")]
    tenant: String,
    /// Only those of this type.
    #[arg(long = "type", value_name = "TYPE", value_parser = JobType::NAMES.to_vec())]
    of: Option<String>,
    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser = JobState::NAMES.to_vec())]
    state: Option<String>,
    /// End the job of this name.
    #[arg(long, value_name = "ID", conflicts_with_all = ["retry", "of", "state"])]
    cancel: Option<String>,
    /// Have the job of this name tried again.
    #[arg(long, value_name = "ID", conflicts_with_all = ["of", "state"])]
    retry: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: CommonFlags,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = flags::load(args.common, ServerFlags::default())?;
    logging::start(&config)?;
    let tenant = TenantId::parse(&args.tenant).context("--tenant")?;
    let of = args.of.as_deref().and_then(JobType::from_name);
    let state = args.state.as_deref().and_then(JobState::from_name);
    let order = match (args.cancel, args.retry) {
        (Some(id), _) => Some(Order { id, wish: Wish::Cancel }),
        (None, Some(id)) => Some(Order { id, wish: Wish::Retry }),
        (None, None) => None,
    };
    let found = wiring::runtime()?.block_on(async {
        let store = wiring::open_existing_store(&config, false).await?;
        let engine = wiring::engine(&config, store)?;
        match &order {
            Some(order) => Ok(vec![ordered(&engine, &tenant, order).await?]),
            None => listed(&engine, &tenant, of, state).await,
        }
    })?;
    if args.json {
        let items: Vec<Value> = found.iter().map(told).collect();
        let said = if order.is_some() { items.into_iter().next().unwrap_or_default() } else { json!(items) };
        print(&serde_json::to_string_pretty(&said)?)?;
    } else if found.is_empty() {
        print("nothing is to be done")?;
    } else {
        print(&table(
            ["job", "type", "state", "attempts", "next attempt", "last error"],
            found.iter().map(row),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(job: &Job) -> [String; 6] {
    let attempts = match job.attempts_max {
        Some(max) => format!("{}/{max}", job.attempts),
        None => "-".to_owned(),
    };
    let next = job.next.map_or_else(|| "-".to_owned(), |next| next.to_string());
    let error = job.last_error.clone().unwrap_or_else(|| "-".to_owned());
    [job.id.clone(), job.of.name().to_owned(), job.state.name().to_owned(), attempts, next, error]
}

/// All of them.
async fn listed(
    engine: &Engine,
    tenant: &TenantId,
    of: Option<JobType>,
    state: Option<JobState>,
) -> anyhow::Result<Vec<Job>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let op = List { of, state, after, limit: limits::LIST_ITEMS_MAX, embeddings: Embeddings::default() };
        let cx = wiring::operator(engine, tenant.clone());
        let page = engine.run(&cx, &op).await.map_err(|refusal| anyhow!("{refusal}"))?.output;
        found.extend(page.jobs);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn ordered(engine: &Engine, tenant: &TenantId, order: &Order) -> anyhow::Result<Job> {
    let cx = wiring::operator(engine, tenant.clone());
    match jobs::order(engine, &cx, order).await.map_err(|refusal| anyhow!("{refusal}"))?.output {
        Changed::Done(job) => Ok(job),
        Changed::NotSo(job) => {
            let word = match order.wish {
                Wish::Cancel => "ended",
                Wish::Retry => "tried again",
            };
            bail!("a job that is {} cannot be {word}", job.state.name())
        }
        Changed::Unknown | Changed::Extraction(_) => bail!("there is no job {}", order.id),
    }
}
