//! Asking the store for what a request needs.

use memoryscope_domain::change::IdempotencyRecord;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::place::{Place, SealedPlace};
use memoryscope_domain::policy::{Filter, Narrowed};
use memoryscope_domain::scope::Partition;
use tracing::{Instrument as _, info_span};

use crate::context::Context;
use crate::engine::Engine;
use crate::op::Operation;
use crate::port::{BridgesTo, Load, Rights, Select, Snapshot, StoreError, WantedRecords};
use crate::refusal::Refusal;
use crate::{bridges, rights, spirals, traces};

impl Engine {
    /// The place that an answer to the same caller sealed ([`crate::op::page::Next::Sealed`]); none where it is not ours or its
    /// key was destroyed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(&self, cx: &Context, sealed: &SealedPlace) -> Result<Option<Place>, Refusal> {
        let snapshot = self.load(cx, Select::Nothing, Filter::Everything).await?;
        Ok(snapshot.subject_key.and_then(|key| sealed.open(&key)))
    }

    pub(crate) async fn load(
        &self,
        cx: &Context,
        select: Select,
        filter: Filter,
    ) -> Result<Snapshot, StoreError> {
        self.load_with(cx, select, filter, Vec::new(), Rights::default()).await
    }

    /// With the spirals of these scopes, and what is wanted of persons' rights.
    pub(crate) async fn load_with(
        &self,
        cx: &Context,
        select: Select,
        filter: Filter,
        spirals: Vec<Partition>,
        rights: Rights,
    ) -> Result<Snapshot, StoreError> {
        self.load_of(&Load { spirals, rights, ..loading(cx, select, filter) }).await
    }

    /// What is shown again of what an idempotency key did, with its record.
    pub(crate) async fn load_repeat<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        select: Select,
        record: Option<IdempotencyRecord>,
    ) -> Result<Snapshot, StoreError> {
        let (rights, records) = (rights::wanted(op), op.records(cx));
        let load = Load { rights, records, ..loading(cx, select, Filter::Everything) };
        let mut snapshot = self.load_of(&load).await?;
        snapshot.facts.idempotency.extend(record);
        Ok(snapshot)
    }

    pub(crate) async fn load_of(&self, load: &Load) -> Result<Snapshot, StoreError> {
        let loading = self.ports().store.load(load);
        let mut snapshot = loading.instrument(info_span!(target: traces::TARGET, traces::LOAD)).await?;
        if let (Select::Keyed(_), true) = (&load.select, snapshot.facts.more) {
            // Where to go on behind what was looked at, if nothing more of it is shown.
            snapshot.facts.scan_end = snapshot.facts.memories.last().map(|last| (last.created, last.id));
        }
        Ok(snapshot)
    }
}

/// Whose audit key a request's entry is under, unless it is about a grant.
pub(crate) fn own_subject(cx: &Context) -> SubjectRef {
    cx.principal.user.as_ref().map_or(SubjectRef::TENANT, SubjectRef::of_user)
}

/// A load for a request, of what is there now, without spirals and without bridges.
pub(crate) fn loading(cx: &Context, select: Select, filter: Filter) -> Load {
    Load {
        tenant: cx.principal.tenant.clone(),
        now: cx.now,
        select,
        filter,
        subject: own_subject(cx),
        idempotency: cx.idempotency.as_ref().map(|given| given.key.clone()),
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    }
}

/// An operation's own load.
pub(crate) fn loading_for<O: Operation>(cx: &Context, op: &O, (select, filter): (Select, Filter)) -> Load {
    Load {
        spirals: spirals::scopes(op),
        rights: rights::wanted(op),
        bridges: bridges::to(op),
        records: op.records(cx),
        ..loading(cx, select, filter)
    }
}

/// What an operation looks at in its attempt of that width, and what the policy lets through. Who is told what is withheld has
/// it loaded.
pub(crate) fn selection<O: Operation>(
    cx: &Context,
    op: &O,
    width: u32,
    (narrowed, is_told): (Option<&Narrowed>, bool),
) -> (Select, Filter) {
    let select = match narrowed {
        Some(narrowed) if narrowed.filter == Filter::Nothing => Select::Nothing,
        _ if width > 0 => op.select_wider(cx, width).unwrap_or_else(|| op.select(cx)),
        _ => op.select(cx),
    };
    let filter = narrowed.filter(|_| !is_told && op.is_narrowed());
    (select, filter.map_or(Filter::Everything, |narrowed| narrowed.filter.clone()))
}
