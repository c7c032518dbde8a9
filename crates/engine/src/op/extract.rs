//! The graph of a memory that waits for it: what an extractor found, or what the caller gave, becomes what the memory says.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::graph::extraction::{WAITING, WAITING_LONGER};
use memoryscope_domain::graph::fold::Seen;
use memoryscope_domain::graph::resolve::{self, CandidateEnd, Candidates, Known, Resolution, Setting};
use memoryscope_domain::graph::{EdgeEnd, Extraction, ExtractionStatus, Schema, Search};
use memoryscope_domain::ids::{MemoryId, NodeId, UserId};
use memoryscope_domain::items::policy::GraphPlan;
use memoryscope_domain::items::{AclKind, Item};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory, MemoryType, State};
use memoryscope_domain::policy::Filter;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::query::of_types;
use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::extract::Failure;
use crate::port::{Around, KeyedSelect, ObjectSelect, Select};
use crate::refusal::Refusal;

/// The server looks for memories whose graph is still to be made.
pub static WAIT: Info = Info { name: "graph.waiting", audit: Code::literal("GRAPH_WAITING"), changes: false };
/// The server makes the graph of one.
pub static INFO: Info = Info { name: "graph.extract", audit: Code::literal("GRAPH_EXTRACT"), changes: true };

/// Looks for memories that wait.
#[derive(Debug, Clone)]
pub enum Waiting {
    /// Those of a tenant behind this one, in order of their ids, at most [`limits::EXTRACTION_BATCH_ITEMS`].
    Behind(Option<MemoryId>),
    /// The same of those that are not to be tried at once, where their time has come: how far was looked, and these.
    Later(Option<MemoryId>),
    /// This one.
    Named(MemoryId),
}

/// Memories that wait.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Those whose graph may be made now.
    pub memories: Vec<Arc<Memory>>,
    /// The last that was looked at, where there may be more behind it.
    pub last: Option<MemoryId>,
}

impl Operation for Waiting {
    type Output = Queue;

    fn info(&self) -> &'static Info {
        &WAIT
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        let keyed = |job, after| {
            let limit = limits::EXTRACTION_BATCH_ITEMS;
            Select::Keyed(KeyedSelect { keys: vec![Key::waiting(job)], after, limit })
        };
        match self {
            Self::Behind(after) => keyed(WAITING, *after),
            Self::Later(after) => keyed(WAITING_LONGER, *after),
            Self::Named(id) => Select::Memories(vec![*id]),
        }
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        // What has expired is as good as erased.
        let may_be_made = |memory: &&Arc<Memory>| {
            let extraction = waiting(memory).and_then(|item| item.extraction.as_ref());
            memory.is_live(cx.now) && extraction.is_some_and(|extraction| extraction.is_due(cx.now))
        };
        let memories = seen.memories().iter().filter(may_be_made).cloned().collect();
        let last = seen.memories().last().map(|memory| memory.id);
        Ok(Plan::answer(Queue { memories, last }))
    }
}

/// The item whose graph is still to be made, if it is one.
fn waiting(memory: &Memory) -> Option<&Item> {
    let item = memory.item().filter(|_| memory.state == State::Active)?;
    item.extraction.as_ref().is_some_and(Extraction::waits).then_some(item)
}

/// Makes the graph of a memory that waits for it.
#[derive(Debug, Clone)]
pub struct Settle {
    /// The memory, in the version that it is made for.
    pub memory: Arc<Memory>,
    /// The schema that holds for it.
    pub schema: Option<Schema>,
    /// What an extractor found, or why it found nothing. Where the caller gave the graph, nothing is looked at.
    pub found: Result<Candidates, Failure>,
    /// Which extractor.
    pub extractor: String,
}

impl Settle {
    /// What the memory's own edges are looked up by, and what candidates may be.
    fn keys(&self, item: &Item) -> BTreeSet<Key> {
        let namespace = self.memory.scope.namespace.as_str();
        let policy = &item.policy;
        let mut keys = BTreeSet::from([Key::node(NodeId::from_uuid(self.memory.id.uuid()))]);
        let given = policy.nodes.iter().flat_map(|nodes| &nodes.value);
        keys.extend(given.filter_map(|node| NodeId::parse(node.id.as_str()).ok()).map(Key::node));
        for edge in policy.relationships.iter().flat_map(|edges| &edges.value) {
            let ends = [&edge.source, &edge.target].into_iter();
            keys.extend(ends.filter_map(|end| NodeId::parse(bare(&end.to_string())).ok()).map(Key::node));
        }
        let mut types = BTreeSet::new();
        for node in self.found.iter().flat_map(|found| &found.nodes) {
            types.insert(node.node_type.as_str());
        }
        let searches = policy.node_constraints.iter().filter_map(|of| of.value.search.as_ref());
        let edges = policy.edge_constraints.iter().filter_map(|of| of.value.search.as_ref());
        searches.chain(edges).for_each(|search| reached(search, &mut types));
        keys.extend(types.into_iter().map(|of| Key::node_type(namespace, of)));
        for edge in self.found.iter().flat_map(|found| &found.edges) {
            for end in [&edge.source, &edge.target] {
                if let CandidateEnd::Memory(id) = end {
                    keys.insert(Key::node(NodeId::from_uuid(id.uuid())));
                }
            }
        }
        keys
    }

    fn resolve(&self, cx: &Context, item: &Item, seen: &Visible<Facts>) -> Resolution {
        let writer = writer(cx, item);
        let is_known = |memory: &&Arc<Memory>| {
            memory.id != self.memory.id
                && memory.state == State::Active
                && memory.is_live(cx.now)
                && memory.item().is_some_and(|item| item.policy.may_be_used() && item.is_readable_by(&writer))
        };
        let memories: Vec<Arc<Memory>> = seen.memories().iter().filter(is_known).cloned().collect();
        let mut before: Vec<&Arc<Memory>> = memories
            .iter()
            .filter(|memory| {
                memory.scope == self.memory.scope
                    && (memory.placed, memory.id) < (self.memory.placed, self.memory.id)
            })
            .collect();
        before.sort_by_key(|memory| Reverse((memory.placed, memory.id)));
        let previous: Vec<MemoryId> = before.iter().map(|memory| memory.id).collect();
        let graph = Seen::of(&memories);
        let was_cut = seen.memories().len() >= limits::GRAPH_MEMORIES_MAX;
        let known = Known::new(&graph, &self.memory.scope.namespace, was_cut);
        let setting = Setting {
            memory: self.memory.id,
            previous: &previous,
            policy: &item.policy,
            schema: self.schema.as_ref(),
            known: &known,
            now: cx.now,
        };
        let nodes = item.policy.nodes.as_ref().map(|nodes| nodes.value.as_slice()).unwrap_or_default();
        let edges =
            item.policy.relationships.as_ref().map(|edges| edges.value.as_slice()).unwrap_or_default();
        match (item.policy.graph(), &self.found) {
            (GraphPlan::Given, _) => resolve::given(&setting, nodes, edges),
            (GraphPlan::Extracted, Ok(found)) => {
                let mut made = resolve::extracted(&setting, found);
                // In this mode the caller's own edges join memories only.
                let linked = resolve::given(&setting, &[], edges);
                if !made.report.has_failed() {
                    made.graph.edges.extend(linked.graph.edges);
                }
                made.report.edges.extend(linked.report.edges);
                made
            }
            _ => Resolution { graph: item.graph.clone(), report: resolve::Report::default() },
        }
    }
}

/// How many of the memories before it an item wants to be linked with.
fn context_of(item: &Item) -> usize {
    let edges = item.policy.relationships.iter().flat_map(|edges| &edges.value);
    let counts = edges.flat_map(|edge| [&edge.source, &edge.target]).map(|end| match end {
        EdgeEnd::Context(count) => usize::from(*count),
        EdgeEnd::This | EdgeEnd::Previous | EdgeEnd::Named(_) => 0,
    });
    counts.max().unwrap_or(0)
}

/// A memory's id without its prefix: a node's has another.
fn bare(id: &str) -> &str {
    id.strip_prefix("mem_").unwrap_or(id)
}

/// The types through which a search leads.
fn reached<'a>(search: &'a Search, types: &mut BTreeSet<&'a str>) {
    for via in &search.via {
        types.insert(via.target_type.as_str());
        reached(&via.target, types);
    }
}

/// Whoever wrote an item: what they could see is what its graph may refer to.
fn writer(cx: &Context, item: &Item) -> Principal {
    let mut writer = Principal::local(cx.principal.tenant.clone());
    match (item.owner.kind(), UserId::parse(item.owner.id())) {
        (AclKind::ExternalUser, Ok(user)) => writer.user = Some(user),
        _ => writer.client = item.owner.id().to_owned(),
    }
    let groups = [("organization", &item.organization_id), ("namespace", &item.namespace_id)];
    writer.groups.extend(groups.into_iter().filter_map(|(of, id)| Some(format!("{of}:{}", id.as_ref()?))));
    writer
}

/// How long an extraction is left alone that failed so often.
fn backoff_micros(attempts: u32) -> i64 {
    let exponent = attempts.clamp(1, limits::EXTRACTION_ATTEMPTS_MAX) - 1;
    i64::from(limits::EXTRACTION_BACKOFF_SECONDS) * 5_i64.pow(exponent) * 1_000_000
}

impl Operation for Settle {
    /// What became of it; none where the memory is another one by now.
    type Output = Option<Extraction>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn select(&self, _cx: &Context) -> Select {
        let keys = self.memory.item().map(|item| self.keys(item)).unwrap_or_default();
        let keys = keys.into_iter().take(limits::KEYS_ASKED_MAX).collect();
        // The latest of its scope before it: what $previous and $context:N are.
        let objects = ObjectSelect {
            partition: self.memory.partition,
            among: of_types(&[MemoryType::Event]),
            wanted: Filter::Everything,
            since: None,
            until: None,
            after: self.memory.placed.map(|placed| (placed, self.memory.id)),
            scan: Some(limits::LIST_SCAN_ITEMS),
            words: None,
            near: None,
            around: Around::nothing(),
            limit: limits::GRAPH_PREVIOUS_ITEMS + self.memory.item().map_or(0, context_of),
        };
        let keyed = KeyedSelect { keys, after: None, limit: limits::GRAPH_MEMORIES_MAX };
        Select::Shared { objects, keyed }
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "memory_id": self.memory.id.prefixed(), "extractor": self.extractor });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let current = seen.memories().iter().find(|memory| memory.id == self.memory.id);
        let current = current.filter(|memory| memory.version == self.memory.version);
        let Some((current, item)) = current.and_then(|memory| Some((memory, waiting(memory)?))) else {
            let reason = Some(Code::literal("SUPERSEDED"));
            return Ok(Plan { reason, came_to_nothing: true, ..Plan::answer(None) });
        };
        let counts = self.found.as_ref().err().is_none_or(Failure::counts);
        let before = item.extraction.as_ref().map_or(0, |extraction| extraction.attempts);
        let attempts = before + u32::from(counts);
        let resolution = self.resolve(cx, item, seen);
        let mut extraction = Extraction { attempts, ..Extraction::of(&item.policy) };
        match &self.found {
            _ if item.policy.graph() == GraphPlan::Given => extraction.status = ExtractionStatus::Completed,
            Ok(_) => {
                extraction.status = ExtractionStatus::Completed;
                extraction.extractor = Some(self.extractor.clone());
            }
            Err(failure) => {
                extraction.reason = Some(failure.reason.clone());
                extraction.extractor = Some(self.extractor.clone());
                match attempts >= limits::EXTRACTION_ATTEMPTS_MAX {
                    true => extraction.status = ExtractionStatus::Failed,
                    false => extraction.not_before = Some(cx.now.plus_micros(backoff_micros(attempts))),
                }
            }
        }
        if resolution.report.has_failed() {
            (extraction.status, extraction.reason) =
                (ExtractionStatus::Failed, Some("constraint".to_owned()));
        }
        if !extraction.waits() {
            extraction.report = Some(resolution.report);
        }
        let mut next = Memory { version: current.version + 1, ..Memory::clone(current) };
        if let Some(item) = next.body.object_mut().and_then(|object| object.item.as_deref_mut()) {
            item.graph = resolution.graph;
            item.extraction = Some(extraction.clone());
        }
        Ok(Plan {
            changes: vec![Change::ReplaceMemory(next)],
            memory_ids: vec![current.id],
            ..Plan::answer(Some(extraction))
        })
    }
}
