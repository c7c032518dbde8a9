//! What one memory says of the graph.
//!
//! A node is nowhere but in what memories say of it: an assertion names the node, its type and some of its properties. So
//! whatever happens to the memory (it is sealed, erased, changed, exported) happens to what it says of the graph.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{Name, TextMode};
use crate::constraint::closed_list;
use crate::ids::{MemoryId, NodeId};
use crate::memory::Key;
use crate::time::Timestamp;

closed_list!(
    /// How something came to be said.
    Method {
        /// The caller gave it.
        Given "given",
        /// An extractor found it.
        Extracted "extracted",
        /// A constraint set it.
        Set "set",
        /// The schema's default.
        Default "default",
    }
);

/// A property's value, as one memory says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asserted {
    /// The value.
    pub value: Value,
    /// How it came.
    pub method: Method,
    /// How it meets what was said before.
    #[serde(default = "replace", skip_serializing_if = "is_replace")]
    pub text_mode: TextMode,
}

const fn replace() -> TextMode {
    TextMode::Replace
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_replace(mode: &TextMode) -> bool {
    matches!(mode, TextMode::Replace)
}

impl Asserted {
    /// A value that takes the place of what was said before.
    #[must_use]
    pub const fn new(value: Value, method: Method) -> Self {
        Self { value, method, text_mode: TextMode::Replace }
    }
}

/// Properties, as one memory says them.
pub type Properties = BTreeMap<Name, Asserted>;

/// What a memory says of one node: that it is there, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAssertion {
    /// Which.
    pub node: NodeId,
    /// Its type.
    pub node_type: Name,
    /// What the request, or the extractor, called it.
    pub called: String,
    /// What it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// How it came to be said that it is there.
    pub method: Method,
}

/// What an edge joins: a node, or a memory, which is a node of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// A node.
    Node(NodeId),
    /// A memory.
    Memory(MemoryId),
}

impl End {
    /// The node that it is: a memory's has the memory's id.
    #[must_use]
    pub const fn node(self) -> NodeId {
        match self {
            Self::Node(node) => node,
            Self::Memory(memory) => NodeId::from_uuid(memory.uuid()),
        }
    }
}

/// An edge, as one memory says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeAssertion {
    /// Where it begins.
    pub source: End,
    /// Where it ends.
    pub target: End,
    /// Its type.
    pub edge_type: Name,
    /// What it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// How it came to be said that it is there.
    pub method: Method,
}

/// Everything that one memory says of the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// When it was said, by the time of the request that said it: what is said later wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asserted: Option<Timestamp>,
    /// Of nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeAssertion>,
    /// Of edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeAssertion>,
}

impl Graph {
    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty()
    }

    /// Whether nothing was ever said.
    #[must_use]
    pub const fn is_unsaid(&self) -> bool {
        self.asserted.is_none() && self.is_empty()
    }

    /// What the memory is looked up by for its sake.
    #[must_use]
    pub fn keys(&self, namespace: &str) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        for node in &self.nodes {
            keys.insert(Key::node(node.node));
            keys.insert(Key::node_type(namespace, node.node_type.as_str()));
            for (name, asserted) in &node.properties {
                if let Some(value) = lookup_value(&asserted.value) {
                    keys.insert(Key::node_value(namespace, node.node_type.as_str(), name.as_str(), &value));
                }
            }
        }
        for edge in &self.edges {
            keys.insert(Key::node(edge.source.node()));
            keys.insert(Key::node(edge.target.node()));
            keys.insert(Key::edge_type(namespace, edge.edge_type.as_str()));
        }
        keys
    }
}

/// How a value is spelt where nodes are looked up by it: texts in lower case with single spaces, numbers and truth values as
/// JSON. Lists and objects are looked up by nothing.
#[must_use]
pub fn lookup_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let normal = text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
            (!normal.is_empty()).then_some(normal)
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(whole.to_string()),
            // 1.0 is 1.
            (None, Some(number)) if number.fract() == 0.0 => Some(format!("{number:.0}")),
            (None, number) => number.map(|number| number.to_string()),
        },
        Value::Bool(so) => Some(so.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl NodeId {
    /// The id of a node that a memory makes. The same memory makes the same node where it says the same again; what two
    /// memories call alike are two nodes.
    #[must_use]
    pub fn made_by(memory: MemoryId, node_type: &str, called: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-node-v1\0");
        hasher.update(memory.uuid().as_bytes());
        hasher.update((node_type.len() as u64).to_be_bytes());
        hasher.update(node_type.as_bytes());
        hasher.update(called.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        Self::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn values_are_looked_up_by_what_they_mean() {
        let check = |value: Value, expect: Option<&str>| {
            assert_eq!(lookup_value(&value).as_deref(), expect, "{value}");
        };
        check(json!("  Ann   LEE "), Some("ann lee"));
        check(json!("Ż\u{a0}x"), Some("ż x"));
        check(json!("  "), None);
        check(json!(1), Some("1"));
        check(json!(1.0), Some("1"));
        check(json!(-0.5), Some("-0.5"));
        check(json!(true), Some("true"));
        check(json!([1]), None);
        check(json!(null), None);
    }

    #[test]
    fn a_memory_makes_a_node_once_and_two_memories_make_two() {
        let memory = |number| MemoryId::from_uuid(Uuid::from_u128(number));
        let one = NodeId::made_by(memory(1), "Person", "n1");
        assert_eq!(one, NodeId::made_by(memory(1), "Person", "n1"));
        assert_ne!(one, NodeId::made_by(memory(2), "Person", "n1"));
        assert_ne!(one, NodeId::made_by(memory(1), "Perso", "nn1"));
        assert_eq!(one.uuid().get_version_num(), 8);
    }

    #[test]
    fn a_graph_is_found_by_all_that_it_says() {
        let memory = MemoryId::from_uuid(Uuid::from_u128(7));
        let name = |text| Name::parse(text).expect("a name");
        let node = NodeId::made_by(memory, "Person", "n1");
        let properties = BTreeMap::from([(name("name"), Asserted::new(json!("Ann"), Method::Given))]);
        let graph = Graph {
            asserted: None,
            nodes: vec![NodeAssertion {
                node,
                node_type: name("Person"),
                called: "n1".to_owned(),
                properties,
                method: Method::Given,
            }],
            edges: vec![EdgeAssertion {
                source: End::Memory(memory),
                target: End::Node(node),
                edge_type: name("MENTIONS"),
                properties: BTreeMap::new(),
                method: Method::Given,
            }],
        };
        let expect = BTreeSet::from([
            Key::node(node),
            Key::node(NodeId::from_uuid(memory.uuid())),
            Key::node_type("", "Person"),
            Key::node_value("", "Person", "name", "ann"),
            Key::edge_type("", "MENTIONS"),
        ]);
        assert_eq!(graph.keys(""), expect);
        assert!(graph.keys("other").is_disjoint(&BTreeSet::from([Key::node_type("", "Person")])));
        let kept = serde_json::to_string(&graph).expect("JSON");
        assert_eq!(serde_json::from_str::<Graph>(&kept).expect("a graph"), graph);
    }
}
