//! The nodes that are known, as they are looked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::report::Tried;
use super::similar::{Text, Texts};
use crate::graph::assertion::lookup_value;
use crate::graph::condition::is_same;
use crate::graph::fold::{Node, Seen};
use crate::graph::{MatchMode, Search, Via};
use crate::ids::NodeId;

/// The nodes of one namespace that whoever writes may see, made ready to be searched.
#[derive(Debug)]
pub struct Known<'a> {
    seen: &'a Seen,
    types: BTreeMap<&'a str, OfType<'a>>,
    was_cut: bool,
}

/// Nodes of one type, those first that were said first to be there.
#[derive(Debug, Default)]
struct OfType<'a> {
    nodes: Vec<&'a Node>,
    /// By property: the values that are texts, numbers or truth values, as they are compared by their letters.
    texts: BTreeMap<&'a str, Texts>,
    /// By property and value: see [`lookup_value`].
    values: BTreeMap<&'a str, BTreeMap<String, Vec<usize>>>,
}

/// What a search found, and how it got there.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) node: Option<NodeId>,
    /// The property by which it was found, where its value was not the same.
    pub(super) inexact: Option<String>,
    pub(super) tried: Vec<Tried>,
}

impl<'a> Known<'a> {
    /// What is seen of a namespace. `was_cut` says that there is more that is not in it.
    #[must_use]
    pub fn new(seen: &'a Seen, namespace: &str, was_cut: bool) -> Self {
        let mut types: BTreeMap<&str, OfType<'_>> = BTreeMap::new();
        for node in seen.nodes().filter(|node| node.namespace == namespace) {
            types.entry(node.node_type.as_str()).or_default().push(node);
        }
        Self { seen, types, was_cut }
    }

    /// Whether there is more that is known than is in it.
    #[must_use]
    pub const fn was_cut(&self) -> bool {
        self.was_cut
    }

    pub(super) const fn seen(&self) -> &Seen {
        self.seen
    }

    /// The first node that the search finds: by the first property that finds one, and through all of the relationships.
    /// `own` are the values of what is looked for; `joined` those of what it is joined with by candidates for edges.
    pub(super) fn find(
        &self,
        node_type: &str,
        search: &Search,
        own: &Map<String, Value>,
        joined: &dyn Fn(&Via) -> Vec<Map<String, Value>>,
    ) -> Found {
        let mut found = Found::default();
        let Some(of_type) = self.types.get(node_type) else {
            found.tried = search
                .properties
                .iter()
                .map(|by| tried(by.name.clone(), by.mode, by.threshold.get()))
                .collect();
            return found;
        };
        let leads = |number: usize| {
            let node = of_type.nodes.get(number)?;
            search.via.iter().all(|via| self.leads(node, via, joined)).then_some(node.id)
        };
        for by in &search.properties {
            let mut one = tried(by.name.clone(), by.mode, by.threshold.get());
            let value = by.value.as_ref().or_else(|| own.get(by.name.as_str()));
            let alike =
                value.map(|value| of_type.alike(by.name.as_str(), value, by.mode, by.threshold.get()));
            let hit = alike
                .into_iter()
                .flatten()
                .find_map(|(similarity, number)| Some((similarity, leads(number)?)));
            if let Some((similarity, node)) = hit {
                one.found = Some(node);
                one.similarity = (by.mode != MatchMode::Exact).then_some(similarity);
                found.inexact = (by.mode != MatchMode::Exact).then(|| by.name.as_str().to_owned());
                found.node = Some(node);
            }
            found.tried.push(one);
            if found.node.is_some() {
                return found;
            }
        }
        if search.properties.is_empty() && !search.via.is_empty() {
            found.node = (0..of_type.nodes.len()).find_map(leads);
        }
        found
    }

    /// Whether a relationship leads from the node to something that its search finds.
    fn leads(&self, node: &Node, via: &Via, joined: &dyn Fn(&Via) -> Vec<Map<String, Value>>) -> bool {
        let ends = self.seen.edges_of(node.id).filter(|edge| edge.edge_type == via.edge_type);
        let others = ends.filter_map(|edge| self.seen.node(edge.other(node.id, via.direction)?.node()));
        let values = joined(via);
        others
            .filter(|other| other.node_type == via.target_type)
            .any(|other| self.answers(other, &via.target, &values))
    }

    /// Whether a node is what a search looks for, where it looks for one of these.
    fn answers(&self, node: &Node, search: &Search, wanted: &[Map<String, Value>]) -> bool {
        let by_property = search.properties.iter().any(|by| {
            let Some(held) = node.value(by.name.as_str()) else { return false };
            let stated = by.value.iter();
            let found =
                wanted.iter().filter_map(|own| own.get(by.name.as_str())).filter(|_| by.value.is_none());
            stated.chain(found).any(|value| matches_value(held, value, by.mode, by.threshold.get()))
        });
        let by_others = search.via.iter().all(|via| self.leads(node, via, &|_| Vec::new()));
        (by_property || search.properties.is_empty()) && by_others
    }
}

impl<'a> OfType<'a> {
    fn push(&mut self, node: &'a Node) {
        let number = self.nodes.len();
        self.nodes.push(node);
        for (name, seen) in &node.properties {
            if let Some(value) = lookup_value(&seen.value) {
                self.values.entry(name.as_str()).or_default().entry(value).or_default().push(number);
            }
            if let Some(text) = Text::of(&seen.value) {
                self.texts.entry(name.as_str()).or_default().push(text, number);
            }
        }
    }

    /// The nodes whose property is like a value, the most alike first.
    fn alike(&self, property: &str, value: &Value, mode: MatchMode, threshold: f64) -> Vec<(f64, usize)> {
        if mode != MatchMode::Exact {
            let text = Text::of(value);
            return text
                .and_then(|text| Some(self.texts.get(property)?.alike(&text, threshold)))
                .unwrap_or_default();
        }
        let Some(spelt) = lookup_value(value) else { return Vec::new() };
        let numbers = self.values.get(property).and_then(|of| of.get(&spelt)).into_iter().flatten();
        let same = |number: &&usize| {
            let held = self.nodes.get(**number).and_then(|node| node.value(property));
            held.is_some_and(|held| is_same(held, value))
        };
        numbers.filter(same).map(|number| (1.0, *number)).collect()
    }
}

/// Whether a held value is what is looked for.
pub(super) fn matches_value(held: &Value, wanted: &Value, mode: MatchMode, threshold: f64) -> bool {
    match mode {
        MatchMode::Exact => is_same(held, wanted),
        MatchMode::Semantic | MatchMode::Fuzzy => match (Text::of(held), Text::of(wanted)) {
            (Some(held), Some(wanted)) => held.similarity(&wanted) >= threshold,
            _ => false,
        },
    }
}

/// A search that found nothing yet. No embedder is loaded: what is to be compared by meaning is compared by letters.
pub(super) fn tried(property: crate::graph::Name, mode: MatchMode, threshold: f64) -> Tried {
    let compared = if mode == MatchMode::Exact { MatchMode::Exact } else { MatchMode::Fuzzy };
    let threshold = (mode != MatchMode::Exact).then_some(threshold);
    Tried { property, mode, compared, threshold, similarity: None, found: None }
}
