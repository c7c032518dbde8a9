//! What must be in the store before something can be measured: written through the API, as everything is.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::case::{Case, memory, reading};
use crate::Failure;
use crate::http::{Connection, Target};

/// Memories in one request: a batch may have more, but each is answered in time then.
const BATCH: u64 = 500;
/// Batches that are under way at once.
const AT_ONCE: u64 = 4;
/// Memories of each user of a store that is filled.
const PRELOADED_OF_EACH_USER: u64 = 10;

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
    store(target, count, &nth, bar).await
}

/// Stores the memories that a case reads, and answers its users.
pub(super) async fn users(
    target: &Target,
    run: &str,
    case: Case,
    users: u32,
    bar: &ProgressBar,
) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = (0..case.users(users)).map(|n| format!("{run}-{}-{n}", case.name())).collect();
    let each = u64::from(case.memories_of_each_user());
    if each == 0 {
        return Ok(names);
    }
    let nth = |n: u64| memory(&names[(n / each) as usize], (n % each) as u32);
    store(target, each * names.len() as u64, &nth, bar).await?;
    // That all of them are there and can be read; what follows looks at status codes only.
    let preparing = |why: &dyn std::fmt::Display| Failure::Preparing(format!("{}: {why}", case.name()));
    let mut connection = Connection::open(target).await.map_err(|fault| preparing(&fault))?;
    let request = target.post("/memory/read", &[], &reading(&names[0]));
    let answer = connection.exchange(&request).await.map_err(|fault| preparing(&fault))?;
    let likes = answer.json()["summary_struct"]["likes"].as_array().map_or(0, Vec::len);
    if answer.status != 200 || likes == 0 {
        return Err(preparing(&format!("a read answers {} {}", answer.status, answer.message())));
    }
    Ok(names)
}

/// Stores `count` memories, of which `nth` says what they are.
async fn store(
    target: &Target,
    count: u64,
    nth: &dyn Fn(u64) -> Value,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let (next, bar) = (AtomicU64::new(0), &bar);
    let worker = async |next: &AtomicU64| {
        let unreachable = |cause| Failure::Unreachable { url: target.url().to_owned(), cause };
        let mut connection = Connection::open(target).await.map_err(unreachable)?;
        loop {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= count {
                return Ok(());
            }
            let items: Vec<Value> = (from..count.min(from + BATCH)).map(nth).collect();
            let stored = items.len() as u64;
            let request = target.post("/memory/batch", &[], &json!({"memories": items}));
            let answer = connection.exchange(&request).await.map_err(unreachable)?;
            if answer.status != 200 {
                let said = format!("a batch is answered {} {}", answer.status, answer.message());
                return Err(Failure::Preparing(said));
            }
            bar.inc(stored);
        }
    };
    let workers = AT_ONCE.min(count.div_ceil(BATCH));
    try_join_all((0..workers).map(|_| worker(&next))).await.map(drop)
}
