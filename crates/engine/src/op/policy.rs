//! `policy.activate`: from now on a tenant's decisions are made by this policy.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, PolicyDocument};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::policy::Policy;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static ACTIVATE: Info =
    Info { name: "policy.activate", audit: Code::literal("POLICY_ACTIVATE"), changes: true };

/// Activates a policy that was loaded, and so is well-formed. The audit entry is decided by the one before it.
#[derive(Debug)]
pub struct Activate {
    /// The policy.
    pub policy: Arc<Policy>,
}

impl Operation for Activate {
    type Output = ();

    fn info(&self) -> &'static Info {
        &ACTIVATE
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({
            "policy_version": self.policy.version(),
            "policy_hash": self.policy.hash().to_string(),
        });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        _seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let hash = self.policy.hash().to_string();
        let document = PolicyDocument {
            version: self.policy.version().to_string(),
            hash: hash.clone(),
            text: self.policy.source().to_owned(),
        };
        let changes = vec![Change::KeepPolicy(document), Change::ActivatePolicy { hash }];
        Ok(Plan { changes, ..Plan::answer(()) })
    }
}
