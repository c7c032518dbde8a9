//! The node and relationship types of a schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::property::Property;
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, WarningKind, any_case, flag, line, list_of, prose};
use crate::graph::constraint::read_create;
use crate::graph::{
    EdgeConstraint, EdgeFilter, MEMORY_TYPE, Match, Miss, Name, NodeConstraint, Search, is_identifier,
    is_upper_case, name,
};
use crate::limits;

/// Properties by their names.
pub type Properties = BTreeMap<Name, Property>;

/// A type of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeType {
    /// What people call it.
    pub label: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its nodes have.
    pub properties: Properties,
    /// The properties that tell its nodes apart: a former spelling of a search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique_identifiers: Vec<Name>,
    /// What becomes of its nodes where nobody says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<NodeConstraint>,
    /// How it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// How it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
}

closed_list!(
    /// How many nodes a relationship joins with how many.
    Cardinality {
        /// One with one.
        OneToOne "one-to-one",
        /// One with many.
        OneToMany "one-to-many",
        /// Many with many.
        ManyToMany "many-to-many",
    }
);

/// A type of relationships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationshipType {
    /// What people call it.
    pub label: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it may begin: types of the schema.
    pub allowed_source_types: Vec<Name>,
    /// Where it may end: types of the schema.
    pub allowed_target_types: Vec<Name>,
    /// How many it joins with how many.
    pub cardinality: Cardinality,
    /// What its relationships have.
    pub properties: Properties,
    /// What becomes of its relationships where nobody says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<EdgeConstraint>,
    /// How it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// What stands in both kinds of types.
struct Head {
    label: String,
    description: Option<String>,
    properties: Properties,
    color: Option<String>,
    shorthand: Option<Miss>,
}

/// Reads `name`, which is the key under which the type stands, and what both kinds have.
fn read_head(members: &mut Members<'_>, key: &Name, notes: &mut Notes) -> Head {
    if let Some(named) = members.optional("name", notes, name)
        && named != *key
    {
        let message = "must be the key under which the type stands";
        notes.wrong::<()>(&members.place("name"), Fault::NotAllowed, message);
    }
    let label = members.optional("label", notes, line(limits::SCHEMA_NAME_CHARS_MAX));
    let description = members.optional("description", notes, prose(limits::SCHEMA_DESCRIPTION_CHARS_MAX));
    let properties = members.optional("properties", notes, read_properties);
    let color = members.optional("color", notes, line(limits::GRAPH_NAME_CHARS_MAX));
    let policy = members.optional("resolution_policy", notes, read_create);
    let link_only = members.deprecated("link_only", "resolution_policy: lookup", notes, flag);
    Head {
        label: label.unwrap_or_else(|| key.as_str().to_owned()),
        description,
        properties: properties.unwrap_or_default(),
        color,
        shorthand: if link_only == Some(true) { Some(Miss::Ignore) } else { policy },
    }
}

/// `resolution_policy` and `link_only` beat the constraint beside them.
fn override_miss(on_miss: &mut Miss, shorthand: Option<Miss>, at: &At<'_>, notes: &mut Notes) {
    let Some(shorthand) = shorthand.filter(|shorthand| shorthand != on_miss) else { return };
    let message = "does not decide what happens on a miss: resolution_policy or link_only says otherwise";
    notes.warn(at, WarningKind::Overridden, message);
    *on_miss = shorthand;
}

fn read_properties(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Properties> {
    let Value::Object(map) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object of properties");
    };
    if map.len() > limits::TYPE_PROPERTIES_MAX {
        let message = format!("must have at most {} properties", limits::TYPE_PROPERTIES_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    let read: Vec<Option<(Name, Property)>> = map
        .iter()
        .map(|(key, value)| {
            let at = At::Key(at, key);
            let name =
                read_key(key, &at, notes, is_identifier, "a letter or _ and then letters, digits and _");
            let property = Property::read(value, &at, notes);
            Some((name?, property?))
        })
        .collect();
    read.into_iter().collect()
}

/// A key that is a name of a kind.
pub(super) fn read_key(
    key: &str,
    at: &At<'_>,
    notes: &mut Notes,
    is_right: fn(&str) -> bool,
    rule: &str,
) -> Option<Name> {
    if !is_right(key) || key.len() > limits::GRAPH_NAME_CHARS_MAX {
        let max = limits::GRAPH_NAME_CHARS_MAX;
        return notes.wrong(at, Fault::Invalid, format!("must be called by {rule}, at most {max} of them"));
    }
    Name::parse(key).ok()
}

impl NodeType {
    /// Reads the type that stands under a key.
    pub(super) fn read(key: &str, value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<(Name, Self)> {
        let node_type =
            read_key(key, at, notes, is_identifier, "a letter or _ and then letters, digits and _")?;
        if key == MEMORY_TYPE {
            return notes.wrong(at, Fault::NotAllowed, "is reserved for memories; call the type otherwise");
        }
        let mut members = Members::open(value, at, notes)?;
        let mut head = read_head(&mut members, &node_type, notes);
        let icon = members.optional("icon", notes, line(limits::GRAPH_NAME_CHARS_MAX));
        for required in own_names(&mut members, "required_properties", &head.properties, notes) {
            if let Some(property) = head.properties.get_mut(&required) {
                property.required = true;
            }
        }
        let successor = "constraint.search.properties";
        if members.sends("unique_identifiers") {
            notes.deprecated_field(&members.place("unique_identifiers"), successor);
        }
        let unique = own_names(&mut members, "unique_identifiers", &head.properties, notes);
        let constraint = members.optional("constraint", notes, |value, at, notes| {
            NodeConstraint::read(value, at, notes, Some(&node_type))
        });
        let constraint = match constraint {
            Some(mut constraint) => {
                override_miss(&mut constraint.on_miss, head.shorthand, &members.place("constraint"), notes);
                refuse_unknown(&constraint, &head.properties, &members.place("constraint"), notes);
                Some(constraint)
            }
            None => head
                .shorthand
                .map(|on_miss| NodeConstraint { on_miss, ..NodeConstraint::of(node_type.clone()) }),
        };
        let constraint = with_identifiers(constraint, &node_type, &unique);
        members.close(Unknown::Refuse, notes);
        let Head { label, description, properties, color, .. } = head;
        let read =
            Self { label, description, properties, unique_identifiers: unique, constraint, color, icon };
        Some((node_type, read))
    }

    /// The type as it is sent.
    pub(super) fn to_json(&self, key: &Name) -> Value {
        let mut json = head_json(key, &self.label, self.description.as_deref(), &self.properties);
        let required = self.properties.iter().filter(|(_, property)| property.required);
        json.insert("required_properties".to_owned(), required.map(|(name, _)| name.as_str()).collect());
        if !self.unique_identifiers.is_empty() {
            let unique = self.unique_identifiers.iter().map(Name::as_str).collect();
            json.insert("unique_identifiers".to_owned(), unique);
        }
        let mut some = |name: &str, value: Option<Value>| {
            value.map(|value| json.insert(name.to_owned(), value));
        };
        some("constraint", self.constraint.as_ref().map(NodeConstraint::to_json));
        some("color", self.color.as_deref().map(Value::from));
        some("icon", self.icon.as_deref().map(Value::from));
        Value::Object(json)
    }
}

/// A list of names of the type's own properties.
fn own_names(
    members: &mut Members<'_>,
    field: &'static str,
    properties: &Properties,
    notes: &mut Notes,
) -> Vec<Name> {
    let names = members.optional(field, notes, |value, at, notes| {
        list_of(limits::TYPE_PROPERTIES_MAX, |value, at, notes: &mut Notes| {
            let name = name(value, at, notes)?;
            if properties.contains_key(&name) {
                return Some(name);
            }
            notes.wrong(at, Fault::NotAllowed, "must be one of the type's properties")
        })(value, at, notes)
    });
    names.unwrap_or_default()
}

/// Identifiers are a former spelling of a search: they are one where there is none.
fn with_identifiers(
    constraint: Option<NodeConstraint>,
    node_type: &Name,
    unique: &[Name],
) -> Option<NodeConstraint> {
    if unique.is_empty() || constraint.as_ref().is_some_and(|constraint| constraint.search.is_some()) {
        return constraint;
    }
    let search = Search::by(unique.iter().cloned().map(Match::exact).collect());
    let constraint = constraint.unwrap_or_else(|| NodeConstraint::of(node_type.clone()));
    Some(NodeConstraint { search: Some(search), ..constraint })
}

/// A schema's own constraint speaks of its own properties.
fn refuse_unknown(constraint: &NodeConstraint, properties: &Properties, at: &At<'_>, notes: &mut Notes) {
    if properties.is_empty() {
        return;
    }
    let message = "names a property that the type does not have";
    let searched = constraint.search.iter().flat_map(|search| search.properties.iter().map(|by| &by.name));
    let tested = constraint.when.iter().flat_map(super::super::Condition::properties);
    for (field, used) in [
        ("search", searched.collect::<Vec<_>>()),
        ("set", constraint.set.keys().collect()),
        ("when", tested.collect()),
    ] {
        if used.into_iter().any(|name| !properties.contains_key(name)) {
            notes.wrong::<()>(&At::Key(at, field), Fault::NotAllowed, message);
        }
    }
}

impl RelationshipType {
    /// Reads the type that stands under a key; `node_types` are the schema's.
    pub(super) fn read(
        key: &str,
        value: &Value,
        at: &At<'_>,
        notes: &mut Notes,
        node_types: &BTreeMap<Name, NodeType>,
    ) -> Option<(Name, Self)> {
        let edge_type =
            read_key(key, at, notes, is_upper_case, "a capital letter and then capitals, digits and _")?;
        let mut members = Members::open(value, at, notes)?;
        let head = read_head(&mut members, &edge_type, notes);
        let known_types = |value: &Value, at: &At<'_>, notes: &mut Notes| {
            list_of(limits::NODE_TYPES_MAX, |value, at, notes: &mut Notes| {
                let name = name(value, at, notes)?;
                if node_types.contains_key(&name) {
                    return Some(name);
                }
                notes.wrong(at, Fault::NotAllowed, "must be one of the schema's node types")
            })(value, at, notes)
        };
        let source_types = members.required("allowed_source_types", notes, known_types);
        let target_types = members.required("allowed_target_types", notes, known_types);
        let from_name = Cardinality::from_name;
        let cardinality = members.optional("cardinality", notes, any_case(Cardinality::NAMES, from_name));
        let constraint = members.optional("constraint", notes, |value, at, notes| {
            EdgeConstraint::read(value, at, notes, Some(&edge_type))
        });
        let filter = EdgeFilter { edge_type: edge_type.clone(), source_type: None, target_type: None };
        let constraint = match constraint {
            Some(mut constraint) => {
                override_miss(&mut constraint.on_miss, head.shorthand, &members.place("constraint"), notes);
                Some(constraint)
            }
            None => head.shorthand.map(|on_miss| EdgeConstraint { on_miss, ..EdgeConstraint::of(filter) }),
        };
        members.close(Unknown::Refuse, notes);
        let Head { label, description, properties, color, .. } = head;
        let read = Self {
            label,
            description,
            allowed_source_types: source_types?,
            allowed_target_types: target_types?,
            cardinality: cardinality.unwrap_or(Cardinality::ManyToMany),
            properties,
            constraint,
            color,
        };
        Some((edge_type, read))
    }

    /// The type as it is sent.
    pub(super) fn to_json(&self, key: &Name) -> Value {
        let mut json = head_json(key, &self.label, self.description.as_deref(), &self.properties);
        let names = |names: &[Name]| names.iter().map(Name::as_str).collect::<Value>();
        json.insert("allowed_source_types".to_owned(), names(&self.allowed_source_types));
        json.insert("allowed_target_types".to_owned(), names(&self.allowed_target_types));
        json.insert("cardinality".to_owned(), self.cardinality.name().into());
        if let Some(constraint) = &self.constraint {
            json.insert("constraint".to_owned(), constraint.to_json());
        }
        if let Some(color) = &self.color {
            json.insert("color".to_owned(), color.as_str().into());
        }
        Value::Object(json)
    }
}

fn head_json(
    key: &Name,
    label: &str,
    description: Option<&str>,
    properties: &Properties,
) -> Map<String, Value> {
    let mut json = Map::new();
    json.insert("name".to_owned(), key.as_str().into());
    json.insert("label".to_owned(), label.into());
    if let Some(description) = description {
        json.insert("description".to_owned(), description.into());
    }
    let properties = properties.iter().map(|(name, property)| (name.as_str().to_owned(), property.to_json()));
    json.insert("properties".to_owned(), Value::Object(properties.collect()));
    json
}
