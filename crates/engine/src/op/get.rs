//! `memory.get` and `memory.history`: one event, impact or seed by its id, for a purpose.
//!
//! What may not be seen is as unknown as what was never there.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value};

use super::query::Item;
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_named;

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
}

/// A memory's versions.
#[derive(Debug, Clone)]
pub struct Versions {
    /// Oldest first, the current one last.
    pub versions: Vec<Arc<Memory>>,
    /// Whether the memory has become dormant.
    pub is_dormant: bool,
    /// Whether there are older ones than these.
    pub more: bool,
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
        Select::Versions { id: self.id, limit: limits::VERSIONS_MAX - 1 }
    }

    fn private(&self) -> Map<String, Value> {
        of_named(self.id, self.purpose)
    }

    fn canonical(&self, seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.removed(seen, self.id);
        out.count(output.versions.len()).truth(output.is_dormant).truth(output.more);
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
        let versions: Vec<Arc<Memory>> = seen.versions().iter().chain([current]).cloned().collect();
        let output = Versions { versions, is_dormant: seen.is_dormant(current.id), more: seen.more() };
        Ok(Plan { memory_ids: vec![current.id], ..Plan::answer(output) })
    }
}
