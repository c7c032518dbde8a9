//! What is asked about bridges, and answered.

use std::collections::BTreeSet;

use memoryscope_domain::bridge::{Bridge, Carries};
use memoryscope_domain::ids::{BridgeId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::object::Note;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::bridge::Page;
use serde_json::{Value, json};

use super::answers::decided_schema;
use super::requests::{ScopeName, purpose, scope_fields};
use super::scalar::{named_or, party, prose, tenant_id};
use crate::cursor::{Binding, Cursor, cursor};
use crate::openapi::schema::{
    BRIDGE_ID_PATTERN, about, list, names, object, or_null, prefixed, text, time, truth,
};
use crate::wire::{Decode, Fault, Fields, Shape, boolean, list_of, object as shape, string, time as instant};

/// `POST /v2/scopes/{scope_id}/bridge`. The path names the source's id.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct BridgeRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) source_type: ScopeType,
    pub(in crate::core_v2) target: Scope,
    pub(in crate::core_v2) purposes: BTreeSet<Purpose>,
    pub(in crate::core_v2) carries: Carries,
    pub(in crate::core_v2) expires: Option<Timestamp>,
    pub(in crate::core_v2) reason: Option<Note>,
}

impl Shape for BridgeRequest {
    const NAME: &'static str = "BridgeInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let types = (&ScopeType::ALL[..], ScopeType::name as fn(ScopeType) -> &'static str);
        let source_type = named_or(f, "scope_type", types, ScopeType::User);
        let target = f.required("target", shape::<ScopeName>());
        let purposes = f.required("purposes", list_of(purpose(), 1..=Purpose::ALL.len()));
        let events = f.or("allow_events", boolean(), false);
        let impacts = f.or("allow_impacts", boolean(), false);
        let seeds = f.or("allow_seeds", boolean(), false);
        let expires = f.optional("expires_at", instant());
        let reason = f.optional("reason", prose());
        if expires.is_some_and(|end| f.now().is_some_and(|now| end <= now)) {
            f.refuse("expires_at", Fault::Invalid, "must lie in the future");
        }
        let carries = Carries { events: events?, impacts: impacts?, seeds: seeds? };
        if carries.types().is_empty() {
            let one = "one of allow_events, allow_impacts and allow_seeds must be true";
            f.refuse("allow_impacts", Fault::Invalid, one);
        }
        Some(Self {
            tenant: tenant?,
            source_type: source_type?,
            target: target?.0,
            purposes: purposes?.into_iter().collect(),
            carries,
            expires,
            reason,
        })
    }
}

/// The id of a path's scope.
pub(in crate::core_v2) fn scope_id() -> impl Decode<Out = memoryscope_domain::object::Party> {
    party()
}

/// A bridge's id.
pub(in crate::core_v2) fn bridge_id() -> impl Decode<Out = BridgeId> {
    string().pattern(BRIDGE_ID_PATTERN).parsed(|text: &String| BridgeId::parse(text))
}

/// `GET /v2/bridges`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct BridgesRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) cursor: Option<Cursor>,
}

impl Shape for BridgesRequest {
    const NAME: &'static str = "ListBridges";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = scope_fields(f);
        let cursor = f.optional("cursor", cursor());
        Some(Self { tenant: tenant?, scope: scope?, cursor })
    }
}

impl BridgesRequest {
    /// What its cursors are good for.
    pub(in crate::core_v2) fn binding(&self) -> Binding {
        let Self { tenant, scope, .. } = self;
        Binding::of(&[Some("bridges"), Some(tenant.as_str()), Some(scope.scope_type.name()), Some(&scope.id)])
    }
}

fn end(scope: &Scope) -> Value {
    json!({ "scope_type": scope.scope_type.name(), "scope_id": scope.id })
}

/// A bridge.
pub(in crate::core_v2) fn bridge(bridge: &Bridge) -> Value {
    json!({
        "id": bridge.id.prefixed(),
        "tenant_id": bridge.tenant.as_str(),
        "source": end(&bridge.source),
        "target": end(&bridge.target),
        "purposes": bridge.purposes.iter().map(|purpose| purpose.name()).collect::<Vec<_>>(),
        "allow_events": bridge.carries.events,
        "allow_impacts": bridge.carries.impacts,
        "allow_seeds": bridge.carries.seeds,
        "created_at": bridge.created.to_string(),
        "expires_at": bridge.expires.map(|end| end.to_string()),
    })
}

pub(super) fn bridge_object() -> Value {
    let end = || {
        object(
            "BridgeEnd",
            [("scope_type", names(ScopeType::ALL.map(ScopeType::name))), ("scope_id", text())],
        )
    };
    object(
        "Bridge",
        [
            ("id", prefixed("brg_")),
            ("tenant_id", text()),
            ("source", end()),
            ("target", end()),
            ("purposes", list(names(Purpose::ALL.map(Purpose::name)))),
            ("allow_events", truth()),
            ("allow_impacts", truth()),
            ("allow_seeds", truth()),
            ("created_at", time()),
            ("expires_at", or_null(about(time(), "From then on it is as if it had never been."))),
        ],
    )
}

/// The schema of a bridge that was made.
pub(in crate::core_v2) fn bridge_schema() -> Value {
    let mut schema = decided_schema(bridge_object());
    schema["title"] = json!("MadeBridge");
    schema
}

/// What is told of a bridge that was removed.
pub(in crate::core_v2) fn removed(bridge: &Bridge) -> Value {
    json!({ "id": bridge.id.prefixed(), "removed_at": bridge.removed.map(|at| at.to_string()) })
}

/// The schema of [`removed`].
pub(in crate::core_v2) fn removed_schema() -> Value {
    let at = about(time(), "When it was removed first.");
    decided_schema(object("RemovedBridge", [("id", prefixed("brg_")), ("removed_at", at)]))
}

/// A page of bridges.
pub(in crate::core_v2) fn page(page: &Page, next: Option<&str>) -> Value {
    json!({ "items": page.bridges.iter().map(bridge).collect::<Vec<_>>(), "next_cursor": next })
}

/// The schema of [`page`].
pub(in crate::core_v2) fn page_schema() -> Value {
    let max = limits::BRIDGES_PAGE_ITEMS;
    let items = about(list(bridge_object()), &format!("In order of their ids, at most {max}."));
    decided_schema(object(
        "BridgePage",
        [("items", items), ("next_cursor", about(or_null(text()), "Null on the last page."))],
    ))
}

/// The schema of the bridge that an item names.
pub(super) fn behind_schema() -> Value {
    about(prefixed("brg_"), "The bridge behind which it was read, where it is another scope's.")
}
