//! `grant.revoke`: a read grant is taken back (api-scoped.md, "Read").

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::grant::TokenHash;
use memoryscope_domain::time::Timestamp;

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "grant.revoke", audit: Code::MEMORY_REVOKE, changes: true };

/// Takes back what a token was given for.
#[derive(Debug, Clone)]
pub struct Revoke {
    /// What the token hashes to.
    pub token_hash: TokenHash,
}

impl Revoke {
    const fn grant(&self) -> Select {
        Select::Grant { token_hash: self.token_hash, memories: None }
    }
}

impl Operation for Revoke {
    /// When it was taken back.
    type Output = Timestamp;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Revoke
    }

    fn select(&self, _cx: &Context) -> Select {
        self.grant()
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let grant = seen.grant().ok_or_else(|| Refusal::Bug("revoked without a grant".to_owned()))?;
        Ok(Plan {
            changes: vec![Change::ReplaceGrant(grant.revoke(cx.now))],
            grant: Some(grant.id),
            ..Plan::answer(cx.now)
        })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(self.grant())
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let grant = seen.grant()?;
        Some(Plan {
            grant: Some(grant.id),
            reason: Some(Code::literal("IDEMPOTENT_REPEAT")),
            ..Plan::answer(grant.revoked?)
        })
    }
}
