//! `search_override`: an exact pattern of the graph, in place of a search by words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, any_case, list_of};
use crate::graph::condition::is_same;
use crate::graph::{Direction, Name, name};
use crate::limits;

/// What is looked for: a source, a relationship and a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The source's type.
    pub source_label: Name,
    /// The relationship's type.
    pub relationship_type: Name,
    /// The target's type.
    pub target_label: Name,
    /// `->` outgoing, `<-` incoming, `-` both.
    pub direction: Direction,
}

closed_list!(
    /// How a property is compared.
    Operator {
        /// A text that holds it.
        Contains "CONTAINS",
        /// The same.
        Equals "EQUALS",
        /// A text that begins with it.
        StartsWith "STARTS_WITH",
        /// One of a list.
        In "IN",
    }
);

/// A condition on a property of the nodes of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyFilter {
    /// Of which type.
    pub node_type: Name,
    /// Which property.
    pub property_name: Name,
    /// How it is compared.
    pub operator: Operator,
    /// With what: a text for `CONTAINS` and `STARTS_WITH`, a list for `IN`.
    pub value: Value,
}

/// A search by a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphPattern {
    /// What is looked for.
    pub pattern: Pattern,
    /// All of these must hold.
    pub filters: Vec<PropertyFilter>,
    /// Which properties are returned; all of them where nobody says.
    pub return_properties: Option<Vec<Name>>,
}

impl PropertyFilter {
    /// Whether it holds of a node of that type. Filters of other types say nothing of it.
    #[must_use]
    pub fn holds(&self, node_type: &str, properties: &Map<String, Value>) -> bool {
        if self.node_type.as_str() != node_type {
            return true;
        }
        let Some(value) = properties.get(self.property_name.as_str()) else { return false };
        let holds_part = |part: &str| match value {
            Value::String(text) => text.contains(part),
            Value::Array(items) => items.iter().any(|item| item.as_str() == Some(part)),
            _ => false,
        };
        match (self.operator, &self.value) {
            (Operator::Equals, wanted) => is_same(value, wanted),
            (Operator::In, Value::Array(wanted)) => wanted.iter().any(|wanted| is_same(value, wanted)),
            (Operator::Contains, Value::String(wanted)) => holds_part(wanted),
            (Operator::StartsWith, Value::String(wanted)) => {
                value.as_str().is_some_and(|text| text.starts_with(wanted.as_str()))
            }
            _ => false,
        }
    }

    fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let node_type = members.required("node_type", notes, name);
        let property_name = members.required("property_name", notes, name);
        let from_name = |name: &str| Operator::from_name(&name.to_ascii_uppercase());
        let operator = members.required("operator", notes, any_case(Operator::NAMES, from_name));
        let value = members.required("value", notes, |value, at, notes| match (operator, value) {
            (Some(Operator::In), Value::Array(items)) if items.len() <= limits::FILTER_NAMES_MAX => {
                Some(value.clone())
            }
            (Some(Operator::In), _) => {
                let message = format!("must be a list of at most {} values", limits::FILTER_NAMES_MAX);
                notes.wrong(at, Fault::WrongType, message)
            }
            (Some(Operator::Contains | Operator::StartsWith), value) if !value.is_string() => {
                notes.wrong(at, Fault::WrongType, "must be a string")
            }
            _ => Some(value.clone()),
        });
        members.close(Unknown::Refuse, notes);
        Some(Self {
            node_type: node_type?,
            property_name: property_name?,
            operator: operator?,
            value: value?,
        })
    }
}

impl GraphPattern {
    /// Reads a `search_override`.
    pub(super) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let pattern = members.required("pattern", notes, read_pattern);
        let filters =
            members.optional("filters", notes, list_of(limits::SEARCH_FILTERS_MAX, PropertyFilter::read));
        let return_properties =
            members.optional("return_properties", notes, list_of(limits::NODE_PROPERTIES_MAX, name));
        members.close(Unknown::Refuse, notes);
        Some(Self { pattern: pattern?, filters: filters.unwrap_or_default(), return_properties })
    }
}

fn read_pattern(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Pattern> {
    let mut members = Members::open(value, at, notes)?;
    let source_label = members.required("source_label", notes, name);
    let relationship_type = members.required("relationship_type", notes, name);
    let target_label = members.required("target_label", notes, name);
    let from_name = |text: &str| match text {
        "->" => Some(Direction::Outgoing),
        "<-" => Some(Direction::Incoming),
        "-" => Some(Direction::Both),
        _ => None,
    };
    let direction = members.optional("direction", notes, any_case(&["->", "<-", "-"], from_name));
    members.close(Unknown::Refuse, notes);
    Some(Pattern {
        source_label: source_label?,
        relationship_type: relationship_type?,
        target_label: target_label?,
        direction: direction.unwrap_or(Direction::Outgoing),
    })
}
