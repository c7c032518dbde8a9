//! `review.list`: what waits until somebody reviews it. How a review ends is a step with the memory: [`super::step`].

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{About, Authority, Facts, REVIEW_LIST, Visible};
use memoryscope_domain::memory::{Key, REVIEW, Waiting};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Effect;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::page::{self, Next};
use super::query::{Item, types};
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{KeyedSelect, Select};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static LIST: Info = Info { name: REVIEW_LIST, audit: Code::literal("REVIEW_READ"), changes: false };

/// Lists what of the tenant waits for a review and may be seen, the oldest memory first.
#[derive(Debug, Clone)]
pub struct Queue {
    /// What for.
    pub purpose: Purpose,
    /// Only those behind this one.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// A memory that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Waits {
    /// The memory, as the policy obliges it to be shown.
    pub item: Item,
    /// Why it waits, and since when.
    pub waiting: Waiting,
    /// What the policy removed from it.
    pub redacted: Vec<String>,
}

/// A page of what waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The memories, the oldest first.
    pub items: Vec<Waits>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Next>,
}

impl Queue {
    fn select_rows(&self, limit: usize) -> Select {
        Select::Keyed(KeyedSelect {
            keys: vec![Key::waiting(REVIEW)],
            after: self.after.map(|(_, id)| id),
            limit,
        })
    }

    /// What is shown of what may be seen.
    fn waits(cx: &Context, seen: &Visible<Facts>) -> Vec<Waits> {
        let waits = seen.memories().iter().filter_map(|memory| {
            let waiting = memory.waiting()?;
            let redacted = seen.redacted_paths(memory.id).iter().map(ToString::to_string).collect();
            Some(Waits { item: Item::of(cx, seen, memory), waiting, redacted })
        });
        waits.collect()
    }
}

impl Operation for Queue {
    type Output = Page;

    fn info(&self) -> &'static Info {
        &LIST
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(types(&[]))
    }

    fn is_narrowed(&self) -> bool {
        false
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select_rows(page::rows(self.limit, 0))
    }

    fn select_wider(&self, _cx: &Context, times: u32) -> Option<Select> {
        page::rows_wider(self.limit, times).map(|rows| self.select_rows(rows))
    }

    /// One more than is shown says whether there is a next page: what is only passed over must not say it.
    fn is_short(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        Self::waits(cx, seen).len() <= self.limit
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "purpose": self.purpose.name(), "limit": self.limit });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut items = Self::waits(cx, seen);
        let are_more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| are_more).map(|last| &last.item.memory);
        let next = page::next(seen, last.map(|last| (last.created, last.id)));
        let memory_ids = items.iter().map(|waits| waits.item.memory.id).collect();
        Ok(Plan { memory_ids, ..Plan::answer(Page { items, next }) })
    }
}
