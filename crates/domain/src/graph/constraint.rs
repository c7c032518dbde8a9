//! What becomes of the nodes and edges that an extractor finds.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::set::{Set, read_set, set_json};
use super::{Condition, Name, Search, name};
use crate::constraint::closed_list;
use crate::fields::{At, Members, Notes, Unknown, WarningKind, any_case, flag};

closed_list!(
    /// What happens where a search finds nothing.
    Miss {
        /// A new node is made.
        Create "create",
        /// The node, or the edge to it, is left out.
        Ignore "ignore",
        /// The request fails.
        Error "error",
    }
);

closed_list!(
    /// Which way an edge is looked at.
    Direction {
        /// From its source to its target.
        Outgoing "outgoing",
        /// From its target to its source.
        Incoming "incoming",
        /// Either way.
        Both "both",
    }
);

/// What becomes of nodes of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConstraint {
    /// Of which type. What a higher layer of a policy says of a type replaces all that lower ones say of it.
    pub node_type: Name,
    /// What happens where the search finds nothing.
    pub on_miss: Miss,
    /// How a known node is found; where nobody says, the schema does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What is set on the node, found or made. It beats what was extracted.
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub set: Set,
    /// When it applies, by what was extracted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

/// Which edges an edge constraint is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeFilter {
    /// Their type.
    pub edge_type: Name,
    /// The type of their source, where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<Name>,
    /// The type of their target, where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<Name>,
}

/// What becomes of edges of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeConstraint {
    /// Which edges. What a higher layer of a policy says of a filter replaces all that lower ones say of it.
    pub filter: EdgeFilter,
    /// Which way the filter's source and target, and the search for the target, are meant.
    pub direction: Direction,
    /// What happens where the search finds no target.
    pub on_miss: Miss,
    /// How the target is found; where nobody says, the schema does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What is set on the edge. It beats what was extracted.
    #[serde(default, skip_serializing_if = "Set::is_empty")]
    pub set: Set,
    /// When it applies, by the edge's properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl NodeConstraint {
    /// Nodes of that type are found or made; nothing else is said of them.
    #[must_use]
    pub const fn of(node_type: Name) -> Self {
        Self { node_type, on_miss: Miss::Create, search: None, set: Set::new(), when: None }
    }

    /// Reads a constraint; inside a schema's node type, `implied` is that type and the constraint need not name it.
    pub(crate) fn read(
        value: &Value,
        at: &At<'_>,
        notes: &mut Notes,
        implied: Option<&Name>,
    ) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let node_type = own_type(&mut members, "node_type", notes, implied);
        let common = Common::read(&mut members, notes);
        members.close(Unknown::Refuse, notes);
        let Common { on_miss, search, set, when } = common?;
        Some(Self { node_type: node_type?, on_miss, search, set, when })
    }

    /// Whether it applies to a node of its type with these properties.
    #[must_use]
    pub fn applies(&self, properties: &Map<String, Value>) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(properties))
    }

    /// The constraint as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("node_type".to_owned(), self.node_type.as_str().into());
        common_json(&mut json, self.on_miss, self.search.as_ref(), &self.set, self.when.as_ref());
        Value::Object(json)
    }
}

impl EdgeConstraint {
    /// Edges that the filter is about are made, and their targets found or made.
    #[must_use]
    pub const fn of(filter: EdgeFilter) -> Self {
        Self {
            filter,
            direction: Direction::Outgoing,
            on_miss: Miss::Create,
            search: None,
            set: Set::new(),
            when: None,
        }
    }

    /// Reads a constraint; inside a schema's relationship type, `implied` is that type.
    pub(crate) fn read(
        value: &Value,
        at: &At<'_>,
        notes: &mut Notes,
        implied: Option<&Name>,
    ) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let edge_type = own_type(&mut members, "edge_type", notes, implied);
        let source_type = members.optional("source_type", notes, name);
        let target_type = members.optional("target_type", notes, name);
        let direction =
            members.optional("direction", notes, any_case(Direction::NAMES, Direction::from_name));
        let common = Common::read(&mut members, notes);
        members.close(Unknown::Refuse, notes);
        let Common { on_miss, search, set, when } = common?;
        let filter = EdgeFilter { edge_type: edge_type?, source_type, target_type };
        let direction = direction.unwrap_or(Direction::Outgoing);
        Some(Self { filter, direction, on_miss, search, set, when })
    }

    /// Whether it applies to an edge with these properties, where its filter is about it.
    #[must_use]
    pub fn applies(&self, properties: &Map<String, Value>) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(properties))
    }

    /// Whether its filter is about an edge of that type between nodes of those types.
    #[must_use]
    pub fn is_about(&self, edge_type: &str, source_type: &str, target_type: &str) -> bool {
        let between = |source: &str, target: &str| {
            self.filter.source_type.as_ref().is_none_or(|wanted| wanted.as_str() == source)
                && self.filter.target_type.as_ref().is_none_or(|wanted| wanted.as_str() == target)
        };
        self.filter.edge_type.as_str() == edge_type
            && match self.direction {
                Direction::Outgoing => between(source_type, target_type),
                Direction::Incoming => between(target_type, source_type),
                Direction::Both => between(source_type, target_type) || between(target_type, source_type),
            }
    }

    /// The constraint as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("edge_type".to_owned(), self.filter.edge_type.as_str().into());
        if let Some(source_type) = &self.filter.source_type {
            json.insert("source_type".to_owned(), source_type.as_str().into());
        }
        if let Some(target_type) = &self.filter.target_type {
            json.insert("target_type".to_owned(), target_type.as_str().into());
        }
        json.insert("direction".to_owned(), self.direction.name().into());
        common_json(&mut json, self.on_miss, self.search.as_ref(), &self.set, self.when.as_ref());
        Value::Object(json)
    }
}

/// Of the constraints that are about an edge, the one whose filter says most: source and target before one of them
/// before none; of one that names the source and one that names the target the former; of equals the first.
#[must_use]
pub fn most_specific<'a>(
    constraints: impl IntoIterator<Item = &'a EdgeConstraint>,
    edge_type: &str,
    source_type: &str,
    target_type: &str,
) -> Option<&'a EdgeConstraint> {
    constraints
        .into_iter()
        .filter(|constraint| constraint.is_about(edge_type, source_type, target_type))
        .min_by_key(|constraint| Reverse(constraint.filter.specificity()))
}

impl EdgeFilter {
    /// How much it says, and whether of the source.
    fn specificity(&self) -> (u8, bool) {
        let (source, target) = (self.source_type.is_some(), self.target_type.is_some());
        (u8::from(source) + u8::from(target), source)
    }
}

/// What several constraints say together, where the first that says something is right: of `search`, and of each
/// property in `set`. On a miss the strictest holds.
fn together<'a>(
    on_miss: &mut Miss,
    search: &mut Option<Search>,
    set: &mut Set,
    others: impl Iterator<Item = (Miss, Option<&'a Search>, &'a Set)>,
) {
    for (other_miss, other_search, other_set) in others {
        *on_miss = (*on_miss).max(other_miss);
        if search.is_none() {
            *search = other_search.cloned();
        }
        for (name, value) in other_set {
            set.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// What holds for a node of a type with these properties: what all constraints that apply say together.
#[must_use]
pub fn for_node<'a>(
    constraints: impl IntoIterator<Item = &'a NodeConstraint>,
    node_type: &str,
    properties: &Map<String, Value>,
) -> Option<NodeConstraint> {
    let mut applying = constraints
        .into_iter()
        .filter(|constraint| constraint.node_type.as_str() == node_type && constraint.applies(properties));
    let mut first = applying.next()?.clone();
    let others = applying.map(|other| (other.on_miss, other.search.as_ref(), &other.set));
    together(&mut first.on_miss, &mut first.search, &mut first.set, others);
    Some(first)
}

/// What holds for an edge with these properties between nodes of these types: what all constraints of the most specific
/// filter say together, of those that apply.
#[must_use]
pub fn for_edge<'a>(
    constraints: impl IntoIterator<Item = &'a EdgeConstraint>,
    edge_type: &str,
    source_type: &str,
    target_type: &str,
    properties: &Map<String, Value>,
) -> Option<EdgeConstraint> {
    let applying: Vec<&EdgeConstraint> =
        constraints.into_iter().filter(|constraint| constraint.applies(properties)).collect();
    let best = most_specific(applying.iter().copied(), edge_type, source_type, target_type)?;
    let mut first = best.clone();
    let others = applying
        .iter()
        .filter(|other| other.filter == best.filter && other.is_about(edge_type, source_type, target_type))
        .skip(1)
        .map(|other| (other.on_miss, other.search.as_ref(), &other.set));
    together(&mut first.on_miss, &mut first.search, &mut first.set, others);
    Some(first)
}

/// The type that a constraint is about: required in a policy; in a schema, that of the type it stands in.
fn own_type(
    members: &mut Members<'_>,
    field: &'static str,
    notes: &mut Notes,
    implied: Option<&Name>,
) -> Option<Name> {
    let Some(implied) = implied else { return members.required(field, notes, name) };
    if let Some(named) = members.optional(field, notes, name)
        && named != *implied
    {
        let message = "must be left out, or be the type that the constraint stands in";
        return notes.wrong(&members.place(field), crate::fields::Fault::NotAllowed, message);
    }
    Some(implied.clone())
}

/// What both kinds of constraints have.
struct Common {
    on_miss: Miss,
    search: Option<Search>,
    set: Set,
    when: Option<Condition>,
}

impl Common {
    fn read(members: &mut Members<'_>, notes: &mut Notes) -> Option<Self> {
        let on_miss = read_miss(members, notes);
        let search = members.optional("search", notes, Search::read);
        let set = members.optional("set", notes, read_set);
        let when = members.optional("when", notes, Condition::read);
        let is_clean = notes.is_clean_at(&members.at());
        is_clean.then(|| Self { on_miss, search, set: set.unwrap_or_default(), when })
    }
}

/// `on_miss`, else `link_only`, else `create`.
fn read_miss(members: &mut Members<'_>, notes: &mut Notes) -> Miss {
    let create = members.optional("create", notes, read_create);
    let on_miss = members.optional("on_miss", notes, any_case(Miss::NAMES, Miss::from_name));
    let link_only = members.deprecated("link_only", "create: lookup", notes, flag) == Some(true);
    let lookup = link_only.then_some(Miss::Ignore);
    let mut overridden = |field: &'static str, loser: Option<Miss>, by: &str, winner: Miss| {
        if loser.is_some_and(|loser| loser != winner) {
            notes.warn(
                &members.place(field),
                WarningKind::Overridden,
                format!("has no effect: {by} says otherwise"),
            );
        }
    };
    match (on_miss, lookup) {
        (Some(miss), _) => {
            overridden("create", create, "on_miss", miss);
            overridden("link_only", lookup, "on_miss", miss);
            miss
        }
        (None, Some(miss)) => {
            overridden("create", create, "link_only", miss);
            miss
        }
        (None, None) => create.unwrap_or(Miss::Create),
    }
}

/// `upsert` or `lookup`, or one of their former names.
pub(crate) fn read_create(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Miss> {
    let from_name = |name: &str| match name {
        "upsert" => Some((Miss::Create, None)),
        "lookup" => Some((Miss::Ignore, None)),
        "auto" => Some((Miss::Create, Some("upsert"))),
        "never" => Some((Miss::Ignore, Some("lookup"))),
        _ => None,
    };
    let (miss, successor) = any_case(&["upsert", "lookup"], from_name)(value, at, notes)?;
    if let Some(successor) = successor {
        notes.deprecated_value(at, successor);
    }
    Some(miss)
}

fn common_json(
    json: &mut Map<String, Value>,
    on_miss: Miss,
    search: Option<&Search>,
    set: &Set,
    when: Option<&Condition>,
) {
    match on_miss {
        Miss::Create => drop(json.insert("create".to_owned(), "upsert".into())),
        Miss::Ignore => drop(json.insert("create".to_owned(), "lookup".into())),
        Miss::Error => {}
    }
    json.insert("on_miss".to_owned(), on_miss.name().into());
    if let Some(search) = search {
        json.insert("search".to_owned(), search.to_json());
    }
    if !set.is_empty() {
        json.insert("set".to_owned(), set_json(set));
    }
    if let Some(when) = when {
        json.insert("when".to_owned(), when.to_json());
    }
}

#[cfg(test)]
mod tests;
