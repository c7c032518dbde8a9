//! Nodes and edges exactly as a caller gives them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Name, name};
use crate::fields::{At, Fault, Members, Notes, Unknown, line, object_within};
use crate::ids::MemoryId;
use crate::limits;
use crate::object::text::Line;

/// What a request calls one of its nodes. It does not begin with `$`, which begins the placeholders.
pub type NodeId = Line<{ limits::NODE_ID_CHARS_MAX }>;

/// A node to be made as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenNode {
    /// What the request's edges call it.
    pub id: NodeId,
    /// Its type.
    #[serde(rename = "type")]
    pub node_type: Name,
    /// Its properties.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// What an edge begins or ends at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeEnd {
    /// `$this`: the memory that is being written.
    This,
    /// `$previous`: its user's latest memory before it.
    Previous,
    /// `$context:N`: so many of its user's latest memories before it, as many as there are; 1 to
    /// [`limits::CONTEXT_LINKS_MAX`]. An edge that has it at one end is as many edges.
    Context(u8),
    /// A node of the request, or a memory. A node comes first.
    Named(NodeId),
}

/// What a named end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOf<'a> {
    /// The memory that is being written.
    This,
    /// The latest one before it.
    Previous,
    /// So many of the latest ones before it.
    Context(u8),
    /// A node of the request.
    Node(&'a GivenNode),
    /// A memory, if there is one of that id.
    Memory(MemoryId),
}

impl EdgeEnd {
    /// What it is, given the nodes that are made with it; `None` where it is neither one of them nor a memory's id.
    #[must_use]
    pub fn resolve<'a>(&self, nodes: &'a [GivenNode]) -> Option<EndOf<'a>> {
        match self {
            Self::This => Some(EndOf::This),
            Self::Previous => Some(EndOf::Previous),
            Self::Context(count) => Some(EndOf::Context(*count)),
            Self::Named(id) => match nodes.iter().find(|node| node.id == *id) {
                Some(node) => Some(EndOf::Node(node)),
                None => MemoryId::parse(id.as_str()).ok().map(EndOf::Memory),
            },
        }
    }

    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let text = line(limits::NODE_ID_CHARS_MAX)(value, at, notes)?;
        match text.as_str() {
            "$this" => Some(Self::This),
            "$previous" => Some(Self::Previous),
            other if other.starts_with('$') => match context_count(other) {
                Some(count) => Some(Self::Context(count)),
                None => {
                    let message = format!("is no placeholder; known are {}", placeholders());
                    notes.wrong(at, Fault::NotAllowed, message)
                }
            },
            id => NodeId::parse(id).ok().map(Self::Named),
        }
    }
}

impl fmt::Display for EdgeEnd {
    /// As it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::This => f.write_str("$this"),
            Self::Previous => f.write_str("$previous"),
            Self::Context(count) => write!(f, "{CONTEXT}{count}"),
            Self::Named(id) => f.write_str(id.as_str()),
        }
    }
}

/// How the placeholder begins that stands for several memories.
pub(crate) const CONTEXT: &str = "$context:";

/// The placeholders, as messages name them.
pub(crate) fn placeholders() -> String {
    format!("$this, $previous and {CONTEXT}N with N from 1 to {}", limits::CONTEXT_LINKS_MAX)
}

/// How many memories a `$context:N` stands for; `None` where it is none.
pub(crate) fn context_count(text: &str) -> Option<u8> {
    let digits = text.strip_prefix(CONTEXT)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse::<u8>().ok().filter(|_| is_number)?;
    (1..=limits::CONTEXT_LINKS_MAX).contains(&count).then_some(count)
}

/// An edge to be made as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenEdge {
    /// Where it begins.
    pub source: EdgeEnd,
    /// Where it ends.
    pub target: EdgeEnd,
    /// Its type.
    #[serde(rename = "type")]
    pub edge_type: Name,
    /// Its properties.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// What nodes and edges are called by in the two forms in which they are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    pub(crate) node_type: &'static str,
    pub(crate) source: &'static str,
    pub(crate) target: &'static str,
    pub(crate) edge_type: &'static str,
}

impl Spelling {
    /// Of `memory_policy`.
    pub(crate) const POLICY: Self =
        Self { node_type: "type", source: "source", target: "target", edge_type: "type" };
    /// Of `graph_generation.manual`.
    pub(crate) const LEGACY: Self = Self {
        node_type: "label",
        source: "source_node_id",
        target: "target_node_id",
        edge_type: "relationship_type",
    };
}

pub(crate) fn properties(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Map<String, Value>> {
    let map =
        object_within(limits::NODE_PROPERTIES_MAX, limits::NODE_PROPERTIES_BYTES_MAX)(value, at, notes)?;
    let mut is_named = true;
    for key in map.keys() {
        if let Err(error) = Name::parse(key) {
            let message = format!("is no name of a property: it {error}");
            notes.wrong::<()>(&At::Key(at, key), Fault::Invalid, message);
            is_named = false;
        }
    }
    is_named.then_some(map)
}

impl GivenNode {
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes, by: Spelling) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let id = members.required("id", notes, |value, at, notes| {
            let id = line(limits::NODE_ID_CHARS_MAX)(value, at, notes)?;
            if id.starts_with('$') {
                return notes.wrong(
                    at,
                    Fault::NotAllowed,
                    "must not begin with $, which begins placeholders",
                );
            }
            NodeId::parse(&id).ok()
        });
        let node_type = members.required(by.node_type, notes, name);
        let properties = members.optional("properties", notes, properties);
        members.close(Unknown::Refuse, notes);
        Some(Self { id: id?, node_type: node_type?, properties: properties.unwrap_or_default() })
    }

    /// The node as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "id": self.id.as_str(), "type": self.node_type.as_str(), "properties": self.properties,
        })
    }
}

impl GivenEdge {
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes, by: Spelling) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let source = members.required(by.source, notes, EdgeEnd::read);
        let target = members.required(by.target, notes, EdgeEnd::read);
        let edge_type = members.required(by.edge_type, notes, name);
        let properties = members.optional("properties", notes, properties);
        if let (Some(EdgeEnd::Context(_)), Some(EdgeEnd::Context(_))) = (&source, &target) {
            let message = "must not be $context:N where the other end is one";
            notes.wrong::<()>(&members.place(by.target), Fault::NotAllowed, message);
        }
        members.close(Unknown::Refuse, notes);
        let properties = properties.unwrap_or_default();
        Some(Self { source: source?, target: target?, edge_type: edge_type?, properties })
    }

    /// The edge as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "source": self.source.to_string(), "target": self.target.to_string(),
            "type": self.edge_type.as_str(), "properties": self.properties,
        })
    }
}
