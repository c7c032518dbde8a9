//! `bridge.create`, `bridge.remove` and `bridge.list`: what one scope lets another see of it.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::bridge::{Bridge, Carries};
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::{BridgeId, IdSource};
use memoryscope_domain::limits;
use memoryscope_domain::object::Note;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{BridgeSelect, Select};
use crate::refusal::Refusal;

/// A bridge is made.
pub static MAKE: Info = Info { name: "bridge.create", audit: Code::literal("BRIDGE_CREATE"), changes: true };
/// A bridge is removed.
pub static END: Info = Info { name: "bridge.remove", audit: Code::literal("BRIDGE_REMOVE"), changes: true };
/// Bridges are looked at.
pub static LIST: Info = Info { name: "bridge.list", audit: Code::literal("BRIDGE_LIST"), changes: false };

/// Makes a bridge.
#[derive(Debug, Clone)]
pub struct Make {
    /// From which scope.
    pub source: Scope,
    /// To which; not the same.
    pub target: Scope,
    /// For which purposes; one at least.
    pub purposes: BTreeSet<Purpose>,
    /// What crosses it; one type at least.
    pub carries: Carries,
    /// From when on it is as if it had never been.
    pub expires: Option<Timestamp>,
    /// Why, for the erasable part of its audit entry.
    pub reason: Option<Note>,
}

fn named(scope: &Scope) -> Value {
    json!({ "scope_type": scope.scope_type.name(), "scope_id": scope.id })
}

impl Operation for Make {
    type Output = Bridge;

    fn info(&self) -> &'static Info {
        &MAKE
    }

    fn authority(&self) -> Authority {
        Authority::MakeBridge
    }

    fn propose_bridge(&self, cx: &Context, ids: &mut IdSource) -> Option<Bridge> {
        Some(Bridge {
            id: BridgeId::from_uuid(ids.next_uuid()),
            tenant: cx.principal.tenant.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            purposes: self.purposes.clone(),
            carries: self.carries,
            created: cx.now,
            expires: self.expires,
            removed: None,
        })
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Bridges(BridgeSelect::Between { source: self.source.clone(), target: self.target.clone() })
    }

    fn private(&self) -> Map<String, Value> {
        let purposes: Vec<&str> = self.purposes.iter().map(|purpose| purpose.name()).collect();
        let mut request = json!({
            "source": named(&self.source),
            "target": named(&self.target),
            "purposes": purposes,
        });
        if let Some(reason) = &self.reason {
            request["reason"] = json!(reason.as_str());
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        if let Some((limit, max)) = seen.crowded() {
            return Err(Refusal::TooLarge { limit, max: max as u64 });
        }
        let bridge = seen.proposed_bridge().cloned();
        let bridge = bridge.ok_or_else(|| Refusal::Bug("no bridge was proposed".to_owned()))?;
        let changes = vec![Change::InsertBridge(bridge.clone())];
        Ok(Plan { changes, bridge: Some(bridge.id), ..Plan::answer(bridge) })
    }

    fn select_repeat(&self, record: &IdempotencyRecord) -> Option<Select> {
        record.bridge.map(|id| Select::Bridges(BridgeSelect::One(id)))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let bridge = seen.bridges().first()?.clone();
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, bridge: Some(bridge.id), ..Plan::answer(bridge) })
    }
}

/// Removes a bridge. Removing it again changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Which.
    pub id: BridgeId,
}

impl Operation for End {
    /// The bridge as it is now.
    type Output = Bridge;

    fn info(&self) -> &'static Info {
        &END
    }

    fn authority(&self) -> Authority {
        Authority::EndBridge
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Bridges(BridgeSelect::One(self.id))
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "bridge_id": self.id.prefixed() }))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let bridge = seen.bridges().first().ok_or_else(|| Refusal::Bug("nothing was shown".to_owned()))?;
        let id = Some(bridge.id);
        if bridge.removed.is_some() {
            return Ok(Plan { bridge: id, ..Plan::answer(bridge.clone()) });
        }
        let removed = bridge.remove(cx.now);
        let changes = vec![Change::RemoveBridge(removed.clone())];
        Ok(Plan { changes, bridge: id, ..Plan::answer(removed) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Bridges(BridgeSelect::One(self.id)))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let bridge = seen.bridges().first().filter(|bridge| bridge.removed.is_some())?.clone();
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, bridge: Some(bridge.id), ..Plan::answer(bridge) })
    }
}

/// Lists the bridges from and to a scope that the caller may know of.
#[derive(Debug, Clone)]
pub struct List {
    /// Which scope.
    pub scope: Scope,
    /// Only those behind this one.
    pub after: Option<BridgeId>,
    /// At most so many.
    pub limit: usize,
}

/// A page of bridges.
#[derive(Debug, Clone)]
pub struct Page {
    /// In order of their ids.
    pub bridges: Vec<Bridge>,
    /// Behind which one the next page begins, if there is one.
    pub next: Option<BridgeId>,
}

impl Operation for List {
    type Output = Page;

    fn info(&self) -> &'static Info {
        &LIST
    }

    fn authority(&self) -> Authority {
        Authority::SeeBridges
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    /// There are few: all of them are loaded, so that a page ends with one that the caller may know of.
    fn select(&self, _cx: &Context) -> Select {
        Select::Bridges(BridgeSelect::Between { source: self.scope.clone(), target: self.scope.clone() })
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), named(&self.scope))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let limit = self.limit.clamp(1, limits::BRIDGES_PAGE_ITEMS);
        let behind = seen.bridges().iter().filter(|bridge| self.after.is_none_or(|after| bridge.id > after));
        let mut bridges: Vec<Bridge> = behind.take(limit + 1).cloned().collect();
        let is_full = bridges.len() > limit;
        bridges.truncate(limit);
        let next = bridges.last().filter(|_| is_full).map(|bridge| bridge.id);
        Ok(Plan::answer(Page { bridges, next }))
    }
}
