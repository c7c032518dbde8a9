//! A tenant's namespaces, as its applications make them: made, looked at, changed, and forgotten. What is remembered in one is erased
//! by [`crate::erasing`].

use memoryscope_domain::audit_chain::{Code, Hash32};
use memoryscope_domain::change::{Change, IdempotencyKey, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::items::namespace::{self, Namespace, Settings, SettingsChange};
use memoryscope_domain::record::RecordKind;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{RecordPage, Select, WantedRecords};
use crate::refusal::Refusal;

const READ: Code = Code::literal("NAMESPACE_READ");
const WRITTEN: Code = Code::literal("NAMESPACE_WRITE");

/// A namespace is made.
pub static CREATE: Info = Info { name: "namespace.create", audit: WRITTEN, changes: true };
/// A tenant's namespaces are looked at.
pub static LIST: Info = Info { name: "namespace.list", audit: READ, changes: false };
/// Some of them are.
pub static GET: Info = Info { name: "namespace.get", audit: READ, changes: false };
/// One is changed.
pub static UPDATE: Info = Info { name: "namespace.update", audit: WRITTEN, changes: true };
/// One is forgotten.
pub static DELETE: Info = Info { name: "namespace.delete", audit: WRITTEN, changes: true };

fn named(ids: &[String]) -> WantedRecords {
    let named = ids.iter().map(|id| (RecordKind::Namespace, id.clone())).collect();
    WantedRecords { named, page: None }
}

fn one(id: &str) -> WantedRecords {
    named(&[id.to_owned()])
}

fn found(seen: &Visible<Facts>) -> Option<Namespace> {
    seen.records().named.first().and_then(Namespace::of)
}

fn about(id: &str) -> Map<String, Value> {
    Map::from_iter([("request".to_owned(), json!({ "namespace_id": id }))])
}

fn missing<T>() -> Plan<Option<T>> {
    let reason = Some(Code::literal("NOT_FOUND"));
    Plan { reason, came_to_nothing: true, ..Plan::answer(None) }
}

/// Makes a namespace.
#[derive(Debug, Clone)]
pub struct Create {
    /// What is told of it.
    pub settings: Settings,
}

/// The id of what a request with an idempotency key makes: a repeat finds it by the key.
fn named_by(key: &IdempotencyKey) -> String {
    let text = format!("memoryscope-namespace-v1\0{}\0{}", key.client, key.key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Hash32::of(text.as_bytes()).0[..16]);
    namespace::id_from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

impl Operation for Create {
    type Output = Namespace;

    fn info(&self) -> &'static Info {
        &CREATE
    }

    fn authority(&self) -> Authority {
        Authority::ManageRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, cx: &Context) -> WantedRecords {
        cx.idempotency.as_ref().map_or_else(WantedRecords::nothing, |given| one(&named_by(&given.key)))
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "name": self.settings.name }))])
    }

    fn plan(
        &self,
        cx: &Context,
        _seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let id = match &cx.idempotency {
            Some(given) => named_by(&given.key),
            None => namespace::id_from(mint.ids.next_uuid()),
        };
        let made = Namespace::new(id, self.settings.clone(), cx.now);
        let changes = vec![Change::KeepRecord(Box::new(made.record()))];
        Ok(Plan { changes, ..Plan::answer(made) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(found(seen)?) })
    }
}

/// Looks at some of a tenant's namespaces, in order of their ids, which is the one in which they were made.
#[derive(Debug, Clone)]
pub struct List {
    /// Only those behind this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Some of a tenant's namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// They.
    pub namespaces: Vec<Namespace>,
    /// How many there are in all.
    pub total: u64,
    /// Whether there are more behind.
    pub more: bool,
}

impl Operation for List {
    type Output = Listed;

    fn info(&self) -> &'static Info {
        &LIST
    }

    fn authority(&self) -> Authority {
        Authority::ReadRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        let (kind, after, limit) = (RecordKind::Namespace, self.after.clone(), self.limit);
        let page = RecordPage::Listed { kind, group: None, after, limit, counted: true };
        WantedRecords { named: Vec::new(), page: Some(page) }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "limit": self.limit }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let records = seen.records();
        let namespaces = records.page.iter().filter_map(Namespace::of).collect();
        let total = records.count.unwrap_or_default();
        Ok(Plan::answer(Listed { namespaces, total, more: records.more }))
    }
}

/// Looks at namespaces by their ids; those that there are not are left out.
#[derive(Debug, Clone)]
pub struct Get {
    /// Which.
    pub ids: Vec<String>,
}

impl Operation for Get {
    type Output = Vec<Namespace>;

    fn info(&self) -> &'static Info {
        &GET
    }

    fn authority(&self) -> Authority {
        Authority::ReadRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        named(&self.ids)
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "namespace_ids": self.ids }))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found: Vec<Namespace> = seen.records().named.iter().filter_map(Namespace::of).collect();
        let reason = found.is_empty().then(|| Code::literal("NOT_FOUND"));
        Ok(Plan { reason, ..Plan::answer(found) })
    }
}

/// Changes a namespace. What was added to it before keeps the policy that it had.
#[derive(Debug, Clone)]
pub struct Update {
    /// Which.
    pub id: String,
    /// How.
    pub change: SettingsChange,
}

impl Operation for Update {
    /// None where there is none.
    type Output = Option<Namespace>;

    fn info(&self) -> &'static Info {
        &UPDATE
    }

    fn authority(&self) -> Authority {
        Authority::ManageRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        one(&self.id)
    }

    fn private(&self) -> Map<String, Value> {
        about(&self.id)
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let Some(before) = found(seen) else { return Ok(missing()) };
        let next = before.with(before.settings.changed_by(self.change.clone()), cx.now);
        let changes = vec![Change::KeepRecord(Box::new(next.record()))];
        Ok(Plan { changes, ..Plan::answer(Some(next)) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, ..Plan::answer(Some(found(seen)?)) })
    }
}

/// Forgets a namespace. What is remembered in it stays.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Which.
    pub id: String,
}

impl Operation for Delete {
    /// None where there was none.
    type Output = Option<()>;

    fn info(&self) -> &'static Info {
        &DELETE
    }

    fn authority(&self) -> Authority {
        Authority::ManageRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        one(&self.id)
    }

    fn private(&self) -> Map<String, Value> {
        about(&self.id)
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        if found(seen).is_none() {
            return Ok(missing());
        }
        let changes = vec![Change::ForgetRecord { kind: RecordKind::Namespace, id: self.id.clone() }];
        Ok(Plan { changes, ..Plan::answer(Some(())) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, _seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(Some(())) })
    }
}
