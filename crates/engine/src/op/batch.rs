//! Batches: many persons' memories, each accepted or refused on its own.
//!
//! A batch is one [`Create`], or one [`Ingest`], for each person in it, so that an audit entry is about one person and can be unlinked
//! from them; the store's group commit makes one transaction of them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, MemoryId, UserId};
use memoryscope_domain::items::omo::Imported;
use memoryscope_domain::policy::Trace;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::scope::Scope;

use super::create::{Create, Created, NewPreference};
use super::ingest::{Ingest, Ingested, NewObject, Rejected};
use super::omo::{Import, NotImported};
use crate::context::{Context, Tells};
use crate::engine::{Done, Engine};
use crate::refusal::{Conflict, Refusal};

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
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let groups = by_user.into_iter().enumerate().map(|(at, (user, items))| {
        let cx = context_of_group(cx, at, IdSeed(*seeds.next_uuid().as_bytes()), Some(&user));
        Group { cx, user, items }
    });
    let mut groups = groups.collect::<Vec<_>>().into_iter();
    let mut runs = Vec::new();
    // With a key, the first group speaks for the batch: where the key is another request's, nothing is stored.
    if cx.idempotency.is_some()
        && let Some(first) = groups.next()
    {
        let first = run(engine, first).await;
        if let Some((_, Err(refusal @ Refusal::Conflict(Conflict::KeyReused | Conflict::InProgress)))) =
            first.first()
        {
            return (0..count).map(|_| Err(refusal.clone())).collect();
        }
        runs.push(first);
    }
    runs.extend(join_all(groups.map(|group| run(engine, group))).await);
    let mut results: BTreeMap<usize, Result<Item, Refusal>> = runs.into_iter().flatten().collect();
    (0..count)
        .map(|at| results.remove(&at).unwrap_or_else(|| Err(Refusal::Bug("an item was lost".to_owned()))))
        .collect()
}

/// One person's part of a batch: each item with its place.
struct Group {
    cx: Context,
    user: UserId,
    items: Vec<(usize, NewPreference)>,
}

/// Runs a group. Where some of it is denied, the denied items are decided again on their own, so that an entry says
/// of them, and of them alone, that they were denied and by which rules.
async fn run(engine: &Engine, group: Group) -> Vec<(usize, Result<Item, Refusal>)> {
    let Group { cx, user, items } = group;
    let (places, items): (Vec<usize>, Vec<NewPreference>) = items.into_iter().unzip();
    let op = Create { user: user.clone(), items };
    let done = match engine.run(&cx, &op).await {
        Ok(done) => done,
        Err(refusal) => return places.into_iter().map(|place| (place, Err(refusal.clone()))).collect(),
    };
    let mut results = Vec::with_capacity(places.len());
    let mut denied = Vec::new();
    for ((place, item), result) in places.into_iter().zip(op.items).zip(done.output) {
        match result {
            Ok(created) => {
                let item = Item { result: Ok(created), access_log: done.access_log };
                results.push((place, Ok(item)));
            }
            Err(trace) => denied.push((place, item, trace)),
        }
    }
    if denied.is_empty() {
        return results;
    }
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let cx = Context { id_seed: IdSeed(*seeds.next_uuid().as_bytes()), idempotency: None, ..cx };
    let items = denied.iter().map(|(_, item, _)| item.clone()).collect();
    match engine.run(&cx, &Create { user, items }).await {
        Err(Refusal::Denied { access_log, .. }) => {
            let item = |(place, _, trace)| (place, Ok(Item { result: Err(trace), access_log }));
            results.extend(denied.into_iter().map(item));
        }
        Err(refusal) => results.extend(denied.into_iter().map(|(place, ..)| (place, Err(refusal.clone())))),
        // The policy was changed in between, and allows some of it now.
        Ok(Done { output, access_log, .. }) => {
            let again = denied.into_iter().zip(output);
            results.extend(again.map(|((place, ..), result)| (place, Ok(Item { result, access_log }))));
        }
    }
    results
}

/// The same request for one person of it, with identifiers and, but for the first, an idempotency key of its own.
fn context_of_group(cx: &Context, at: usize, id_seed: IdSeed, user: Option<&UserId>) -> Context {
    let mut idempotency = cx.idempotency.clone();
    if let (Some(given), 1..) = (&mut idempotency, at) {
        given.key.key = format!("{}#{at}", given.key.key);
    }
    let mut principal = cx.principal.clone();
    if let Some(user) = user {
        principal = principal.acting_for(user.clone());
    }
    let tells = cx.tells.clone().map(|tells| match tells {
        Tells::Part { batch, .. } => Tells::Part { batch, number: at },
        tells @ Tells::Memory(_) => tells,
    });
    Context { principal, id_seed, idempotency, tells, ..cx.clone() }
}

/// One result of a batch of events, impacts and seeds.
#[derive(Debug)]
pub struct IngestedItem {
    /// What was stored, or why not.
    pub result: Result<Ingested, Rejected>,
    /// The audit entry that says so.
    pub access_log: AuditId,
}

/// Stores a batch of events, impacts and seeds, each for the person for whom the caller acts in it. The answers are in
/// the order of the items; an error is that item's own. Where everything for one person is denied, that is their
/// items' error.
pub async fn ingest_batch(
    engine: &Engine,
    cx: &Context,
    items: Vec<(Option<UserId>, NewObject)>,
) -> Vec<Result<IngestedItem, Refusal>> {
    let count = items.len();
    let mut by_user: BTreeMap<Option<UserId>, (Vec<usize>, Vec<NewObject>)> = BTreeMap::new();
    for (at, (user, item)) in items.into_iter().enumerate() {
        let (places, group) = by_user.entry(user).or_default();
        places.push(at);
        group.push(item);
    }
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let groups = by_user.into_iter().enumerate().map(|(at, (user, (places, items)))| {
        let id_seed = IdSeed(*seeds.next_uuid().as_bytes());
        let mut cx = context_of_group(cx, at, id_seed, None);
        cx.principal.user = user;
        (cx, places, Ingest { items })
    });
    ingest_groups(engine, cx, groups.collect(), count).await
}

/// Stores groups of events, impacts and seeds, each with the places of its items in the batch.
async fn ingest_groups(
    engine: &Engine,
    cx: &Context,
    groups: Vec<(Context, Vec<usize>, Ingest)>,
    count: usize,
) -> Vec<Result<IngestedItem, Refusal>> {
    let mut groups = groups.into_iter();
    let mut results = BTreeMap::new();
    // With a key, the first group speaks for the batch: where the key is another request's, nothing is stored.
    if cx.idempotency.is_some()
        && let Some(first) = groups.next()
    {
        let first = ingest_group(engine, first).await;
        if let Some((_, Err(refusal @ Refusal::Conflict(Conflict::KeyReused | Conflict::InProgress)))) =
            first.first()
        {
            return (0..count).map(|_| Err(refusal.clone())).collect();
        }
        results.extend(first);
    }
    results.extend(join_all(groups.map(|group| ingest_group(engine, group))).await.into_iter().flatten());
    (0..count)
        .map(|at| results.remove(&at).unwrap_or_else(|| Err(Refusal::Bug("an item was lost".to_owned()))))
        .collect()
}

async fn ingest_group(
    engine: &Engine,
    (cx, places, ingest): (Context, Vec<usize>, Ingest),
) -> Vec<(usize, Result<IngestedItem, Refusal>)> {
    match engine.run(&cx, &ingest).await {
        Ok(Done { output, access_log, .. }) => {
            let items = output.into_iter().map(|result| Ok(IngestedItem { result, access_log }));
            places.into_iter().zip(items).collect()
        }
        Err(refusal) => places.into_iter().map(|place| (place, Err(refusal.clone()))).collect(),
    }
}

/// Stores a batch of events, impacts and seeds, each for whoever writes it: as [`ingest_batch`], where those who write may
/// differ in more than for whom they act, even in their tenant.
pub async fn ingest_each(
    engine: &Engine,
    cx: &Context,
    items: Vec<(Principal, NewObject)>,
) -> Vec<Result<IngestedItem, Refusal>> {
    let count = items.len();
    let groups = by_writer(cx, items).into_iter().map(|(cx, places, items)| (cx, places, Ingest { items }));
    ingest_groups(engine, cx, groups.collect(), count).await
}

/// What each writer writes, with its places in the batch and a context of its own.
fn by_writer<T>(cx: &Context, items: Vec<(Principal, T)>) -> Vec<(Context, Vec<usize>, Vec<T>)> {
    let mut by_writer: Vec<(Principal, Vec<usize>, Vec<T>)> = Vec::new();
    for (at, (principal, item)) in items.into_iter().enumerate() {
        match by_writer.iter_mut().find(|(writer, ..)| *writer == principal) {
            Some((_, places, group)) => {
                places.push(at);
                group.push(item);
            }
            None => by_writer.push((principal, vec![at], vec![item])),
        }
    }
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let groups = by_writer.into_iter().enumerate().map(|(at, (principal, places, items))| {
        let cx = context_of_group(cx, at, IdSeed(*seeds.next_uuid().as_bytes()), None);
        (Context { principal, ..cx }, places, items)
    });
    groups.collect()
}

/// One result of an import.
#[derive(Debug)]
pub struct ImportedObject {
    /// The id that it has, or why it was not stored.
    pub result: Result<MemoryId, NotImported>,
    /// The audit entry that says so.
    pub access_log: AuditId,
}

/// Stores objects, each for whoever writes it. The answers are in the order of the objects; an error is that object's own. One
/// writer's objects come in after another's, so that it is the first of two with one id that keeps it.
pub async fn import_each(
    engine: &Engine,
    cx: &Context,
    objects: Vec<(Principal, (Scope, Imported))>,
) -> Vec<Result<ImportedObject, Refusal>> {
    let count = objects.len();
    let mut results = BTreeMap::new();
    for (at, (cx, places, objects)) in by_writer(cx, objects).into_iter().enumerate() {
        let group: Vec<Result<ImportedObject, Refusal>> = match engine.run(&cx, &Import { objects }).await {
            Ok(Done { output, access_log, .. }) => {
                output.into_iter().map(|result| Ok(ImportedObject { result, access_log })).collect()
            }
            // With a key, the first group speaks for the import: where the key is another request's, nothing is stored.
            Err(refusal @ Refusal::Conflict(Conflict::KeyReused | Conflict::InProgress)) if at == 0 => {
                return (0..count).map(|_| Err(refusal.clone())).collect();
            }
            Err(refusal) => places.iter().map(|_| Err(refusal.clone())).collect(),
        };
        results.extend(places.into_iter().zip(group));
    }
    (0..count)
        .map(|at| results.remove(&at).unwrap_or_else(|| Err(Refusal::Bug("an object was lost".to_owned()))))
        .collect()
}
