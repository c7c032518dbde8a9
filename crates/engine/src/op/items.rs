//! `memory.search`: the events of whoever looks that meet a filter of the items dialect, for a purpose.

use std::cmp::Reverse;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{About, Authority, Facts, Visible};
use memoryscope_domain::items::request::OmoFilter;
use memoryscope_domain::items::{AccessList, Consent, ItemMetadata, Risk};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory, MemoryType};
use memoryscope_domain::object::Object;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::{Effect, Filter};
use memoryscope_domain::predicate::Predicate;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::query::{Answer, Item, findable, of_types};
use super::search::Search;
use super::{Info, Mint, Operation, Plan, page};
use crate::context::Context;
use crate::port::{Around, KeyedSelect, ObjectSelect, Select, WantedRecords};
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_search_items;

/// What it declares of itself.
pub static SEARCH: Info =
    Info { name: "memory.search", audit: Code::literal("MEMORY_SEARCH"), changes: false };

/// Which events: everything that is stated has to hold. It only narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemFilter {
    /// What their metadata must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ItemMetadata>,
    /// What is left out by consent and risk.
    #[serde(skip_serializing_if = "OmoFilter::is_empty")]
    pub omo: OmoFilter,
    /// Only what one of these may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<AccessList>,
    /// What has to hold of them, as they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Predicate>,
}

impl ItemFilter {
    /// Whether a memory meets all of it but its predicate. What is no item has no metadata, implicit consent, no risk, and whom its scope lets for
    /// readers.
    #[must_use]
    pub fn takes(&self, memory: &Memory) -> bool {
        let item = memory.item();
        let metadata = self.metadata.as_ref();
        let none = ItemMetadata::default();
        let policy = item.map(|item| &item.policy);
        let consent = policy.map_or(Consent::Implicit, |policy| policy.consent.value);
        let risk = policy.map_or(Risk::None, |policy| policy.risk.value);
        metadata.is_none_or(|wanted| item.map_or(&none, |item| &item.metadata).meets(wanted))
            && self.omo.allows(consent, risk)
            && self.acl.as_ref().is_none_or(|wanted| {
                let readers = memory.readers();
                wanted.readers().flat_map(|entry| entry.spellings()).any(|entry| readers.contains(&entry))
            })
    }
}

/// Looks for events of a scope.
#[derive(Debug, Clone)]
pub struct SearchItems {
    /// Whose.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// Only those that hold these words, the best first; else the latest first.
    pub search: Option<Search>,
    /// Only those behind this place, by [`Memory::placed`] and id, where no words are asked for: a search by words goes on by its
    /// own [`Search::after`].
    pub after: Option<Place>,
    /// Which of them.
    pub filter: ItemFilter,
    /// At most so many, 1 to [`limits::SEARCH_RESULTS_MAX`].
    pub limit: usize,
    /// At most so many tokens by [`Memory::token_estimate`], but for the first memory, which is always there.
    pub max_tokens: Option<usize>,
}

impl SearchItems {
    const fn bounds(&self) -> page::Bounds {
        page::Bounds { limit: self.limit, max_tokens: self.max_tokens }
    }

    /// Whether a memory stands in the part of the listing that is looked at: what is shared is loaded as a whole.
    fn is_in_reach(&self, seen: &Visible<Facts>, memory: &Memory) -> bool {
        let place = (Reverse(memory.placed), memory.id);
        self.search.is_some()
            || (self.after.is_none_or(|(time, id)| place > (Reverse(Some(time)), id))
                && seen.has_got_to(memory))
    }

    fn walks(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.walks)
    }

    /// Whether a memory is one of those that searches look through: of the scope, or shared with one of these. What a graph leads to
    /// may stand elsewhere.
    fn is_looked_through(&self, memory: &Memory, readers: &[String]) -> bool {
        memory.partition == self.scope.partition()
            || memory.readers().iter().any(|reader| readers.contains(reader))
    }

    /// What is shown of what may be seen: for conversations only what may be put into a prompt. The dialect knows no strength, so
    /// what is dormant is found like anything else.
    fn items(&self, cx: &Context, seen: &Visible<Facts>) -> Vec<Item> {
        let readers = if self.walks() { cx.principal.reads_as() } else { Vec::new() };
        let is_for_prompts = self.purpose == Purpose::ChatResponse;
        let is_audit = matches!(self.purpose, Purpose::ComplianceAudit | Purpose::SubjectAccess);
        let wanted = seen.memories().iter().filter(|memory| {
            memory.scope.namespace == self.scope.namespace
                && self.is_in_reach(seen, memory)
                && (!self.walks() || self.is_looked_through(memory, &readers))
                && (is_audit || !memory.object().is_some_and(Object::is_barred_from_search))
                && self.filter.takes(memory)
        });
        let items = wanted.map(|memory| Item::of(cx, seen, memory));
        let is_shown = |item: &Item| {
            (item.include_in_prompt || !is_for_prompts) && item.is_taken_by(self.filter.predicate.as_ref())
        };
        let mut items: Vec<Item> = items.filter(is_shown).collect();
        if self.search.is_none() {
            // What is shared comes behind what is the scope's own, and is as recent as it is.
            items.sort_by_key(|item| (Reverse(item.memory.placed), item.memory.id));
        }
        items
    }

    fn select_rows(&self, cx: &Context, limit: usize) -> Select {
        let objects = ObjectSelect {
            partition: self.scope.partition(),
            among: of_types(&[MemoryType::Event]),
            wanted: Filter::and([findable(self.purpose)]),
            since: None,
            until: None,
            after: self.after,
            scan: Some(limits::LIST_SCAN_ITEMS),
            words: None,
            near: None,
            around: Around::nothing(),
            limit,
        };
        let objects = match &self.search {
            Some(search) => search.among(objects),
            None => objects,
        };
        // Whoever reads as one of these has been given what is shared with it.
        let readers = cx.principal.reads_as();
        let walked =
            self.search.as_ref().map(|search| search.keys(self.scope.partition())).unwrap_or_default();
        let readers = readers.iter().take(limits::KEYS_ASKED_MAX - walked.len());
        let keys = readers.map(|reader| Key::reader(reader)).chain(walked).collect();
        let keyed = KeyedSelect { keys, after: None, limit: limits::LIST_SCAN_ITEMS };
        Select::Shared { objects, keyed }
    }
}

impl Operation for SearchItems {
    type Output = Answer;

    fn info(&self) -> &'static Info {
        &SEARCH
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event])
    }

    fn shows_references(&self) -> bool {
        true
    }

    fn select(&self, cx: &Context) -> Select {
        self.select_rows(cx, page::rows(self.limit, 0))
    }

    fn select_wider(&self, cx: &Context, times: u32) -> Option<Select> {
        let rows = match &self.search {
            Some(_) => Search::may_look_again(times).then_some(limits::MATCH_ROWS),
            None => page::rows_wider(self.limit, times),
        };
        rows.map(|rows| self.select_rows(cx, rows))
    }

    /// One more than is shown says whether there is a next page.
    fn is_short(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        self.search.is_none() && !self.bounds().are_exceeded_by(&self.items(cx, seen))
    }

    fn leads_on(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        self.search.as_ref().is_some_and(|search| search.leads_on(&self.items(cx, seen), seen, cx.now))
    }

    fn records(&self, cx: &Context) -> WantedRecords {
        self.search.as_ref().map_or_else(WantedRecords::nothing, |search| search.records(cx))
    }

    fn is_of_current_keys(&self) -> bool {
        self.search.as_ref().is_some_and(Search::is_of_current_keys)
    }

    fn arrange(&self, cx: &Context, seen: &mut Visible<Facts>) {
        if let Some(search) = &self.search {
            let hits = search.ranked(|| self.items(cx, seen), seen, cx.now, self.limit + 1);
            seen.keep_ranked(&hits);
        }
    }

    fn private(&self) -> Map<String, Value> {
        of_search_items(self)
    }

    fn canonical(&self, seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.count(output.items.len());
        output.items.iter().for_each(|item| {
            out.item(seen, item);
        });
        out.truth(output.approximate).next(output.next);
        if self.walks() {
            out.count(output.nodes.len());
            output.nodes.iter().for_each(|node| {
                out.node(node);
            });
        }
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut items = self.items(cx, seen);
        let (tokens_used, last) = self.bounds().cut(&mut items);
        let nodes = match &self.search {
            Some(search) => search.nodes(items.iter().map(|item| &*item.memory)),
            None => Vec::new(),
        };
        let approximate = last.is_none() && items.len() < self.limit && seen.more();
        Ok(Plan {
            memory_ids: items.iter().map(|item| item.memory.id).collect(),
            ..Plan::answer(Answer {
                items,
                constraints: Vec::new(),
                merge_report: Vec::new(),
                denied: Vec::new(),
                nodes,
                next: page::next(seen, last),
                approximate,
                tokens_used,
            })
        })
    }
}
