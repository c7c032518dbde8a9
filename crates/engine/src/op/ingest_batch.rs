//! Batches of events, impacts and seeds: each stored or refused on its own.
//!
//! Each is an [`Ingest`] of its own, with an audit entry of its own: a batch may be about many persons, and what is
//! refused must undo nothing. The store's group commit makes few transactions of them.

use futures_util::future::join_all;
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource};

use super::ingest::{Ingest, Ingested, NewObject, Rejected};
use crate::context::Context;
use crate::engine::Engine;
use crate::refusal::{Conflict, Refusal};

/// One of a batch: who stores it, and what.
#[derive(Debug, Clone)]
pub struct Part {
    /// The batch's context, with the principal who acts for this part.
    pub cx: Context,
    /// What to store.
    pub object: NewObject,
}

/// What came of one that could be tried.
#[derive(Debug)]
pub struct Item {
    /// What was stored, or why not.
    pub result: Result<Ingested, Rejected>,
    /// The audit entry that says so.
    pub access_log: AuditId,
}

/// Stores a batch. The answers are in the order of the parts; an error is that part's own.
pub async fn ingest_batch(engine: &Engine, parts: Vec<Part>) -> Vec<Result<Item, Refusal>> {
    let Some(first) = parts.first() else { return Vec::new() };
    let (count, keyed) = (parts.len(), first.cx.idempotency.is_some());
    let mut seeds = IdSource::new(first.cx.id_seed, first.cx.now);
    let named = parts.into_iter().enumerate().map(|(at, part)| {
        let mut cx = part.cx;
        cx.id_seed = IdSeed(*seeds.next_uuid().as_bytes());
        if let (Some(given), 1..) = (&mut cx.idempotency, at) {
            given.key.key = format!("{}#{at}", given.key.key);
        }
        Part { cx, object: part.object }
    });
    let mut parts = named.collect::<Vec<_>>().into_iter();
    let mut results = Vec::with_capacity(count);
    // With a key, the first speaks for the batch: where the key is another request's, nothing is stored.
    if keyed && let Some(first) = parts.next() {
        let first = run(engine, first).await;
        if let Err(refusal @ Refusal::Conflict(Conflict::KeyReused | Conflict::InProgress)) = first {
            return (0..count).map(|_| Err(refusal.clone())).collect();
        }
        results.push(first);
    }
    results.extend(join_all(parts.map(|part| run(engine, part))).await);
    results
}

async fn run(engine: &Engine, part: Part) -> Result<Item, Refusal> {
    let done = engine.run(&part.cx, &Ingest { items: vec![part.object] }).await?;
    let result = done.output.into_iter().next();
    let result = result.ok_or_else(|| Refusal::Bug("nothing was decided".to_owned()))?;
    Ok(Item { result, access_log: done.access_log })
}
