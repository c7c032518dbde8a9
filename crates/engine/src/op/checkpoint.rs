//! `audit.checkpoint`: the chain's head is signed, to be kept where the server can't reach it.

use memoryscope_domain::audit_chain::{Checkpoint, CheckpointKey, Code, SignedCheckpoint, Verification};
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::purpose::Purpose;

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info =
    Info { name: "audit.checkpoint", audit: Code::literal("AUDIT_CHECKPOINT"), changes: true };

/// Signs the head of a chain that was walked and holds.
#[derive(Debug)]
pub struct SignHead {
    /// The key to sign with.
    pub key: CheckpointKey,
}

impl Operation for SignHead {
    /// The checkpoint, or what is wrong with the chain, in which case nothing was signed.
    type Output = Result<SignedCheckpoint, Verification>;

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
        Select::Verification
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let verification = seen.verification().cloned();
        let verification = verification.ok_or_else(|| Refusal::Bug("the chain was not walked".to_owned()))?;
        if !verification.ok {
            return Ok(Plan {
                reason: Some(Code::literal("CHAIN_BROKEN")),
                ..Plan::answer(Err(verification))
            });
        }
        let signed = self.key.sign(Checkpoint {
            tenant: cx.principal.tenant.clone(),
            head: verification.head,
            time: cx.now,
            prev_checkpoint: seen.checkpoints().last().map(|newest| newest.checkpoint.hash()),
        });
        Ok(Plan { changes: vec![Change::InsertCheckpoint(signed.clone())], ..Plan::answer(Ok(signed)) })
    }
}
