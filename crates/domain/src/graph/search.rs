//! How a node is looked for among those that are known.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Direction, Name, name};
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, any_case, each, unit};
use crate::limits;
use crate::object::Unit;

closed_list!(
    /// How a value is compared with those of known nodes.
    MatchMode {
        /// By its meaning: with the embedder where one is loaded, else as `fuzzy`.
        Semantic "semantic",
        /// It is the same.
        Exact "exact",
        /// By its letters.
        Fuzzy "fuzzy",
    }
);

/// How alike two values are, at least, where nobody says: 0.85.
#[must_use]
pub fn threshold_default() -> Unit {
    Unit::clamped(0.85)
}

/// One property by which a node is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Which property.
    pub name: Name,
    /// How its values are compared.
    pub mode: MatchMode,
    /// How alike they are at least; nothing to `exact`.
    pub threshold: Unit,
    /// What to look for, in place of what was extracted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl Match {
    /// By a property's exact value.
    #[must_use]
    pub fn exact(name: Name) -> Self {
        Self { name, mode: MatchMode::Exact, threshold: threshold_default(), value: None }
    }
}

/// A relationship through which a node is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The relationship's type.
    pub edge_type: Name,
    /// What stands at its other end.
    pub target_type: Name,
    /// How the other end is found.
    pub target: Search,
    /// Whether the node that is looked for is the relationship's source (`outgoing`), its target, or either.
    pub direction: Direction,
}

/// How a node is looked for: by the first of `properties` that finds one, and through all of `via`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// In the order in which they are tried; where there are none, the schema says how.
    pub properties: Vec<Match>,
    /// How properties are compared that nobody names.
    pub mode: MatchMode,
    /// How alike they are at least.
    pub threshold: Unit,
    /// All of these must lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Via>,
}

impl Search {
    /// By these properties, in this order.
    #[must_use]
    pub fn by(properties: Vec<Match>) -> Self {
        Self { properties, mode: MatchMode::Semantic, threshold: threshold_default(), via: Vec::new() }
    }

    /// Reads a `search`.
    pub(crate) fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        read_search(value, at, notes, limits::SEARCH_DEPTH_MAX)
    }

    /// The search as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "properties": self.properties.iter().map(match_json).collect::<Vec<_>>(),
            "mode": self.mode.name(),
            "threshold": self.threshold.get(),
        });
        if !self.via.is_empty() {
            json["via_relationship"] = self.via.iter().map(via_json).collect();
        }
        json
    }
}

fn match_json(by: &Match) -> Value {
    let mut members = Map::new();
    members.insert("name".to_owned(), by.name.as_str().into());
    members.insert("mode".to_owned(), by.mode.name().into());
    if by.mode != MatchMode::Exact {
        members.insert("threshold".to_owned(), by.threshold.get().into());
    }
    if let Some(value) = &by.value {
        members.insert("value".to_owned(), value.clone());
    }
    Value::Object(members)
}

fn via_json(via: &Via) -> Value {
    json!({
        "edge_type": via.edge_type.as_str(),
        "target_type": via.target_type.as_str(),
        "target_search": via.target.to_json(),
        "direction": via.direction.name(),
    })
}

fn read_search(value: &Value, at: &At<'_>, notes: &mut Notes, depth: usize) -> Option<Search> {
    let mut members = Members::open(value, at, notes)?;
    let mode = members.optional("mode", notes, any_case(MatchMode::NAMES, MatchMode::from_name));
    let threshold = members.optional("threshold", notes, unit);
    let default = threshold.unwrap_or_else(threshold_default);
    let properties = members.optional("properties", notes, |value, at, notes| {
        few(value, at, notes, |value, at, notes| read_match(value, at, notes, mode, default))
    });
    let via = members.optional("via_relationship", notes, |value, at, notes| {
        few(value, at, notes, |value, at, notes| read_via(value, at, notes, depth))
    });
    let is_clean = notes.is_clean_at(&members.at());
    members.close(Unknown::Refuse, notes);
    is_clean.then(|| Search {
        properties: properties.unwrap_or_default(),
        mode: mode.unwrap_or(MatchMode::Semantic),
        threshold: default,
        via: via.unwrap_or_default(),
    })
}

fn few<T>(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    read: impl Fn(&Value, &At<'_>, &mut Notes) -> Option<T>,
) -> Option<Vec<T>> {
    match value {
        Value::Array(items) if items.len() <= limits::SEARCH_PROPERTIES_MAX => each(items, at, notes, read),
        Value::Array(_) => {
            let message = format!("must have at most {} members", limits::SEARCH_PROPERTIES_MAX);
            notes.wrong(at, Fault::TooLong, message)
        }
        _ => notes.wrong(at, Fault::WrongType, "must be a list"),
    }
}

/// A text is a property to be matched exactly; an object says more. A search's own mode and threshold hold for the
/// objects that have none.
fn read_match(
    value: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    mode_default: Option<MatchMode>,
    threshold_default: Unit,
) -> Option<Match> {
    if value.is_string() {
        return Some(Match { threshold: threshold_default, ..Match::exact(name(value, at, notes)?) });
    }
    if !value.is_object() {
        let message = "must be the name of a property, or an object with name, mode, threshold and value";
        return notes.wrong(at, Fault::WrongType, message);
    }
    let mut members = Members::open(value, at, notes)?;
    let name = members.required("name", notes, name);
    let mode = members.optional("mode", notes, any_case(MatchMode::NAMES, MatchMode::from_name));
    let threshold = members.optional("threshold", notes, unit);
    let value = members.optional("value", notes, |value, _, _| Some(value.clone()));
    members.close(Unknown::Refuse, notes);
    Some(Match {
        name: name?,
        mode: mode.or(mode_default).unwrap_or(MatchMode::Exact),
        threshold: threshold.unwrap_or(threshold_default),
        value,
    })
}

fn read_via(value: &Value, at: &At<'_>, notes: &mut Notes, depth: usize) -> Option<Via> {
    let Some(below) = depth.checked_sub(1) else {
        let message = format!("must not nest deeper than {} levels", limits::SEARCH_DEPTH_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    };
    let mut members = Members::open(value, at, notes)?;
    let edge_type = members.required("edge_type", notes, name);
    let target_type = members.required("target_type", notes, name);
    let target =
        members.required("target_search", notes, |value, at, notes| read_search(value, at, notes, below));
    let direction = members.optional("direction", notes, any_case(Direction::NAMES, Direction::from_name));
    members.close(Unknown::Refuse, notes);
    Some(Via {
        edge_type: edge_type?,
        target_type: target_type?,
        target: target?,
        direction: direction.unwrap_or(Direction::Outgoing),
    })
}
