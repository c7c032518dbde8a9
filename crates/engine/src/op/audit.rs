//! Reading the audit chain: its entries, the access logs that are views of them, and whether it holds.

use memoryscope_domain::audit_chain::{Code, Seq, SignedCheckpoint, Verification};
use memoryscope_domain::govern::{Authority, Facts, StoredEntry, Visible};
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// `audit.list`: what it declares of itself.
pub static LIST: Info = Info { name: "audit.list", audit: Code::AUDIT_READ, changes: false };
/// `audit.verify`: what it declares of itself.
pub static VERIFY: Info = Info { name: "audit.verify", audit: Code::literal("AUDIT_VERIFY"), changes: false };
/// `audit.export`: what it declares of itself.
pub static EXPORT: Info = Info { name: "audit.export", audit: Code::literal("AUDIT_EXPORT"), changes: false };
/// `access_log.list`: what it declares of itself.
pub static LOGS: Info = Info { name: "access_log.list", audit: Code::AUDIT_READ, changes: false };
/// `access_log.get`: what it declares of itself.
pub static LOG: Info = Info { name: "access_log.get", audit: Code::AUDIT_READ, changes: false };

/// Who may read the chain.
const AUDITORS: &[Role] = &[Role::Auditor, Role::Admin];

/// The operations whose entries are access logs: they answered with memories, or refused to.
const ACCESSES: [Code; 6] = [
    Code::MEMORY_READ,
    Code::MEMORY_LIST,
    Code::MEMORY_GET,
    Code::MEMORY_HISTORY,
    Code::MEMORY_QUERY,
    Code::MEMORY_RECONSTRUCT,
];

/// Entries of the chain, in its order.
#[derive(Debug, Clone)]
pub struct List {
    /// From the one behind this.
    pub after: Seq,
    /// Up to this one, so that paging ends although each page adds an entry; `None`: up to the head of now.
    pub until: Option<Seq>,
    /// At most so many.
    pub limit: usize,
    /// Only entries that are access logs.
    pub accesses_only: bool,
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub items: Vec<StoredEntry>,
    /// What to go on behind, and up to where, if there is more.
    pub next: Option<(Seq, Seq)>,
}

impl Operation for List {
    type Output = Page;

    fn info(&self) -> &'static Info {
        if self.accesses_only { &LOGS } else { &LIST }
    }

    fn authority(&self) -> Authority {
        Authority::Roles(AUDITORS)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::ComplianceAudit)
    }

    fn select(&self, _cx: &Context) -> Select {
        let operations = if self.accesses_only { ACCESSES.to_vec() } else { Vec::new() };
        Select::Entries { after: self.after, operations, limit: self.limit }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "after": self.after.0, "limit": self.limit }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let until = self.until.unwrap_or(seen.as_of());
        let items: Vec<StoredEntry> =
            seen.entries().iter().filter(|stored| stored.entry.seq <= until).cloned().collect();
        let last = items.last().map(|last| last.entry.seq);
        let next = last.filter(|last| seen.more() && *last < until).map(|last| (last, until));
        Ok(Plan::answer(Page { items, next }))
    }
}

/// One access log.
#[derive(Debug, Clone)]
pub struct Get {
    /// Which.
    pub id: AuditId,
}

impl Operation for Get {
    /// The entry; none where there is no such access log.
    type Output = Option<StoredEntry>;

    fn info(&self) -> &'static Info {
        &LOG
    }

    fn authority(&self) -> Authority {
        Authority::Roles(AUDITORS)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::ComplianceAudit)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Entry(self.id)
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "access_log_id": self.id.prefixed() }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let entry = seen.entries().first().cloned();
        let reason = entry.is_none().then_some(Code::literal("NOT_FOUND"));
        Ok(Plan { reason, ..Plan::answer(entry) })
    }
}

/// What a walk of the chain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// To know whether it holds.
    Verify,
    /// To write it out.
    Export,
}

/// What a walk of the chain found.
#[derive(Debug, Clone)]
pub struct Walked {
    /// Whether it holds, and how long it is.
    pub verification: Verification,
    /// The checkpoints that the store keeps, oldest first.
    pub checkpoints: Vec<SignedCheckpoint>,
}

impl Operation for Walk {
    type Output = Walked;

    fn info(&self) -> &'static Info {
        match self {
            Self::Verify => &VERIFY,
            Self::Export => &EXPORT,
        }
    }

    fn authority(&self) -> Authority {
        Authority::Roles(AUDITORS)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::ComplianceAudit)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Verification
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let verification = seen.verification().cloned();
        let verification = verification.ok_or_else(|| Refusal::Bug("the chain was not walked".to_owned()))?;
        Ok(Plan::answer(Walked { verification, checkpoints: seen.checkpoints().to_vec() }))
    }
}
