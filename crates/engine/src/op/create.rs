//! `memory.create`: one person's preferences are stored (api-scoped.md, "Create").

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::{IdSource, MemoryId, UserId};
use memoryscope_domain::memory::{Body, Memory, SubjectRef};
use memoryscope_domain::policy::{Effect, Trace};
use memoryscope_domain::preference::{Kind, Preference};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.create", audit: Code::MEMORY_WRITE, changes: true };

/// Stores preferences of the person that the caller acts for, each decided on its own.
#[derive(Debug, Clone)]
pub struct Create {
    /// Whose they are.
    pub user: UserId,
    /// What to store, in order; at least one.
    pub items: Vec<NewPreference>,
}

/// A preference to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPreference {
    /// What it says.
    pub preference: Preference,
    /// How long it lives, in days.
    pub ttl_days: i64,
}

/// A stored preference.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// Its id.
    pub id: MemoryId,
    /// Whose it is.
    pub user: String,
    /// What it says.
    pub preference: Preference,
    /// When it was stored.
    pub created: Timestamp,
    /// From when on it is gone.
    pub expires: Option<Timestamp>,
}

impl Created {
    /// What there is to say of a stored preference; `None` for another kind of memory.
    #[must_use]
    pub fn of(memory: &Memory) -> Option<Self> {
        Some(Self {
            id: memory.id,
            user: memory.scope.id.clone(),
            preference: memory.preference()?.clone(),
            created: memory.created,
            expires: memory.expires,
        })
    }
}

impl Operation for Create {
    /// One result for each item, in order.
    type Output = Vec<Result<Created, Box<Trace>>>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Write)
    }

    fn kind(&self) -> Option<Kind> {
        let mut kinds = self.items.iter().map(|item| item.preference.kind());
        let first = kinds.next()?;
        kinds.all(|kind| kind == first).then_some(first)
    }

    fn persons(&self) -> Vec<SubjectRef> {
        vec![SubjectRef::of_user(&self.user)]
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn propose(&self, cx: &Context, ids: &mut IdSource) -> Vec<Memory> {
        let scope = Scope::of_user(&self.user);
        let propose = |item: &NewPreference| {
            let body = Body::Preference(item.preference.clone());
            let expires = Some(cx.now.plus_days(item.ttl_days));
            let id = MemoryId::from_uuid(ids.next_uuid());
            Memory::new(id, cx.principal.tenant.clone(), scope.clone(), body, cx.now, expires)
        };
        self.items.iter().map(propose).collect()
    }

    fn private(&self) -> Map<String, Value> {
        let item = |item: &NewPreference| {
            json!({
                "scope": item.preference.kind().name(),
                "domain": item.preference.domain(),
                "ttl_days": item.ttl_days,
            })
        };
        let items: Vec<Value> = self.items.iter().map(item).collect();
        Map::from_iter([("items".to_owned(), Value::Array(items))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let allowed: Vec<&Memory> = seen.proposals().filter_map(Result::ok).collect();
        let output = seen
            .proposals()
            .map(|proposal| match proposal {
                Ok(memory) => {
                    Created::of(memory).ok_or_else(|| Refusal::Bug("no preference proposed".into())).map(Ok)
                }
                Err(trace) => Ok(Err(Box::new(trace.clone()))),
            })
            .collect::<Result<_, Refusal>>()?;
        let partly = allowed.len() < self.items.len();
        Ok(Plan {
            reason: partly.then_some(Code::literal("PARTLY_DENIED")),
            memory_ids: allowed.iter().map(|memory| memory.id).collect(),
            changes: allowed.into_iter().map(|memory| Change::InsertMemory(memory.clone())).collect(),
            ..Plan::answer(output)
        })
    }

    fn select_repeat(&self, record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Memories(record.memory_ids.clone()))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        // What was refused made nothing; the rest was made in order.
        let mut made = seen.memories().iter().filter_map(|memory| Created::of(memory)).peekable();
        let again = seen.proposals().map(|proposal| match proposal {
            Ok(item) => made.next_if(|made| Some(&made.preference) == item.preference()).map(Ok),
            Err(trace) => Some(Err(Box::new(trace.clone()))),
        });
        let output: Self::Output = again.collect::<Option<_>>()?;
        if made.next().is_some() {
            return None;
        }
        Some(Plan {
            memory_ids: seen.memories().iter().map(|memory| memory.id).collect(),
            reason: Some(Code::literal("IDEMPOTENT_REPEAT")),
            ..Plan::answer(output)
        })
    }
}
