//! What must be in the store before something can be measured: written through the API, as everything is.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::case::{Case, memory, reading};
use super::{Plan, core, items};
use crate::Failure;
use crate::http::{Connection, Target};

/// Memories in one request: a batch may have more, but each is answered in time then.
const BATCH: u64 = 500;
/// Batches that are under way at once.
const AT_ONCE: u64 = 4;
/// Memories of each user of a store that is filled.
const PRELOADED_OF_EACH_USER: u64 = 10;

/// How a dialect takes many memories at once.
#[derive(Debug)]
pub(super) struct Batches {
    path: &'static str,
    body: fn(Vec<Value>) -> Value,
}

impl Batches {
    const SCOPED: Self = Self { path: "/memory/batch", body: |items| json!({"memories": items}) };
    pub(super) const CORE: Self = Self {
        path: "/v2/memories/batch",
        body: |items| json!({"tenant_id": core::TENANT, "memories": items}),
    };
}

/// Fills the store with so many memories; ten of each user.
pub(super) async fn preload(
    target: &Target,
    run: &str,
    count: u64,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let nth = |n: u64| {
        let user = format!("{run}-pre-{}", n / PRELOADED_OF_EACH_USER);
        memory(&user, (n % 1_000) as u32)
    };
    store(target, count, &nth, &Batches::SCOPED, bar).await.map(drop)
}

/// Stores the memories that a case reads, and answers its users.
pub(super) async fn users(
    target: &Target,
    plan: &Plan,
    case: Case,
    bar: &ProgressBar,
) -> Result<Vec<String>, Failure> {
    let run = &plan.run;
    let names: Vec<String> =
        (0..case.users(plan.users)).map(|n| format!("{run}-{}-{n}", case.name())).collect();
    if let Some(reads) = case.reads(plan.large_scope) {
        let each = u64::from(reads.of_each_user.max(1));
        let nth = |n: u64| (reads.nth)(&names[(n / each) as usize], (n % each) as u32);
        let batches = if reads.is_core { Batches::CORE } else { Batches::SCOPED };
        store(target, each * names.len() as u64, &nth, &batches, bar).await?;
    }
    look_once(target, plan, case, &names[0]).await?;
    let member = match case {
        Case::Reinforce => "/memory_ids/0",
        Case::Explain | Case::Replay => "/access_log_id",
        _ => return Ok(names),
    };
    named(target, &names, member).await
}

/// What an answer about each user's memories names there: a memory, or a decision.
async fn named(target: &Target, users: &[String], member: &str) -> Result<Vec<String>, Failure> {
    let preparing = |why: &dyn std::fmt::Display| Failure::Preparing(why.to_string());
    let mut connection = Connection::open(target).await.map_err(|fault| preparing(&fault))?;
    let mut found = Vec::with_capacity(users.len());
    for user in users {
        let request = target.post("/v2/memories/query", &[], &core::querying(user));
        let answer = connection.exchange(&request).await.map_err(|fault| preparing(&fault))?;
        let name = answer.json().pointer(member).and_then(Value::as_str).map(str::to_owned);
        found.push(name.ok_or_else(|| preparing(&format!("a query answers without {member}")))?);
    }
    Ok(found)
}

/// Asks once, to see that everything is there and can be read, and that as much follows from an event as should: what
/// follows looks at status codes only.
async fn look_once(target: &Target, plan: &Plan, case: Case, name: &str) -> Result<(), Failure> {
    let (path, body, member, least): (_, _, _, usize) = match case {
        Case::Live | Case::Create => return Ok(()),
        Case::Read10 | Case::Read1000 | Case::Mix => {
            ("/memory/read", reading(name), "/summary_struct/likes", 1)
        }
        Case::AddItem => (items::ADDING, items::plain(name), "/data", 1),
        Case::AddGraph => ("/v1/memory", items::with_graph(name), "/details/graph/nodes", 5),
        Case::AddBatch => (items::ADDING_BATCH, items::batch(name), "/successful", items::BATCH),
        Case::SearchItems => ("/v1/memory/search", items::searching(name), "/data/memories", 20),
        Case::Ingest => ("/v2/memories", core::storing(core::plain_event(name)), "/derived", 0),
        Case::Derive => ("/v2/memories", core::storing(core::telling_event(name, 0)), "/derived", 2),
        Case::Query100
        | Case::QueryLarge
        | Case::QueryDenied
        | Case::Reinforce
        | Case::Explain
        | Case::Replay => {
            let all = case.reads(plan.large_scope).map_or(0, |reads| reads.of_each_user);
            let hidden = if case == Case::QueryDenied { core::ONE_VISIBLE_OF } else { 1 };
            let shown = u64::from(all.div_ceil(hidden)).min(core::PAGE);
            ("/v2/memories/query", core::querying(name), "/items", shown as usize)
        }
        Case::Reconstruct => ("/v2/reconstruct", core::reconstructing(name), "/sources/impacts", 1),
    };
    let preparing = |why: &dyn std::fmt::Display| Failure::Preparing(format!("{}: {why}", case.name()));
    let mut connection = Connection::open(target).await.map_err(|fault| preparing(&fault))?;
    let answer =
        connection.exchange(&target.post(path, &[], &body)).await.map_err(|fault| preparing(&fault))?;
    let told = answer.json().pointer(member).and_then(Value::as_array).map(Vec::len);
    let is_right = match case {
        Case::Read10 | Case::Read1000 | Case::Mix | Case::Reconstruct => told >= Some(least),
        _ => told == Some(least),
    };
    if answer.status != case.status() || !is_right {
        let told = told.map_or_else(|| "no".to_owned(), |told| told.to_string());
        let said = format!("{path} answers {} with {told} in {member}: {}", answer.status, answer.message());
        return Err(preparing(&said));
    }
    Ok(())
}

/// Stores `count` memories, of which `nth` says what they are. Answers when how many of them were stored.
pub(super) async fn store(
    target: &Target,
    count: u64,
    nth: &dyn Fn(u64) -> Value,
    batches: &Batches,
    bar: &ProgressBar,
) -> Result<Vec<(Instant, u64)>, Failure> {
    let (next, stored) = (AtomicU64::new(0), RefCell::new(Vec::new()));
    let worker = async || {
        let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
        let mut connection = Connection::open(target).await.map_err(unreachable)?;
        loop {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= count {
                return Ok(());
            }
            let items: Vec<Value> = (from..count.min(from + BATCH)).map(nth).collect();
            let in_batch = items.len() as u64;
            let request = target.post(batches.path, &[], &(batches.body)(items));
            let answer = connection.exchange(&request).await.map_err(unreachable)?;
            if answer.status != 200 {
                let said = format!("a batch is answered {} {}", answer.status, answer.message());
                return Err(Failure::Preparing(said));
            }
            stored.borrow_mut().push((Instant::now(), in_batch));
            bar.inc(in_batch);
        }
    };
    let workers = AT_ONCE.min(count.div_ceil(BATCH));
    try_join_all((0..workers).map(|_| worker())).await?;
    Ok(stored.into_inner())
}
