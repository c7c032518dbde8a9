//! The graph that memories bring along: what callers say of it.
//!
//! A [`GivenNode`] and a [`GivenEdge`] are made exactly as a caller gives them. A [`NodeConstraint`] and an
//! [`EdgeConstraint`] say what becomes of what an extractor finds. [`link_dsl`] is their shorthand, and a [`Schema`]
//! says which types there are and what their properties may be.
//!
//! Deliberately absent: the graph itself. A node that is shown is a fold over what memories assert, made where the
//! reader is known.

pub mod assertion;
pub mod condition;
pub mod constraint;
pub mod extract;
pub mod extraction;
pub mod fold;
pub mod given;
pub mod link_dsl;
pub mod resolve;
#[cfg(test)]
pub(crate) mod samples;
pub mod schema;
pub mod search;
pub mod set;

use serde_json::Value;

use crate::fields::{At, Notes, line};
use crate::limits;
use crate::object::text::Line;

pub use assertion::{Asserted, EdgeAssertion, End, Graph, Method, NodeAssertion};
pub use condition::Condition;
pub use constraint::{
    Direction, EdgeConstraint, EdgeFilter, Miss, NodeConstraint, for_edge, for_node, most_specific,
};
pub use extraction::{Extraction, ExtractionStatus};
pub use given::{EdgeEnd, GivenEdge, GivenNode, NodeId};
pub use schema::Schema;
pub use search::{Match, MatchMode, Search, Via};
pub use set::{SetValue, TextMode};

/// The name of a node type, an edge type or a property.
pub type Name = Line<{ limits::GRAPH_NAME_CHARS_MAX }>;

/// The type of the node that stands for a memory; nobody else may use it.
pub const MEMORY_TYPE: &str = "Memory";

/// Node types that every tenant has, without a schema.
pub const SYSTEM_TYPES: [&str; 9] =
    [MEMORY_TYPE, "Person", "Company", "Project", "Task", "Insight", "Meeting", "Opportunity", "Code"];

/// Reads a name.
pub(crate) fn name(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Name> {
    // What the reader lets through is a line already.
    Name::parse(&line(limits::GRAPH_NAME_CHARS_MAX)(value, at, notes)?).ok()
}

/// Whether a name is `[A-Za-z_][A-Za-z0-9_]*`: what a schema's node types and properties are called.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a name is `[A-Z][A-Z0-9_]*`: what a schema's relationship types are called.
#[must_use]
pub fn is_upper_case(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
