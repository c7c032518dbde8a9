//! `memory.embed`: the server keeps vectors that were made of memories.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::vector::KeptVector;

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.embed", audit: Code::literal("MEMORY_EMBED"), changes: true };

/// Keeps vectors, with one audit entry. Where a memory's text is no longer the one that a vector was made of, or may no longer have
/// one, none is kept.
#[derive(Debug, Clone)]
pub struct Embed {
    /// The vectors, at most one for a memory.
    pub vectors: Vec<KeptVector>,
}

impl Operation for Embed {
    /// How many are kept.
    type Output = usize;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(self.vectors.iter().map(|kept| kept.memory).collect())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let is_of_its_text = |kept: &&KeptVector| {
            let memory = seen.memories().iter().find(|memory| memory.id == kept.memory);
            memory.is_some_and(|memory| memory.is_live(cx.now) && memory.text_key() == Some(kept.text))
        };
        let kept: Vec<KeptVector> = self.vectors.iter().filter(is_of_its_text).cloned().collect();
        let memory_ids: Vec<_> = kept.iter().map(|kept| kept.memory).collect();
        let changes = if kept.is_empty() { Vec::new() } else { vec![Change::KeepVectors(kept)] };
        Ok(Plan { changes, ..Plan { memory_ids: memory_ids.clone(), ..Plan::answer(memory_ids.len()) } })
    }
}
