//! Telling clients' own servers what became of their memories: who does it, and the job that has it done.
//!
//! What is to be told is a record, made in the commit that makes what it tells of; so nothing is lost when a server ends. A server
//! that takes one has a lease of it. Where it ends before it says what became of it, another one takes it when the lease is over: an
//! event may be told twice, and has the same name then.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use futures_util::future::join_all;
use memoryscope_domain::ids::{MemoryId, RequestId, TenantId};
use memoryscope_domain::job::JobState;
use memoryscope_domain::limits;
use memoryscope_domain::memory::Unreadable;
use memoryscope_domain::policy::{Dialect, Filter};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::record::{Record, RecordKind};
use memoryscope_domain::webhook::{Batch, Delivery, Topic};

use crate::context::Context;
use crate::engine::Engine;
use crate::load::loading;
use crate::op::deliver::{Finish, Take, Taken};
use crate::port::{Load, RecordPage, Select, WantedRecords};
use crate::refusal::Refusal;

/// What is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The event's name.
    pub event_id: String,
    /// Where it goes.
    pub url: String,
    /// The header that signs it, where there is a secret.
    pub signature: Option<(&'static str, String)>,
    /// What it says.
    pub body: String,
}

/// Addresses may hold secrets.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// A word for programs.
    pub reason: &'static str,
    /// Whether trying it again would not help.
    pub is_final: bool,
}

/// Sends messages to clients' own servers.
#[async_trait]
pub trait Notifier: Send + Sync + fmt::Debug {
    /// Sends one, once; gives back the status that was answered. It takes no longer than [`limits::DELIVERY_SECONDS_MAX`], and reaches
    /// nothing that the address's owner could not be allowed to reach.
    ///
    /// # Errors
    /// Why there was no answer.
    async fn send(&self, message: &Message) -> Result<u16, Undelivered>;
}

/// What one look at what is due came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// How many were delivered.
    pub delivered: usize,
    /// How many could not be, this time or for good.
    pub failed: usize,
    /// Whether there may be more that is due now.
    pub more: bool,
}

/// Looks at everything that is due, tenant by tenant, and tells what is to be told.
///
/// # Errors
/// When a tenant's records cannot be read or written: the first such refusal, once every other tenant had its turn.
pub async fn tell_all(engine: &Engine, notifier: &dyn Notifier, holder: &str) -> Result<Told, Refusal> {
    let (mut told, mut failed) = (Told::default(), None);
    for kind in [RecordKind::Delivery, RecordKind::Batch] {
        let mut after = None;
        loop {
            let (now, page) = (engine.ports().clock.now(), limits::TENANTS_PAGE_ITEMS);
            let tenants = engine.ports().store.tenants_awaiting(kind, now, after.as_ref(), page).await?;
            let Some(last) = tenants.last().cloned() else { break };
            for tenant in &tenants {
                match tell_tenant(engine, notifier, (kind, tenant), holder, &mut told).await {
                    Ok(()) => {}
                    Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                    Err(refusal) => failed = failed.or(Some(refusal)),
                }
            }
            after = Some(last);
        }
    }
    failed.map_or(Ok(told), Err)
}

/// One tenant's turn: so many at once, so that a slow server holds up no more than these.
async fn tell_tenant(
    engine: &Engine,
    notifier: &dyn Notifier,
    (kind, tenant): (RecordKind, &TenantId),
    holder: &str,
    told: &mut Told,
) -> Result<(), Refusal> {
    let cx = system(engine, tenant);
    let page = RecordPage::Due { kind, by: cx.now, limit: limits::DELIVERY_BATCH_ITEMS };
    let records = WantedRecords { named: Vec::new(), page: Some(page) };
    let load = Load { records, ..loading(&cx, Select::Nothing, Filter::Everything) };
    let due = engine.load_of(&load).await?.facts.records;
    told.more |= due.more;
    let turns = due.page.into_iter().map(|found| tell(engine, notifier, tenant, found, holder));
    let mut failed = None;
    for turn in join_all(turns).await {
        match turn {
            Ok(Some(JobState::Completed)) => told.delivered += 1,
            Ok(Some(_)) => told.failed += 1,
            Ok(None) => {}
            Err(refusal) => failed = failed.or(Some(refusal)),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// One delivery's turn: what it came to, where it was sent.
async fn tell(
    engine: &Engine,
    notifier: &dyn Notifier,
    tenant: &TenantId,
    found: Record,
    holder: &str,
) -> Result<Option<JobState>, Refusal> {
    let id = found.id.clone();
    let memories = memories_of(engine, tenant, &found).await?;
    let awaited = memories.iter().filter(|id| engine.awaits_vector(tenant, **id)).count();
    let take = Take { found, memories, awaited, holder: holder.to_owned() };
    let Taken::Message(message) = engine.run(&system(engine, tenant), &take).await?.output else {
        return Ok(None);
    };
    let result = notifier.send(&message).await;
    let finish = Finish { id, holder: holder.to_owned(), result };
    Ok(engine.run(&system(engine, tenant), &finish).await?.output)
}

/// The memories that a record is about.
async fn memories_of(engine: &Engine, tenant: &TenantId, found: &Record) -> Result<Vec<MemoryId>, Refusal> {
    if found.kind != RecordKind::Delivery {
        return Ok(Vec::new());
    }
    match Delivery::read(found)?.topic {
        Topic::Memory(id) => Ok(MemoryId::parse(&id).into_iter().collect()),
        Topic::Batch(id) => {
            let records = WantedRecords { named: parts_of(&id), page: None };
            let cx = system(engine, tenant);
            let load = Load { records, ..loading(&cx, Select::Nothing, Filter::Everything) };
            let parts = engine.load_of(&load).await?.facts.records.named;
            Ok(memories_in(&parts)?)
        }
    }
}

/// What a batch's parts may be called.
pub(crate) fn parts_of(id: &str) -> Vec<(RecordKind, String)> {
    (0..limits::ITEM_BATCH_ITEMS_MAX).map(|at| (RecordKind::Batch, Batch::part_name(id, at))).collect()
}

/// The memories of a batch's parts, in order of their ids, which is that in which they were sent.
pub(crate) fn memories_in(parts: &[Record]) -> Result<Vec<MemoryId>, Unreadable> {
    let mut ids = BTreeSet::new();
    for part in parts {
        let named = Batch::read(part)?.memories;
        ids.extend(named.iter().filter_map(|id| MemoryId::parse(id).ok()));
    }
    Ok(ids.into_iter().collect())
}

/// The server itself, in a tenant.
fn system(engine: &Engine, tenant: &TenantId) -> Context {
    let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
    engine.begin(Principal::system(tenant.clone()), name, Dialect::Items, engine.ports().clock.now())
}
