//! Batches: many persons' preferences, each accepted or refused on its own.
//!
//! A batch is one [`Create`] for each person in it, so that an audit entry is about one person and can be unlinked
//! from them; the store's group commit makes one transaction of them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, UserId};
use memoryscope_domain::policy::Trace;

use super::create::{Create, Created, NewPreference};
use crate::context::{Context, Idempotency};
use crate::engine::Engine;
use crate::refusal::Refusal;

/// One result of a batch.
#[derive(Debug)]
pub struct Item {
    /// What was stored, or the trace of the policy that refused it.
    pub result: Result<Created, Box<Trace>>,
    /// The audit entry that says so.
    pub access_log: AuditId,
}

/// Stores a batch. The answers are in the order of the items; an error is that item's own.
pub async fn create_batch(
    engine: &Engine,
    cx: &Context,
    items: Vec<(UserId, NewPreference)>,
) -> Vec<Result<Item, Refusal>> {
    let count = items.len();
    let mut by_user: BTreeMap<UserId, Vec<(usize, NewPreference)>> = BTreeMap::new();
    for (at, (user, item)) in items.into_iter().enumerate() {
        by_user.entry(user).or_default().push((at, item));
    }
    let runs = by_user.into_iter().enumerate().map(|(group, (user, items))| async move {
        let (places, items): (Vec<usize>, Vec<NewPreference>) = items.into_iter().unzip();
        let cx = context_of_group(cx, group, user.clone());
        (places, engine.run(&cx, &Create { user, items }).await)
    });
    let mut results: BTreeMap<usize, Result<Item, Refusal>> = BTreeMap::new();
    for (places, done) in join_all(runs).await {
        match done {
            Ok(done) => {
                let access_log = done.access_log;
                let item = |result| Ok(Item { result, access_log });
                results.extend(places.into_iter().zip(done.output.into_iter().map(item)));
            }
            Err(refusal) => {
                results.extend(places.iter().map(|place| (*place, Err(refusal.clone()))));
            }
        }
    }
    (0..count)
        .map(|at| results.remove(&at).unwrap_or_else(|| Err(Refusal::Bug("an item was lost".to_owned()))))
        .collect()
}

/// The same request for one person of it, with identifiers and an idempotency key of its own.
fn context_of_group(cx: &Context, group: usize, user: UserId) -> Context {
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let seed = (0..=group).fold(cx.id_seed, |_, _| IdSeed(*seeds.next_uuid().as_bytes()));
    let idempotency = cx.idempotency.as_ref().map(|given| {
        let mut key = given.key.clone();
        key.key = format!("{}#{group}", key.key);
        Idempotency { key, request_digest: given.request_digest }
    });
    Context { principal: cx.principal.clone().acting_for(user), id_seed: seed, idempotency, ..cx.clone() }
}
