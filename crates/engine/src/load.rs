//! Asking the store for what a request needs.

use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Partition;
use tracing::{Instrument as _, info_span};

use crate::context::Context;
use crate::engine::{Engine, own_subject};
use crate::port::{Load, Select, Snapshot, StoreError};
use crate::traces;

impl Engine {
    pub(crate) async fn load(
        &self,
        cx: &Context,
        select: Select,
        filter: Filter,
    ) -> Result<Snapshot, StoreError> {
        self.load_with(cx, select, filter, Vec::new()).await
    }

    /// With the spirals of these scopes.
    pub(crate) async fn load_with(
        &self,
        cx: &Context,
        select: Select,
        filter: Filter,
        spirals: Vec<Partition>,
    ) -> Result<Snapshot, StoreError> {
        let load = Load {
            tenant: cx.principal.tenant.clone(),
            now: cx.now,
            select,
            filter,
            subject: own_subject(cx),
            idempotency: cx.idempotency.as_ref().map(|given| given.key.clone()),
            spirals,
        };
        self.ports().store.load(&load).instrument(info_span!(target: traces::TARGET, traces::LOAD)).await
    }
}
