//! `memory.list`: one person's live preferences, one by one, under the same policy as a read.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{DomainKey, Memory};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Effect;
use memoryscope_domain::preference::{Domain, Kind};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use serde_json::{Map, Value, json};

use super::page::{self, Next};
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{PreferenceSelect, Select};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.list", audit: Code::MEMORY_LIST, changes: false };

/// Lists live preferences of the person that the caller acts for, oldest first.
#[derive(Debug, Clone)]
pub struct List {
    /// Whose.
    pub user: UserId,
    /// Which kind.
    pub kind: Kind,
    /// Which domain; none means all of them.
    pub domain: Option<Domain>,
    /// What for; none where the caller's words name no purpose that is known, which no policy grants.
    pub purpose: Option<Purpose>,
    /// The caller's words for the purpose.
    pub purpose_text: Option<String>,
    /// Only those behind this one.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// A page of memories.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The memories, oldest first.
    pub items: Vec<Arc<Memory>>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Next>,
}

impl List {
    fn select_rows(&self, limit: usize) -> Select {
        Select::Preferences(PreferenceSelect {
            partition: Scope::of_user(&self.user).partition(),
            kind: self.kind,
            domain: self.domain.as_ref().map(|domain| DomainKey::of(Some(domain))),
            created_from: None,
            after: self.after,
            scan: Some(limits::LIST_SCAN_ITEMS),
            limit,
        })
    }
}

impl Operation for List {
    type Output = Page;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    fn kind(&self) -> Option<Kind> {
        Some(self.kind)
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select_rows(page::rows(self.limit, 0))
    }

    fn select_wider(&self, _cx: &Context, times: u32) -> Option<Select> {
        page::rows_wider(self.limit, times).map(|rows| self.select_rows(rows))
    }

    /// One more than is shown says whether there is a next page: what is only passed over must not say it.
    fn is_short(&self, _cx: &Context, seen: &Visible<Facts>) -> bool {
        seen.memories().len() <= self.limit
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({
            "scope": self.kind.name(),
            "domain": self.domain,
            "purpose": self.purpose_text,
            "limit": self.limit,
        });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let shown = seen.memories().len().min(self.limit);
        let items = seen.memories()[..shown].to_vec();
        let last = items.last().filter(|_| shown < seen.memories().len());
        let next = page::next(seen, last.map(|last| (last.created, last.id)));
        Ok(Plan {
            memory_ids: items.iter().map(|memory| memory.id).collect(),
            ..Plan::answer(Page { items, next })
        })
    }
}
