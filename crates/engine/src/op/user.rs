//! A tenant's users, as its applications tell of them: told of, looked at, changed, and forgotten. What is remembered for somebody is
//! not touched by any of it.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::UserId;
use memoryscope_domain::items::user::{self, Profile, ProfileChange, User};
use memoryscope_domain::record::RecordKind;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{RecordPage, Select, WantedRecords};
use crate::refusal::Refusal;

const READ: Code = Code::literal("USER_READ");
const WRITTEN: Code = Code::literal("USER_WRITE");

/// A user is told of.
pub static CREATE: Info = Info { name: "user.create", audit: WRITTEN, changes: true };
/// A tenant's users are looked at.
pub static LIST: Info = Info { name: "user.list", audit: READ, changes: false };
/// One of them is.
pub static GET: Info = Info { name: "user.get", audit: READ, changes: false };
/// What is told of one is changed.
pub static UPDATE: Info = Info { name: "user.update", audit: WRITTEN, changes: true };
/// One is forgotten.
pub static DELETE: Info = Info { name: "user.delete", audit: WRITTEN, changes: true };

fn one(id: &str) -> WantedRecords {
    WantedRecords { named: vec![(RecordKind::User, id.to_owned())], page: None }
}

fn found(seen: &Visible<Facts>) -> Option<User> {
    seen.records().named.first().and_then(User::of)
}

/// What stands beside the entry: whom it is about, by the names under which an erasure finds them.
fn about(id: &str, person: Option<&UserId>) -> Map<String, Value> {
    let mut request = json!({ "record_id": id });
    if let Some(person) = person {
        request["person_id"] = json!(person.as_str());
    }
    Map::from_iter([("request".to_owned(), request)])
}

fn missing<T>() -> Plan<Option<T>> {
    let reason = Some(Code::literal("NOT_FOUND"));
    Plan { reason, came_to_nothing: true, ..Plan::answer(None) }
}

/// Tells of a user. Who is known by that name already stays as they are.
#[derive(Debug, Clone)]
pub struct Create {
    /// What is told.
    pub profile: Profile,
}

/// A user who was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The user.
    pub user: User,
    /// Whether nobody was known by that name.
    pub is_new: bool,
}

impl Operation for Create {
    type Output = Told;

    fn info(&self) -> &'static Info {
        &CREATE
    }

    fn authority(&self) -> Authority {
        Authority::ManageRecords
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn records(&self, _cx: &Context) -> WantedRecords {
        one(&user::id_of(&self.profile.external_id))
    }

    fn private(&self) -> Map<String, Value> {
        let person = &self.profile.external_id;
        about(&user::id_of(person), Some(person))
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        if let Some(user) = found(seen) {
            let reason = Some(Code::literal("ALREADY_DONE"));
            return Ok(Plan { reason, ..Plan::answer(Told { user, is_new: false }) });
        }
        let user = User::new(self.profile.clone(), cx.now);
        let changes = vec![Change::KeepRecord(Box::new(user.record()))];
        Ok(Plan { changes, ..Plan::answer(Told { user, is_new: true }) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, ..Plan::answer(Told { user: found(seen)?, is_new: true }) })
    }
}

/// Which users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Only the one of that name.
    pub external_id: Option<UserId>,
    /// Only those with that mail address.
    pub email: Option<String>,
}

impl Which {
    fn takes(&self, user: &User) -> bool {
        let profile = &user.profile;
        let is_same = |email: &String| {
            profile.email.as_ref().is_some_and(|held| held.to_lowercase() == email.to_lowercase())
        };
        self.external_id.as_ref().is_none_or(|name| *name == profile.external_id)
            && self.email.as_ref().is_none_or(is_same)
    }
}

/// Looks at some of a tenant's users, in order of their ids. Who acts for a person is shown that person.
#[derive(Debug, Clone)]
pub struct List {
    /// Which.
    pub which: Which,
    /// Only those behind this id.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Some of a tenant's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// They.
    pub users: Vec<User>,
    /// How many there are in all.
    pub total: u64,
    /// Whether there are more behind.
    pub more: bool,
}

impl List {
    /// The only one who can be meant, where that is known.
    fn only<'a>(&'a self, cx: &'a Context) -> Option<&'a UserId> {
        cx.principal.user.as_ref().or(self.which.external_id.as_ref())
    }
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

    fn records(&self, cx: &Context) -> WantedRecords {
        if let Some(only) = self.only(cx) {
            return one(&user::id_of(only));
        }
        let group = self.which.email.as_deref().map(|email| user::group_of(Some(email)));
        let (after, limit) = (self.after.clone(), self.limit);
        let page = RecordPage::Listed { kind: RecordKind::User, group, after, limit, counted: true };
        WantedRecords { named: Vec::new(), page: Some(page) }
    }

    fn private(&self) -> Map<String, Value> {
        let mut request = json!({ "limit": self.limit });
        if let Some(person) = &self.which.external_id {
            request["person_id"] = json!(person.as_str());
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let records = seen.records();
        let users = records.named.iter().chain(&records.page).filter_map(User::of);
        let users: Vec<User> = users.filter(|user| self.which.takes(user)).collect();
        let total = match self.only(cx) {
            Some(_) => users.len() as u64,
            None => records.count.unwrap_or_default(),
        };
        Ok(Plan::answer(Listed { users, total, more: records.more }))
    }
}

/// Looks at users by their ids; those that there are not, or that the caller may not see, are left out.
#[derive(Debug, Clone)]
pub struct Get {
    /// Whose ids.
    pub ids: Vec<String>,
}

impl Operation for Get {
    type Output = Vec<User>;

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
        let named = self.ids.iter().map(|id| (RecordKind::User, id.clone())).collect();
        WantedRecords { named, page: None }
    }

    fn private(&self) -> Map<String, Value> {
        let request: Vec<Value> = self.ids.iter().map(|id| json!({ "record_id": id })).collect();
        Map::from_iter([("request".to_owned(), Value::Array(request))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found: Vec<User> = seen.records().named.iter().filter_map(User::of).collect();
        let reason = found.is_empty().then(|| Code::literal("NOT_FOUND"));
        Ok(Plan { reason, ..Plan::answer(found) })
    }
}

/// Changes what is told of a user.
#[derive(Debug, Clone)]
pub struct Update {
    /// Whose id.
    pub id: String,
    /// How.
    pub change: ProfileChange,
}

/// They are called otherwise, which no change can say: what is remembered for them is kept under the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherName;

impl Operation for Update {
    /// None where there is none.
    type Output = Option<Result<User, OtherName>>;

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
        about(&self.id, self.change.external_id.as_ref())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let Some(before) = found(seen) else { return Ok(missing()) };
        if self.change.external_id.as_ref().is_some_and(|name| *name != before.profile.external_id) {
            let reason = Some(Code::literal("INVALID"));
            return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(Some(Err(OtherName))) });
        }
        let next = before.changed_by(&self.change, cx.now);
        let changes = vec![Change::KeepRecord(Box::new(next.record()))];
        Ok(Plan { changes, ..Plan::answer(Some(Ok(next))) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { reason, ..Plan::answer(Some(Ok(found(seen)?))) })
    }
}

/// Forgets a user. What is remembered for them stays.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Whose id.
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
        about(&self.id, None)
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
        let changes = vec![Change::ForgetRecord { kind: RecordKind::User, id: self.id.clone() }];
        Ok(Plan { changes, ..Plan::answer(Some(())) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    fn plan_repeat(&self, _seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(Some(())) })
    }
}
