//! Former ways to say how a graph is made: `graph_generation` and `relationships_json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::read::{read_edges, read_mode, read_nodes};
use super::{MemoryPolicy, Mode};
use crate::fields::{At, Fault, Members, Notes, Unknown, each, line, list_of};
use crate::graph::given::{Spelling, properties};
use crate::graph::{Condition, EdgeEnd, GivenEdge, Name, NodeConstraint, NodeId, SetValue, name};
use crate::limits;

/// Reads a `graph_generation`: a mode, and the object of the same name that says more.
pub(super) fn read_graph_generation(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<MemoryPolicy> {
    let mut members = Members::open(value, at, notes)?;
    let mode = members.optional("mode", notes, read_mode).unwrap_or(Mode::Auto);
    let auto = members.optional("auto", notes, read_auto);
    let manual = members.optional("manual", notes, read_manual);
    let refused = match mode {
        Mode::Manual => "auto",
        Mode::Auto | Mode::None => "manual",
    };
    if members.sends(refused) {
        let message = format!("must not be sent in mode {}", mode.name());
        notes.wrong::<()>(&members.place(refused), Fault::NotAllowed, message);
    }
    if mode == Mode::Manual && !members.sends("manual") {
        notes.wrong::<()>(&members.place("manual"), Fault::Missing, "is required in mode manual");
    }
    let is_clean = notes.is_clean_at(&members.at());
    members.close(Unknown::Refuse, notes);
    let said = if mode == Mode::Manual { manual } else { auto };
    is_clean.then(|| said.unwrap_or_default()).map(|said| MemoryPolicy { mode: Some(mode), ..said })
}

fn read_manual(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<MemoryPolicy> {
    let mut members = Members::open(value, at, notes)?;
    let nodes =
        members.required("nodes", notes, |value, at, notes| read_nodes(value, at, notes, Spelling::LEGACY));
    let relationships = members
        .optional("relationships", notes, |value, at, notes| read_edges(value, at, notes, Spelling::LEGACY));
    members.close(Unknown::Refuse, notes);
    Some(MemoryPolicy { nodes: Some(nodes?), relationships, ..MemoryPolicy::default() })
}

fn read_auto(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<MemoryPolicy> {
    let mut members = Members::open(value, at, notes)?;
    let schema_id = members.optional("schema_id", notes, name);
    let node_constraints =
        members.optional("property_overrides", notes, list_of(limits::GRAPH_CONSTRAINTS_MAX, read_override));
    // Former switches of the extractor.
    members.removed("simple_schema_mode", "was removed and has no effect", notes);
    members.close(Unknown::Refuse, notes);
    Some(MemoryPolicy { schema_id, node_constraints, ..MemoryPolicy::default() })
}

/// `{nodeLabel, match?, set}`: a node constraint that sets exact values.
fn read_override(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<NodeConstraint> {
    let mut members = Members::open(value, at, notes)?;
    let former = members.optional("node_label", notes, name);
    let node_type = match former {
        Some(node_type) => Some(node_type),
        None => members.required("nodeLabel", notes, name),
    };
    let set = members.required("set", notes, properties);
    let when = members.optional("match", notes, properties);
    members.ignored("nodeLabel");
    members.close(Unknown::Refuse, notes);
    let exact = |(key, value): (String, Value)| Some((Name::parse(&key).ok()?, SetValue::Exact(value)));
    let set: BTreeMap<Name, SetValue> = set?.into_iter().filter_map(exact).collect();
    let when = when.filter(|when| !when.is_empty()).map(|when| {
        let equals = |(key, value): (String, Value)| {
            Some(Condition::Equals { property: Name::parse(&key).ok()?, value })
        };
        Condition::All(when.into_iter().filter_map(equals).collect())
    });
    Some(NodeConstraint { set, when, ..NodeConstraint::of(node_type?) })
}

/// Reads `relationships_json`: edges that begin at the new memory.
pub(super) fn read_relationships(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Vec<GivenEdge>> {
    match value {
        Value::Array(items) if items.len() <= limits::GIVEN_EDGES_MAX => each(items, at, notes, read_item),
        Value::Array(_) => {
            let message = format!("must have at most {} members", limits::GIVEN_EDGES_MAX);
            notes.wrong(at, Fault::TooLong, message)
        }
        _ => notes.wrong(at, Fault::WrongType, "must be a list"),
    }
}

fn read_item(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<GivenEdge> {
    const KINDS: &[&str] = &["previous_memory_item_id", "link_to_id", "all_previous_memory_items"];
    let mut members = Members::open(value, at, notes)?;
    let edge_type = members.required("relation_type", notes, name);
    let related = members.optional("related_item_id", notes, line(limits::NODE_ID_CHARS_MAX));
    let kind = members.optional("relationship_type", notes, line(limits::GRAPH_NAME_CHARS_MAX));
    let properties = members.optional("metadata", notes, properties);
    members.ignored("related_item_type");
    let at_kind = members.place("relationship_type");
    let target = match kind.as_deref() {
        Some("previous_memory_item_id") => Some(EdgeEnd::Previous),
        Some("all_previous_memory_items") => Some(EdgeEnd::Context(limits::CONTEXT_LINKS_MAX)),
        None | Some("link_to_id") => match related.as_deref().map(NodeId::parse) {
            Some(Ok(id)) if !id.as_str().starts_with('$') => Some(EdgeEnd::Named(id)),
            _ => notes.wrong(&members.place("related_item_id"), Fault::Missing, "must be a memory's id"),
        },
        Some(_) => notes.wrong(&at_kind, Fault::NotAllowed, format!("must be one of: {}", KINDS.join(", "))),
    };
    members.close(Unknown::Warn, notes);
    let properties: Map<String, Value> = properties.unwrap_or_default();
    Some(GivenEdge { source: EdgeEnd::This, target: target?, edge_type: edge_type?, properties })
}
