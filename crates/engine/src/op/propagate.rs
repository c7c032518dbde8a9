//! `memory.propagate`: the server lets what was derived follow, where that was too much for one commit.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::limits;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Partition;

use super::{Info, Mint, Operation, Plan, kept, marked};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info =
    Info { name: "memory.propagate", audit: Code::literal("MEMORY_PROPAGATE"), changes: true };

/// What followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// How many memories changed.
    pub changed: usize,
    /// Whether nothing of the tenant's is left to follow.
    pub is_last: bool,
}

/// Lets some of what is below the tenant's first mark follow. Nothing of it was shown to anybody since the mark was set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Propagate;

impl Operation for Propagate {
    type Output = Followed;

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
        Select::Pending { limit: limits::PENDING_BATCH_ITEMS }
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Followed>, Refusal> {
        // Somebody else has done it.
        let Some(done) = seen.done() else {
            return Ok(Plan::answer(Followed { changed: 0, is_last: true }));
        };
        let ids = done.ids();
        let mut changes: Vec<Change> = kept(&done.versions, &done.made).collect();
        // A spiral may have been found in what they said, and nobody may know of that any more.
        let partitions: BTreeSet<Partition> = done.versions.iter().map(|memory| memory.partition).collect();
        changes.extend(partitions.into_iter().map(Change::ForgetSpiral));
        changes.extend(marked(&done.marks));
        changes.extend(done.unmarked.map(Change::UnmarkPending));
        let is_last = done.unmarked.is_some() && done.marks.is_empty() && !seen.more();
        let followed = Followed { changed: ids.len(), is_last };
        Ok(Plan { changes, memory_ids: ids, ..Plan::answer(followed) })
    }
}
