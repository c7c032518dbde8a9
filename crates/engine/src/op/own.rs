//! `memory.own`: which events are the caller's own, to be erased one after the other: see [`crate::erasing`].

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::items::AclId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::Key;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{KeyedSelect, PersonSelect, Select, With};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.own", audit: Code::literal("MEMORY_OWN"), changes: false };

/// Looks for events that are the caller's own and not erased: those of the person that it acts for, or the items of the developer
/// where it acts for nobody. What was stored after the request is left out.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Only those of this namespace; else of every one.
    pub namespace: Option<String>,
    /// Only those behind this one.
    pub after: Option<MemoryId>,
}

/// Some of what is the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The memories, in order of their ids.
    pub ids: Vec<MemoryId>,
    /// Behind which memory to go on, if there may be more.
    pub after: Option<MemoryId>,
}

impl Operation for Own {
    type Output = Owned;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Own
    }

    fn select(&self, cx: &Context) -> Select {
        match &cx.principal.user {
            Some(user) => Select::Person(PersonSelect {
                user: user.clone(),
                after: self.after,
                scan: Some(limits::PERSON_SCAN_ITEMS),
                limit: limits::PERSON_PAGE_ITEMS,
                with: With::Nothing,
            }),
            None => Select::Keyed(KeyedSelect {
                keys: vec![Key::reader(&AclId::reader_of_developer(&cx.principal.client))],
                after: self.after,
                limit: limits::PERSON_PAGE_ITEMS,
            }),
        }
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "namespace_id": self.namespace });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let is_wanted = |namespace: &str| self.namespace.as_deref().is_none_or(|wanted| wanted == namespace);
        let wanted = seen.memories().iter().filter(|memory| is_wanted(&memory.scope.namespace));
        let ids: Vec<MemoryId> = wanted.map(|memory| memory.id).collect();
        let owned = Owned { ids: ids.clone(), after: seen.looked_to() };
        Ok(Plan { memory_ids: ids, ..Plan::answer(owned) })
    }
}
