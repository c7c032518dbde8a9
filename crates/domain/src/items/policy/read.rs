//! Reads a `memory_policy`, in a request or as the default of a schema or a namespace.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Consent, MemoryPolicy, Mode, Risk};
use crate::fields::{At, Fault, Faults, Members, Notes, Read, Unknown, any_case, each};
use crate::graph::given::Spelling;
use crate::graph::{EdgeConstraint, GivenEdge, GivenNode, MEMORY_TYPE, NodeConstraint, name};
use crate::items::acl::AccessList;
use crate::limits;

/// Where a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyPlace {
    /// In a request.
    Request,
    /// In an object that another server, or this one, let go: every mode may stand there.
    Import,
    /// It is a namespace's default.
    Namespace,
    /// It is a schema's default: it names no schema.
    Schema,
}

/// Reads a mode: one of two names, or one of their former ones, in any case.
pub(crate) fn read_mode(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Mode> {
    let from_name = |name: &str| match name {
        "auto" => Some((Mode::Auto, None)),
        "manual" => Some((Mode::Manual, None)),
        "hybrid" => Some((Mode::Auto, Some("auto"))),
        "structured" => Some((Mode::Manual, Some("manual"))),
        _ => None,
    };
    let (mode, successor) = any_case(Mode::PUBLISHED, from_name)(value, at, notes)?;
    if let Some(successor) = successor {
        notes.deprecated_value(at, successor);
    }
    Some(mode)
}

/// Reads a mode where `none` may stand too.
pub(super) fn read_any_mode(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Mode> {
    match value.as_str() {
        Some(text) if text.trim().eq_ignore_ascii_case(Mode::None.name()) => Some(Mode::None),
        _ => read_mode(value, at, notes),
    }
}

pub(crate) fn read_consent(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Consent> {
    any_case(&["explicit", "implicit", "terms", "none"], Consent::from_name)(value, at, notes)
}

pub(crate) fn read_risk(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Risk> {
    any_case(Risk::NAMES, Risk::from_name)(value, at, notes)
}

impl MemoryPolicy {
    /// Reads a policy; unknown members are faults.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes, place: PolicyPlace) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let mode = members.optional("mode", notes, |value, at, notes| match place {
            PolicyPlace::Import => read_any_mode(value, at, notes),
            _ => read_mode(value, at, notes),
        });
        let schema_id = members.optional("schema_id", notes, |value, at, notes| match place {
            PolicyPlace::Request | PolicyPlace::Import | PolicyPlace::Namespace => name(value, at, notes),
            PolicyPlace::Schema => {
                notes.wrong(at, Fault::NotAllowed, "must not stand in a schema's own policy")
            }
        });
        let mut policy = Self { mode, schema_id, ..read_graph_parts(&mut members, notes) };
        policy.consent = members.optional("consent", notes, read_consent);
        policy.risk = members.optional("risk", notes, read_risk);
        policy.acl = members.optional("acl", notes, AccessList::read_json);
        let is_clean = notes.is_clean_at(&members.at());
        members.close(Unknown::Refuse, notes);
        is_clean.then_some(policy)
    }

    /// Reads a namespace's `default_policy`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read_default(value: &Value, is_strict: bool) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(is_strict);
        let at = At::Root("body");
        let read = Self::read(value, &At::Key(&at, "default_policy"), &mut notes, PolicyPlace::Namespace);
        notes.finish(read)
    }

    /// The policy as it is sent: what it states and nothing else.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut some = |name: &str, value: Option<Value>| {
            value.map(|value| json.insert(name.to_owned(), value));
        };
        some("mode", self.mode.map(|mode| mode.name().into()));
        some("schema_id", self.schema_id.as_ref().map(|id| id.as_str().into()));
        some("nodes", self.nodes.as_ref().map(|nodes| nodes.iter().map(GivenNode::to_json).collect()));
        let edges = self.relationships.as_ref();
        some("relationships", edges.map(|edges| edges.iter().map(GivenEdge::to_json).collect()));
        let nodes = self.node_constraints.as_ref();
        some("node_constraints", nodes.map(|all| all.iter().map(NodeConstraint::to_json).collect()));
        let edges = self.edge_constraints.as_ref();
        some("edge_constraints", edges.map(|all| all.iter().map(EdgeConstraint::to_json).collect()));
        some("consent", self.consent.map(|consent| consent.name().into()));
        some("risk", self.risk.map(|risk| risk.name().into()));
        some("acl", self.acl.as_ref().map(AccessList::to_json));
        Value::Object(json)
    }
}

/// What is said of the graph, in a policy as in the nested form's `graph`.
pub(super) fn read_graph_parts(members: &mut Members<'_>, notes: &mut Notes) -> MemoryPolicy {
    let constraints = limits::GRAPH_CONSTRAINTS_MAX;
    MemoryPolicy {
        nodes: members
            .optional("nodes", notes, |value, at, notes| read_nodes(value, at, notes, Spelling::POLICY)),
        relationships: members.optional("relationships", notes, |value, at, notes| {
            read_edges(value, at, notes, Spelling::POLICY)
        }),
        node_constraints: members.optional("node_constraints", notes, |value, at, notes| {
            list(value, at, notes, constraints, |value, at, notes| {
                NodeConstraint::read(value, at, notes, None)
            })
        }),
        edge_constraints: members.optional("edge_constraints", notes, |value, at, notes| {
            list(value, at, notes, constraints, |value, at, notes| {
                EdgeConstraint::read(value, at, notes, None)
            })
        }),
        ..MemoryPolicy::default()
    }
}

fn list<T>(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    max: usize,
    read: impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T>,
) -> Option<Vec<T>> {
    match value {
        Value::Array(items) if items.len() <= max => each(items, at, notes, read),
        Value::Array(_) => notes.wrong(at, Fault::TooLong, format!("must have at most {max} members")),
        _ => notes.wrong(at, Fault::WrongType, "must be a list"),
    }
}

/// Nodes, each with an id of its own, none of the type that is reserved for memories.
pub(super) fn read_nodes(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    by: Spelling,
) -> Option<Vec<GivenNode>> {
    let nodes = list(value, at, notes, limits::GIVEN_NODES_MAX, |value, at, notes| {
        GivenNode::read(value, at, notes, by)
    })?;
    let mut seen = BTreeSet::new();
    let mut is_right = true;
    for (index, node) in nodes.iter().enumerate() {
        let at = At::Index(at, index);
        if !seen.insert(&node.id) {
            notes.wrong::<()>(&At::Key(&at, "id"), Fault::NotAllowed, "is the id of an earlier node");
            is_right = false;
        }
        if node.node_type.as_str() == MEMORY_TYPE {
            notes.wrong::<()>(&At::Key(&at, by.node_type), Fault::NotAllowed, "is reserved for memories");
            is_right = false;
        }
    }
    is_right.then_some(nodes)
}

pub(super) fn read_edges(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    by: Spelling,
) -> Option<Vec<GivenEdge>> {
    list(value, at, notes, limits::GIVEN_EDGES_MAX, |value, at, notes| GivenEdge::read(value, at, notes, by))
}
