//! `memory.expire`: the server erases what has come to the end of its time.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::limits;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.expire", audit: Code::MEMORY_EXPIRE, changes: true };

/// Erases one batch of expired memories, with one audit entry, and forgets old idempotency keys and grants.
///
/// Expired memories are invisible before that; this only makes their content go away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expire;

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// How many memories; a full batch means that there may be more.
    pub count: usize,
    /// When the first of them had expired.
    pub first_expired: Option<Timestamp>,
}

impl Operation for Expire {
    type Output = Erased;

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
        Select::Expired { limit: limits::EXPIRY_BATCH_ITEMS }
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let expired = seen.memories();
        let first_expired = expired.iter().filter_map(|memory| memory.expires).min();
        let mut changes: Vec<Change> =
            expired.iter().map(|memory| Change::EraseMemory(memory.tombstone())).collect();
        changes.push(Change::ForgetIdempotencyBefore(cx.now.plus_days(-limits::IDEMPOTENCY_KEPT_DAYS)));
        changes.push(Change::ForgetGrantsExpiredBefore(cx.now.plus_days(-limits::GRANT_KEPT_DAYS)));
        Ok(Plan {
            changes,
            memory_ids: expired.iter().map(|memory| memory.id).collect(),
            ..Plan::answer(Erased { count: expired.len(), first_expired })
        })
    }
}
