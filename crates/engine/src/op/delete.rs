//! `memory.delete`: a person takes a memory back; its content is erased at once.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.delete", audit: Code::MEMORY_DELETE, changes: true };

/// Erases a memory of the person that the caller acts for. Erasing it again changes nothing.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Which.
    pub id: MemoryId,
}

impl Operation for Delete {
    /// Its id.
    type Output = MemoryId;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Owner
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(vec![self.id])
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "memory_id": self.id.prefixed() }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let memory = seen.memories().first().ok_or_else(|| Refusal::Bug("deleted nothing".to_owned()))?;
        let plan = Plan { memory_ids: vec![memory.id], ..Plan::answer(memory.id) };
        if memory.state == State::Tombstoned {
            return Ok(Plan { reason: Some(Code::literal("ALREADY_DELETED")), ..plan });
        }
        Ok(Plan { changes: vec![Change::EraseMemory(memory.tombstone())], ..plan })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Memories(vec![self.id]))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let memory = seen.memories().first()?;
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { memory_ids: vec![memory.id], reason, ..Plan::answer(memory.id) })
    }
}
