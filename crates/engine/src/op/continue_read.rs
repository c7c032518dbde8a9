//! `memory.continue`: a read again under its grant, decided again by today's policy (api-scoped.md, "Read").

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::grant::TokenHash;
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::read::{Merged, merged};
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{GrantMemories, Select};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.continue", audit: Code::MEMORY_READ, changes: false };

/// Reads again what a token was given for.
#[derive(Debug, Clone)]
pub struct Continue {
    /// What the token hashes to.
    pub token_hash: TokenHash,
    /// A smaller age than was granted; a larger one is clamped.
    pub max_age_days: Option<i64>,
}

impl Operation for Continue {
    type Output = Merged;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Continue
    }

    fn select(&self, _cx: &Context) -> Select {
        let memories = GrantMemories { max_age_days: self.max_age_days, limit: limits::MERGE_MEMORIES_MAX };
        Select::Grant { token_hash: self.token_hash, memories: Some(memories) }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "max_age_days": self.max_age_days }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let grant = seen.grant().ok_or_else(|| Refusal::Bug("continued without a grant".to_owned()))?;
        let (summary, memory_ids) = merged(grant.kind, seen)?;
        let output = Merged { summary, token: None, expires: grant.expires };
        Ok(Plan {
            memory_ids,
            grant: Some(grant.id),
            reason: Some(Code::literal("CONTINUE")),
            ..Plan::answer(output)
        })
    }
}
