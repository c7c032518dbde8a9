//! A tenant's policies: kept, looked at, and put in force.
//!
//! Each activation is decided, and audited, by the policy that it puts out of force: so the chain knows what was in force
//! before, and a rollback asks it.

use std::sync::Arc;

use memoryscope_domain::audit_chain::{Code, PolicyRef};
use memoryscope_domain::change::{Change, IdempotencyRecord, PolicyDocument};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{PolicySelect, Select};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static ACTIVATE: Info = Info { name: "policy.activate", audit: ACTIVATED, changes: true };

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
        let document = document(&self.policy);
        let changes = vec![Change::KeepPolicy(document), Change::ActivatePolicy { hash }];
        Ok(Plan { changes, ..Plan::answer(()) })
    }
}

/// A policy is kept, and decides nothing yet.
pub static CREATE: Info =
    Info { name: "policy.create", audit: Code::literal("POLICY_CREATE"), changes: true };
/// A tenant's policies are looked at.
pub static LIST: Info = Info { name: "policy.list", audit: READ, changes: false };
/// One of them is.
pub static GET: Info = Info { name: "policy.get", audit: READ, changes: false };
/// One that is kept is put in force.
pub static SWITCH: Info = Info { name: "policy.switch", audit: ACTIVATED, changes: true };
/// The one before is put in force again.
pub static ROLL_BACK: Info = Info { name: "policy.roll_back", audit: ACTIVATED, changes: true };

const READ: Code = Code::literal("POLICY_READ");
const ACTIVATED: Code = Code::literal("POLICY_ACTIVATE");

/// Keeps a policy that was loaded, and so is well-formed.
#[derive(Debug)]
pub struct Keep {
    /// The policy.
    pub policy: Arc<Policy>,
}

/// Another policy has that version's name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionTaken;

fn document(policy: &Policy) -> PolicyDocument {
    PolicyDocument {
        version: policy.version().to_string(),
        hash: policy.hash().to_string(),
        text: policy.source().to_owned(),
    }
}

impl Operation for Keep {
    /// Whether it is new; it may be kept already.
    type Output = Result<bool, VersionTaken>;

    fn info(&self) -> &'static Info {
        &CREATE
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Policies(PolicySelect::Version(self.policy.version().to_string()))
    }

    fn private(&self) -> Map<String, Value> {
        named(self.policy.version())
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let document = document(&self.policy);
        if seen.policies().iter().any(|kept| kept.hash == document.hash) {
            return Ok(Plan { reason: Some(Code::literal("ALREADY_DONE")), ..Plan::answer(Ok(false)) });
        }
        if !seen.policies().is_empty() {
            let reason = Some(Code::literal("VERSION_TAKEN"));
            return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(Err(VersionTaken)) });
        }
        Ok(Plan { changes: vec![Change::KeepPolicy(document)], ..Plan::answer(Ok(true)) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, _seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(Ok(false)) })
    }
}

fn named(version: &str) -> Map<String, Value> {
    Map::from_iter([("request".to_owned(), json!({ "policy_version": version }))])
}

/// The policies of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Those that are kept, by version and hash.
    pub policies: Vec<PolicyDocument>,
    /// The one in force, which may be the server's default.
    pub active: PolicyRef,
    /// Whether there are more.
    pub more: bool,
}

/// Looks at a tenant's policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// All of them, without their texts.
    All,
    /// The one in force, with its text.
    InForce,
    /// One version, with its text.
    Version(String),
}

impl Operation for Look {
    type Output = Kept;

    fn info(&self) -> &'static Info {
        match self {
            Self::All => &LIST,
            Self::InForce | Self::Version(_) => &GET,
        }
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn shows_policy_in_force(&self) -> bool {
        *self == Self::InForce
    }

    fn select(&self, _cx: &Context) -> Select {
        match self {
            Self::All => Select::Policies(PolicySelect::All(limits::LIST_ITEMS_MAX)),
            Self::InForce => Select::Nothing,
            Self::Version(version) => Select::Policies(PolicySelect::Version(version.clone())),
        }
    }

    fn private(&self) -> Map<String, Value> {
        match self {
            Self::All | Self::InForce => Map::new(),
            Self::Version(version) => named(version),
        }
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let active = in_force(seen)?;
        Ok(Plan::answer(Kept { policies: seen.policies().to_vec(), active, more: seen.more() }))
    }
}

fn in_force(seen: &Visible<Facts>) -> Result<PolicyRef, Refusal> {
    seen.active_policy().cloned().ok_or_else(|| Refusal::Bug("no policy is in force".to_owned()))
}

/// Puts another policy in force: one that is kept, or the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// To the kept one of that version.
    To(String),
    /// Back to the one that was in force before the last switch.
    Back,
}

/// Which policies were switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switched {
    /// The version in force from now on.
    pub active: String,
    /// The version that was in force.
    pub previous: String,
}

impl Operation for Switch {
    /// None where there is no such policy.
    type Output = Option<Switched>;

    fn info(&self) -> &'static Info {
        match self {
            Self::To(_) => &SWITCH,
            Self::Back => &ROLL_BACK,
        }
    }

    fn authority(&self) -> Authority {
        Authority::Operator
    }

    fn select(&self, _cx: &Context) -> Select {
        match self {
            Self::To(version) => Select::Policies(PolicySelect::Version(version.clone())),
            Self::Back => Select::LatestEntry(ACTIVATED),
        }
    }

    fn private(&self) -> Map<String, Value> {
        match self {
            Self::To(version) => named(version),
            Self::Back => Map::new(),
        }
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let target = match self {
            Self::To(_) => seen.policies().first().map(|kept| (kept.version.clone(), kept.hash.clone())),
            Self::Back => {
                let last = seen.entries().first().and_then(|stored| stored.entry.parse().ok());
                last.map(|record| record.draft.policy)
                    .map(|before| (before.version.to_string(), before.hash.to_string()))
            }
        };
        let Some((version, hash)) = target else {
            let reason = Some(Code::literal("NOT_FOUND"));
            return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(None) });
        };
        let previous = in_force(seen)?;
        let switched = Switched { active: version, previous: previous.version.to_string() };
        if previous.hash.to_string() == hash {
            let reason = Some(Code::literal("ALREADY_DONE"));
            return Ok(Plan { reason, ..Plan::answer(Some(switched)) });
        }
        Ok(Plan { changes: vec![Change::ActivatePolicy { hash }], ..Plan::answer(Some(switched)) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let active = seen.active_policy()?.version.to_string();
        let switched = Switched { previous: active.clone(), active };
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, ..Plan::answer(Some(switched)) })
    }
}
