//! A query by words and by meaning: what of a scope answers it, the best first.
//!
//! What is ranked is what the caller may see. So a search that meets what it may not see looks further, until what it shows is what
//! it would show if that were not there: which of the nearest are shown, and who stands beside them in a conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memoryscope_domain::feedback::{Opinion, opinion_id};
use memoryscope_domain::govern::{Facts, Visible};
use memoryscope_domain::graph::fold::{Node, Seen};
use memoryscope_domain::ids::{MemoryId, NodeId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Key, Memory};
use memoryscope_domain::object::Unit;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::retrieval::{self, Boost, Hit, Question, Walk};
use memoryscope_domain::scope::Partition;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::vector::{ModelKey, Vector};
use memoryscope_domain::words::{QueryText, Ranked};

use super::query::Item;
use crate::context::Context;
use crate::port::{Around, Near, ObjectSelect, WantedRecords};

/// How many times more is looked at, at most: what is nearest four times over, then neighbours, and these further away.
const LOOKS_MAX: u32 = 12;
/// How many times as much is looked at where that was too little.
const WIDENING: usize = 4;
/// Nodes of which all that is said is looked at, about.
const NODES_MAX: usize = limits::KEYS_ASKED_MAX / 4;
/// How a memory was judged of which nobody said anything.
const UNJUDGED: f64 = 0.5;

/// What is asked for, and where its answer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What is asked, in words.
    pub text: QueryText,
    /// What is asked, in meaning; none where nobody could tell.
    pub meaning: Option<Meaning>,
    /// Only what is behind this place: that of the last item of the page before.
    pub after: Option<Ranked>,
    /// Whether memories are found, too, that say something of what the graph leads to from nodes that the question names.
    pub walks: bool,
    /// How far what is beside the question moves scores.
    pub boost: Boost,
    looked: Looked,
}

/// A question's vector.
#[derive(Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Whose it is.
    pub model: ModelKey,
    /// The vector.
    pub vector: Vector,
}

/// A question is its caller's own: nothing that prints a request shows it.
impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meaning({} numbers)", self.vector.values().len())
    }
}

/// How far one run of the search has looked. It is no part of what is asked.
struct Looked(Mutex<Reach>);

#[derive(Debug)]
struct Reach {
    near: usize,
    around: Around,
    /// The nodes of which all that is said was looked at.
    nodes: BTreeSet<NodeId>,
    /// The memories about which it was asked what the caller thinks of them.
    judged: BTreeSet<MemoryId>,
    /// The ranking of what was looked at last, where that led on to no more.
    ranking: Option<Vec<Hit>>,
    /// The graph of what was looked at last, and the nodes of it that the question leads to, the best first.
    walked: Option<(Seen, Vec<NodeId>)>,
}

impl Reach {
    fn bounds(&self) -> (usize, Around) {
        (self.near, self.around.clone())
    }
}

impl Looked {
    fn begin() -> Self {
        // Some more than count: a few of them are usually not shown.
        Self(Mutex::new(Reach {
            near: limits::NEAREST_ITEMS * 5 / 4,
            around: Around::nothing(),
            nodes: BTreeSet::new(),
            judged: BTreeSet::new(),
            ranking: None,
            walked: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Reach> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Looked {
    fn clone(&self) -> Self {
        Self::begin()
    }
}

impl PartialEq for Looked {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Looked {}

impl fmt::Debug for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looked")
    }
}

impl Search {
    /// For this, from the best on.
    #[must_use]
    pub fn new(text: QueryText, meaning: Option<Meaning>) -> Self {
        Self { text, meaning, after: None, walks: false, boost: Boost::default(), looked: Looked::begin() }
    }

    /// The same, behind this place, where one is named.
    #[must_use]
    pub fn behind(self, after: Option<Ranked>) -> Self {
        Self { after, ..self }
    }

    /// The same, with the graph where `walks` says so.
    #[must_use]
    pub fn walking(self, walks: bool) -> Self {
        Self { walks, ..self }
    }

    /// The same, with scores moved so far.
    #[must_use]
    pub fn boosted(self, boost: Boost) -> Self {
        Self { boost, ..self }
    }

    /// What memories of a scope are looked up by for the graph's sake: names that the question holds, and the nodes that they led
    /// to so far.
    pub(super) fn keys(&self, scope: Partition) -> Vec<Key> {
        if !self.walks {
            return Vec::new();
        }
        let names = self.text.terms().iter().map(|term| Key::node_term(scope, term));
        let reach = self.looked.lock();
        names.chain(reach.nodes.iter().map(|node| Key::node(*node))).collect()
    }

    /// What the caller thinks of what was found best, where that is to count.
    pub(super) fn records(&self, cx: &Context) -> WantedRecords {
        let (client, user) = (&cx.principal.client, cx.principal.user.as_ref());
        let name = |memory: &MemoryId| (RecordKind::Opinion, opinion_id(*memory, client, user));
        WantedRecords { named: self.looked.lock().judged.iter().map(name).collect(), page: None }
    }

    /// Whether it looks at what is there now and has no versions: keys, and what the caller thinks.
    pub(super) fn is_of_current_keys(&self) -> bool {
        self.walks || self.boost.feedback > Unit::ZERO
    }

    /// The nodes that the question led to, the best first, and behind them those of which these memories say something; of each what the
    /// caller may see of it.
    pub(super) fn nodes<'a>(&self, shown: impl Iterator<Item = &'a Memory>) -> Vec<Node> {
        let Some((graph, mut nodes)) = self.looked.lock().walked.take() else { return Vec::new() };
        let said = shown.filter_map(Memory::item).flat_map(|item| &item.graph.nodes);
        nodes.extend(said.map(|said| said.node));
        let mut shown = BTreeSet::new();
        nodes.retain(|node| shown.insert(*node));
        nodes.iter().filter_map(|node| graph.node(*node)).cloned().collect()
    }

    /// What is looked at for it, among these.
    pub(super) fn among(&self, objects: ObjectSelect) -> ObjectSelect {
        let (limit, around) = self.looked.lock().bounds();
        let near = self.meaning.as_ref().map(|meaning| Near {
            model: meaning.model,
            vector: meaning.vector.clone(),
            least: retrieval::LEAST_COSINE,
            limit,
        });
        ObjectSelect {
            words: Some(self.text.keys()),
            near,
            around,
            // What holds the words is looked at as a whole, or it could not be ranked.
            scan: None,
            after: None,
            limit: limits::MATCH_ROWS,
            ..objects
        }
    }

    /// What is asked in meaning, of what is looked at anyway.
    pub(super) fn near(&self) -> Option<Near> {
        let meaning = self.meaning.as_ref()?;
        Some(Near { model: meaning.model, vector: meaning.vector.clone(), least: 1.0, limit: 0 })
    }

    /// How many of these events answer better, of each that answers.
    pub(super) fn ranks(
        &self,
        memories: &[&Memory],
        seen: &Visible<Facts>,
        now: Timestamp,
    ) -> BTreeMap<MemoryId, usize> {
        let is_event = |memory: &&&Memory| matches!(memory.body, Body::Event(_));
        let events: Vec<&Memory> = memories.iter().filter(is_event).copied().collect();
        let hits = self.rank(&self.found(&events, seen, None), &events, seen, now);
        hits.iter().zip(0..).map(|(hit, rank)| (hit.ranked.id, rank)).collect()
    }

    /// Whether it may look so many times more.
    pub(super) const fn may_look_again(times: u32) -> bool {
        times <= LOOKS_MAX
    }

    /// Whether what would be shown of what was looked at leads on to more; and if so, to what.
    pub(super) fn leads_on(&self, shown: &[Item], seen: &Visible<Facts>, now: Timestamp) -> bool {
        let memories: Vec<&Memory> = shown.iter().map(|item| &*item.memory).collect();
        let mut reach = self.looked.lock();
        reach.ranking = None;
        let is_short = self.meaning.is_some()
            && seen.nearest().more
            && !retrieval::has_nearest(seen.nearest(), &memories);
        if is_short && reach.near < limits::MATCH_ROWS {
            reach.near = (reach.near * WIDENING).min(limits::MATCH_ROWS);
            return true;
        }
        let walk = self.walk(&memories, &mut reach);
        let wanted = walk.as_ref().map(|walk| walk.wanted(&memories)).unwrap_or_default();
        if !wanted.is_subset(&reach.nodes) && reach.nodes.len() < NODES_MAX {
            reach.nodes.extend(wanted);
            return true;
        }
        let found = self.found(&memories, seen, walk.as_ref());
        let anchors = retrieval::anchors(&found, &memories);
        if !anchors.is_subset(&reach.around.anchors) {
            reach.around.anchors = anchors;
            return true;
        }
        let may_lack = !anchors.is_empty()
            && seen.may_be_cut()
            && reach.around.reach < limits::NEIGHBOUR_ROWS_MAX
            && !retrieval::has_neighbours(&anchors, &memories);
        if may_lack {
            reach.around.reach *= WIDENING;
            return true;
        }
        let lent = retrieval::lend(&found, &memories);
        if self.boost.feedback > Unit::ZERO {
            let best: BTreeSet<MemoryId> =
                lent.iter().take(limits::OPINIONS_ASKED_MAX).map(|hit| hit.ranked.id).collect();
            if !best.is_subset(&reach.judged) {
                reach.judged = best;
                return true;
            }
        }
        reach.ranking = Some(self.boosted_by(lent, &memories, seen, now));
        false
    }

    /// Where the question leads to in the graph of these memories, if that is asked; it is kept with the graph.
    fn walk(&self, memories: &[&Memory], reach: &mut Reach) -> Option<Walk> {
        if !self.walks {
            return None;
        }
        let graph = Seen::of(memories);
        let walk = Walk::of(&self.text, &graph);
        reach.walked = Some((graph, walk.nodes()));
        Some(walk)
    }

    fn found(&self, memories: &[&Memory], seen: &Visible<Facts>, walk: Option<&Walk>) -> Vec<Hit> {
        let nearest = self.meaning.as_ref().map(|_| seen.nearest());
        retrieval::find(Question { text: &self.text, nearest, walk }, memories)
    }

    fn boosted_by(
        &self,
        found: Vec<Hit>,
        memories: &[&Memory],
        seen: &Visible<Facts>,
        now: Timestamp,
    ) -> Vec<Hit> {
        let opinions = seen.records().named.iter().filter(|held| held.kind == RecordKind::Opinion);
        let standing = opinions.filter_map(|held| {
            let opinion: Opinion = serde_json::from_str(&held.document).ok()?;
            Some((MemoryId::parse(&held.group).ok()?, opinion.standing()))
        });
        let liked: BTreeMap<MemoryId, f64> = standing.collect();
        let of = |id| liked.get(&id).copied().unwrap_or(UNJUDGED);
        retrieval::boosted(found, memories, self.boost, now, of)
    }

    fn rank(&self, found: &[Hit], memories: &[&Memory], seen: &Visible<Facts>, now: Timestamp) -> Vec<Hit> {
        self.boosted_by(retrieval::lend(found, memories), memories, seen, now)
    }

    /// The next of these, the best first, at most `limit`.
    ///
    /// Scores are of one answer: where memories came or went meanwhile, all of them may have moved. So a page goes on behind
    /// the memory that the page before ended with, and by its score only where that memory is gone.
    ///
    /// What [`Search::leads_on`] was just told of the same `seen` is not ranked again; `shown` is what would be shown of it.
    pub(super) fn ranked(
        &self,
        shown: impl FnOnce() -> Vec<Item>,
        seen: &Visible<Facts>,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Hit> {
        let mut reach = self.looked.lock();
        let hits = reach.ranking.take().unwrap_or_else(|| {
            let shown = shown();
            let memories: Vec<&Memory> = shown.iter().map(|item| &*item.memory).collect();
            let walk = self.walk(&memories, &mut reach);
            self.rank(&self.found(&memories, seen, walk.as_ref()), &memories, seen, now)
        });
        let begin = self.after.map_or(0, |after| {
            let there = hits.iter().position(|hit| hit.ranked.id == after.id);
            there.map_or_else(|| hits.partition_point(|hit| hit.ranked <= after), |place| place + 1)
        });
        hits.into_iter().skip(begin).take(limit).collect()
    }
}
