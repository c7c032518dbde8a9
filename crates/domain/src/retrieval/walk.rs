//! Nodes of the graph that a question names, and what they lead to: a memory that says something of these is found though it shares no
//! word with the question.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::graph::fold::{Node, Seen};
use crate::ids::NodeId;
use crate::limits;
use crate::memory::Memory;
use crate::words::{QueryText, Side, each_term};

/// What share of the words of one of a node's properties a question must hold to name the node.
const LEAST_NAMED: f64 = 0.3;
/// What one step along an edge leaves of that.
const STEP: f64 = 0.5;

/// Nodes that a question leads to, each with how much of the way there is left: 1 for one whose name it holds whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Walk {
    named: BTreeSet<NodeId>,
    weights: BTreeMap<NodeId, f64>,
}

impl Walk {
    /// From the nodes that a question names, the best [`limits::WALK_NAMED_NODES`], one step along edges; of all that is
    /// reached the best [`limits::WALK_NODES`].
    #[must_use]
    pub fn of(text: &QueryText, graph: &Seen) -> Self {
        let weight =
            |node: &Node| Some((node.id, named(text, node).filter(|weight| *weight >= LEAST_NAMED)?));
        let named = best(graph.nodes().filter_map(weight).collect(), limits::WALK_NAMED_NODES);
        let mut weights = named.clone();
        for edge in graph.edges() {
            let ends = [edge.source.node(), edge.target.node()];
            for (from, to) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                if let Some(weight) = named.get(&from) {
                    let reached = weights.entry(to).or_default();
                    *reached = reached.max(STEP * weight);
                }
            }
        }
        Self {
            named: named.into_keys().collect(),
            weights: best(weights.into_iter().collect(), limits::WALK_NODES),
        }
    }

    /// The nodes, the best first.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<(NodeId, f64)> = self.weights.iter().map(|(id, weight)| (*id, *weight)).collect();
        sort(&mut nodes);
        nodes.into_iter().map(|(id, _)| id).collect()
    }

    /// The nodes of which all that is said has to be looked at: those that were reached, and as many of what is said to be next to a
    /// named one, whether or not that is there among these memories.
    #[must_use]
    pub fn wanted(&self, memories: &[&Memory]) -> BTreeSet<NodeId> {
        let said = memories.iter().filter_map(|memory| memory.item()).flat_map(|item| &item.graph.edges);
        let ends = said.map(|edge| [edge.source.node(), edge.target.node()]);
        let next = ends.filter(|ends| ends.iter().any(|end| self.named.contains(end)));
        let next: BTreeSet<NodeId> = next.flatten().collect();
        self.weights.keys().copied().chain(next.into_iter().take(limits::WALK_NODES)).collect()
    }

    /// How much of the way is left where a memory says something of one of its nodes, or is one; the best of them counts.
    #[must_use]
    pub fn weight(&self, memory: &Memory) -> Option<f64> {
        let graph = &memory.item()?.graph;
        let own = NodeId::from_uuid(memory.id.uuid());
        let nodes = graph.nodes.iter().map(|node| node.node);
        let ends = graph.edges.iter().flat_map(|edge| [edge.source.node(), edge.target.node()]);
        let said = nodes.chain(ends).chain([own]);
        said.filter_map(|node| self.weights.get(&node).copied()).max_by(f64::total_cmp)
    }
}

/// The best first; of two that are alike the one that comes first by id.
fn sort(nodes: &mut [(NodeId, f64)]) {
    nodes.sort_unstable_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
}

fn best(mut nodes: Vec<(NodeId, f64)>, limit: usize) -> BTreeMap<NodeId, f64> {
    sort(&mut nodes);
    nodes.truncate(limit);
    nodes.into_iter().collect()
}

/// The texts of a property.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let one = std::slice::from_ref(value);
    let all = value.as_array().map_or(one, Vec::as_slice);
    all.iter().filter_map(Value::as_str)
}

/// The different terms of a text, if there are few enough for a name: what is longer describes.
fn terms(text: &str) -> Option<BTreeSet<String>> {
    if text.len() > limits::NODE_NAME_BYTES_MAX {
        return None;
    }
    let mut terms = BTreeSet::new();
    each_term(text, Side::Kept, &mut |term| {
        terms.insert(term.to_owned());
    });
    (!terms.is_empty() && terms.len() <= limits::NODE_NAME_TERMS_MAX).then_some(terms)
}

/// The largest share that a question holds of the words of one of a node's properties.
fn named(text: &QueryText, node: &Node) -> Option<f64> {
    let asked: BTreeSet<&str> = text.terms().iter().map(String::as_str).collect();
    let values = node.properties.values().flat_map(|seen| texts(&seen.value));
    let shares = values.filter_map(terms).map(|terms| {
        let held = terms.iter().filter(|term| asked.contains(term.as_str())).count();
        held as f64 / terms.len() as f64
    });
    shares.max_by(|a, b| a.total_cmp(b))
}

/// The terms by which a node is looked for that has these properties.
pub(crate) fn name_terms<'a>(values: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let all: BTreeSet<String> = values.flat_map(texts).filter_map(terms).flatten().collect();
    all.into_iter().take(limits::NODE_TERMS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::assertion::End;
    use crate::graph::samples::{joins, memory, memory_id, node_id, says};
    use crate::ids::MemoryId;
    use crate::retrieval::{Question, find};

    /// Maria at Acme, which Omar founded; Maria Lopez is somebody else.
    fn world() -> Vec<Memory> {
        let (maria, acme, omar) = (End::Node(node_id(1)), End::Node(node_id(2)), End::Node(node_id(3)));
        let described = json!({"name": "Omar", "notes": format!("maria {}", "and much besides ".repeat(20))});
        vec![
            memory(1, vec![says(1, "Person", json!({"name": "Maria"}), &[])], Vec::new()),
            memory(2, vec![says(2, "Company", json!({"name": "Acme"}), &[])], vec![joins(maria, "AT", acme)]),
            memory(3, vec![says(3, "Person", described, &[])], vec![joins(omar, "FOUNDED", acme)]),
            memory(4, vec![says(4, "Person", json!({"name": ["Maria Lopez", 7]}), &[])], Vec::new()),
            memory(
                5,
                Vec::new(),
                vec![joins(End::Memory(memory_id(5)), "FOLLOWS", End::Memory(memory_id(1)))],
            ),
        ]
    }

    fn check(question: &str, expect: &[(u128, f64)]) {
        let world = world();
        let memories: Vec<&Memory> = world.iter().collect();
        let text = QueryText::parse(question).expect("a question");
        let walk = Walk::of(&text, &Seen::of(&memories));
        let found = find(Question { text: &text, nearest: None, walk: Some(&walk) }, &memories);
        let found: Vec<(MemoryId, f64)> =
            found.iter().filter_map(|hit| Some((hit.ranked.id, hit.why.graph?.score))).collect();
        let expect: Vec<(MemoryId, f64)> =
            expect.iter().map(|(number, weight)| (memory_id(*number), *weight)).collect();
        assert_eq!(found, expect, "{question}");
    }

    #[test]
    fn a_question_leads_to_what_it_names_and_one_step_on() {
        // What says something of Maria: her own memory, and the one by which she is at Acme; half a name, half the way.
        check("what does Maria do?", &[(2, 1.0), (1, 1.0), (4, 0.5), (3, 0.5)]);
        check("who is maria LOPEZ", &[(4, 1.0), (2, 1.0), (1, 1.0), (3, 0.5)]);
        check("Acme", &[(3, 1.0), (2, 1.0), (1, 0.5)]);
        check("who was it", &[]);
        check("besides", &[]);
    }

    #[test]
    fn a_memory_is_a_node_of_its_own() {
        let world = world();
        let weights = BTreeMap::from([(NodeId::from_uuid(memory_id(1).uuid()), 0.25)]);
        let walk = Walk { weights, ..Walk::default() };
        assert_eq!(walk.weight(&world[0]), Some(0.25));
        assert_eq!(walk.weight(&world[4]), Some(0.25), "what follows it says so");
        assert_eq!(walk.weight(&world[1]), None);
    }

    #[test]
    fn names_are_short() {
        let values = [json!("Maria Lopez"), json!(7), json!(["Acme", "x y z"]), json!("long ".repeat(50))];
        let terms: Vec<String> = name_terms(values.iter()).into_iter().collect();
        assert_eq!(terms, ["acm", "lopez", "maria", "x", "y", "z"]);
        let many = json!((0..300).map(|number| format!("n{number}")).collect::<Vec<_>>());
        assert_eq!(name_terms([many].iter()).len(), limits::NODE_TERMS_MAX);
    }
}
