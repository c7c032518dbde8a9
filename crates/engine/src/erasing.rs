//! Changing many memories one after the other: everything that is a caller's own is erased, or everything in a namespace, or a
//! namespace is taken out of the access lists that name it.
//!
//! Each memory is changed by the step that changes one that is named, so that the same policy decides it, what follows from it goes with
//! it and an audit entry says so. A crash or a timeout between two of them leaves what was done done: the request is sent again then,
//! and finds what is left.

use std::collections::BTreeMap;

use memoryscope_domain::graph::Schema;
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, MemoryId, SchemaId};
use memoryscope_domain::items::namespace::is_id;
use memoryscope_domain::items::{AclId, Layer, MemoryPolicy, RequestPolicy};
use memoryscope_domain::lifecycle::{Barred, Revision, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::time::Timestamp;

use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::op::seek::{Seek, Sought};
use crate::op::step::MakeStep;
use crate::op::{namespace, schema};
use crate::refusal::Refusal;

/// What became of one memory.
#[derive(Debug)]
pub struct Changed {
    /// Which.
    pub id: MemoryId,
    /// When it was stored, or why it stays as it is.
    pub result: Result<Timestamp, NotChanged>,
}

/// Why a memory stays as it is.
#[derive(Debug)]
pub enum NotChanged {
    /// It cannot be changed so; the audit entry says so.
    Barred(Barred, AuditId),
    /// It may not be, or could not be now.
    Refused(Refusal),
}

/// What became of everything that was to be changed.
#[derive(Debug, Default)]
pub struct AllChanged {
    /// How many are.
    pub changed: usize,
    /// How many of them lost a writer by it.
    pub unwritten: usize,
    /// How many are not.
    pub failed: usize,
    /// Each of them, in order of their ids; of those that are changed, the first [`limits::ERASED_SHOWN_ITEMS`], and likewise of those
    /// that are not.
    pub shown: Vec<Changed>,
}

/// Erases every event that is sought, one after the other. What the caller may not know of is passed over.
///
/// # Errors
/// When the caller may not change anything, or memories cannot be read now: what was erased before stays erased.
pub async fn erase_all(engine: &Engine, cx: &Context, what: Sought) -> Result<AllChanged, Refusal> {
    change_all(engine, cx, what, Deed::Erase).await
}

/// Takes a namespace out of the access lists of all items that name it, likewise. Each states its access list from then on.
///
/// # Errors
/// As [`erase_all`].
pub async fn unshare_all(engine: &Engine, cx: &Context, namespace: &str) -> Result<AllChanged, Refusal> {
    let deed = Deed::Unshare { namespace: namespace.to_owned(), layers: Layers::default() };
    change_all(engine, cx, Sought::SharedWith(namespace.to_owned()), deed).await
}

/// What is done to each.
enum Deed {
    Erase,
    Unshare { namespace: String, layers: Layers },
}

/// What holds for items beside what they state themselves, as it is when it is met first.
#[derive(Default)]
struct Layers {
    schemas: BTreeMap<String, Option<Schema>>,
    namespaces: BTreeMap<String, Option<MemoryPolicy>>,
}

impl Deed {
    fn takes_a_writer_of(&self, memory: &Memory) -> bool {
        let Self::Unshare { namespace, .. } = self else { return false };
        let acl = memory.item().and_then(|item| item.policy.acl.as_ref());
        acl.is_some_and(|acl| acl.value.write.iter().any(|entry| entry.is_namespace(namespace)))
    }

    async fn step(
        &mut self,
        engine: &Engine,
        contexts: &mut Contexts<'_>,
        memory: &Memory,
    ) -> Result<Option<Step>, Refusal> {
        let Self::Unshare { namespace, layers } = self else { return Ok(Some(Step::Erase)) };
        let Some(item) = memory.item() else { return Ok(None) };
        let Some(acl) = item.policy.acl.as_ref() else { return Ok(None) };
        let mut acl = acl.value.clone();
        let stays = |entry: &AclId| !entry.is_namespace(namespace);
        acl.read.retain(stays);
        acl.write.retain(stays);
        let mut policy = RequestPolicy::default();
        policy.stated.acl = Some(acl);
        let within = match &item.namespace_id {
            Some(id) => layers.namespace(engine, contexts, id).await?,
            None => None,
        };
        let stated = item.policy.schema_id.as_ref().filter(|schema| schema.layer != Layer::Namespace);
        let of_namespace = within.as_ref().and_then(|policy| policy.schema_id.as_ref());
        let schema = match stated.map(|schema| &schema.value).or(of_namespace) {
            Some(named) => layers.schema(engine, contexts, named.as_str()).await?.map(Box::new),
            None => None,
        };
        let revision = Revision { policy, schema, ..Revision::default() };
        Ok(Some(Step::Revise(Box::new(revision.within(within)))))
    }
}

impl Layers {
    async fn schema(
        &mut self,
        engine: &Engine,
        contexts: &mut Contexts<'_>,
        named: &str,
    ) -> Result<Option<Schema>, Refusal> {
        if let Some(known) = self.schemas.get(named) {
            return Ok(known.clone());
        }
        let found = match SchemaId::parse(named) {
            Ok(id) => engine.run(&contexts.part(), &schema::Get { id }).await?.output,
            Err(_) => None,
        };
        let found = found.map(|stored| stored.schema);
        self.schemas.insert(named.to_owned(), found.clone());
        Ok(found)
    }

    async fn namespace(
        &mut self,
        engine: &Engine,
        contexts: &mut Contexts<'_>,
        id: &str,
    ) -> Result<Option<MemoryPolicy>, Refusal> {
        if let Some(known) = self.namespaces.get(id) {
            return Ok(known.clone());
        }
        let get = namespace::Get { ids: vec![id.to_owned()] };
        let found = if is_id(id) { engine.run(&contexts.part(), &get).await?.output } else { Vec::new() };
        let policy = found.into_iter().next().and_then(|found| found.settings.default_policy);
        self.namespaces.insert(id.to_owned(), policy.clone());
        Ok(policy)
    }
}

async fn change_all(
    engine: &Engine,
    cx: &Context,
    what: Sought,
    mut deed: Deed,
) -> Result<AllChanged, Refusal> {
    let mut contexts = Contexts::of(cx);
    let (mut all, mut after) = (AllChanged::default(), None);
    loop {
        let seek = Seek { what: what.clone(), after };
        let found = engine.run(&contexts.part(), &seek).await?.output;
        // One after the other: side by side, what each saw of the others would depend on chance.
        for memory in &found.memories {
            let Some(step) = deed.step(engine, &mut contexts, memory).await? else { continue };
            let takes_a_writer = deed.takes_a_writer_of(memory);
            let one = change(engine, &contexts.part(), &MakeStep { id: memory.id, step }).await;
            if let Some(one) = one {
                all.take(one, takes_a_writer);
            }
        }
        after = found.after;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Changes one; nothing where there is none to know of any more.
async fn change(engine: &Engine, cx: &Context, step: &MakeStep) -> Option<Changed> {
    let result = match engine.run(cx, step).await {
        Ok(Done { output: Ok(made), .. }) => Ok(made.memory.created),
        Ok(Done { output: Err(barred), access_log, .. }) => Err(NotChanged::Barred(barred, access_log)),
        Err(Refusal::Hidden { .. }) => return None,
        Err(refusal) => Err(NotChanged::Refused(refusal)),
    };
    Some(Changed { id: step.id, result })
}

impl AllChanged {
    fn take(&mut self, one: Changed, takes_a_writer: bool) {
        self.unwritten += usize::from(one.result.is_ok() && takes_a_writer);
        let count = if one.result.is_ok() { &mut self.changed } else { &mut self.failed };
        *count += 1;
        if *count <= limits::ERASED_SHOWN_ITEMS {
            self.shown.push(one);
        }
    }
}

/// Contexts of the parts of one request, each with identifiers of its own.
#[derive(Debug)]
pub struct Contexts<'a> {
    cx: &'a Context,
    seeds: IdSource,
}

impl<'a> Contexts<'a> {
    /// Of this request.
    #[must_use]
    pub fn of(cx: &'a Context) -> Self {
        Self { cx, seeds: IdSource::new(cx.id_seed, cx.now) }
    }

    /// The next part's.
    #[must_use]
    pub fn part(&mut self) -> Context {
        let id_seed = IdSeed(*self.seeds.next_uuid().as_bytes());
        Context { id_seed, idempotency: None, ..self.cx.clone() }
    }

    /// The next part's, under the request's idempotency key; but for the part of number 0 under one that follows from it.
    #[must_use]
    pub fn keyed(&mut self, number: usize) -> Context {
        let mut idempotency = self.cx.idempotency.clone();
        if let (Some(given), 1..) = (&mut idempotency, number) {
            given.key.key = format!("{}#{number}", given.key.key);
        }
        Context { idempotency, ..self.part() }
    }
}
