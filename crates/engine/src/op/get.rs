//! `memory.get` and `memory.history`: one event, impact or seed by its id, for a purpose.
//!
//! What may not be seen is as unknown as what was never there.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value};

use super::query::Item;
use super::{Bridging, Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::{of_history, of_named};

/// What [`Get`] declares of itself.
pub static GET: Info = Info { name: "memory.get", audit: Code::MEMORY_GET, changes: false };
/// What [`History`] declares of itself.
pub static HISTORY: Info = Info { name: "memory.history", audit: Code::MEMORY_HISTORY, changes: false };

/// Shows a memory as the policy obliges.
#[derive(Debug, Clone, Copy)]
pub struct Get {
    /// Which.
    pub id: MemoryId,
    /// What for.
    pub purpose: Purpose,
}

/// Shows a memory and what it was before, all of it as the current version may be shown.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Which.
    pub id: MemoryId,
    /// What for.
    pub purpose: Purpose,
    /// Only versions behind this number: what the page before gave as [`Versions::next`]; 0 for all.
    pub after: u64,
    /// At most so many versions, 1 to [`limits::LIST_ITEMS_MAX`](memoryscope_domain::limits::LIST_ITEMS_MAX).
    pub limit: usize,
}

/// A memory's versions.
#[derive(Debug, Clone)]
pub struct Versions {
    /// Oldest first; the current one is the last of the last page.
    pub versions: Vec<Arc<Memory>>,
    /// The current one's number.
    pub current: u64,
    /// Whether the memory has become dormant.
    pub is_dormant: bool,
    /// Behind which number the next page begins, if there is one.
    pub next: Option<u64>,
}

fn first(seen: &Visible<Facts>) -> Result<&Arc<Memory>, Refusal> {
    seen.memories().first().ok_or_else(|| Refusal::Bug("nothing was shown".to_owned()))
}

impl Operation for Get {
    type Output = Item;

    fn info(&self) -> &'static Info {
        &GET
    }

    fn authority(&self) -> Authority {
        Authority::ReadNamed
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn shows_references(&self) -> bool {
        true
    }

    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Named)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(vec![self.id])
    }

    fn private(&self) -> Map<String, Value> {
        of_named(self.id, self.purpose)
    }

    fn canonical(&self, seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.item(seen, output);
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let item = Item::of(cx, seen, first(seen)?);
        Ok(Plan { memory_ids: vec![item.memory.id], ..Plan::answer(item) })
    }
}

impl Operation for History {
    type Output = Versions;

    fn info(&self) -> &'static Info {
        &HISTORY
    }

    fn authority(&self) -> Authority {
        Authority::ReadNamed
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn shows_references(&self) -> bool {
        true
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Versions { id: self.id, after: self.after, limit: self.limit }
    }

    fn private(&self) -> Map<String, Value> {
        of_history(self)
    }

    fn canonical(&self, seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.removed(seen, self.id);
        out.count(output.versions.len()).truth(output.is_dormant);
        out.count(usize::try_from(output.current).unwrap_or(usize::MAX)).truth(output.next.is_some());
        output.versions.iter().for_each(|version| {
            out.memory(version).text(version.state.name());
        });
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let current = first(seen)?;
        let mut versions = seen.versions().to_vec();
        let is_last = !seen.more() && versions.len() < self.limit;
        versions.extend(Some(current).filter(|current| is_last && current.version > self.after).cloned());
        let next = versions.last().map(|last| last.version).filter(|_| !is_last);
        let is_dormant = seen.is_dormant(current.id);
        let output = Versions { versions, current: current.version, is_dormant, next };
        Ok(Plan { memory_ids: vec![current.id], ..Plan::answer(output) })
    }
}
