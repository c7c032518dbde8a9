//! A user's schema: which types of nodes and relationships there are, what they have, and how memories that use it are
//! treated where nobody says otherwise.

mod check;
mod property;
mod read;
mod stored;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Name;
use crate::constraint::closed_list;
use crate::items::{AclId, MemoryPolicy};

pub(crate) use check::check;
pub use check::{Coerced, EdgeMisfit, Loss, LossReason, coerce, complete};
pub use property::{Bound, Misfit, Property, PropertyType};
pub use stored::StoredSchema;
pub use types::{Cardinality, NodeType, Properties, RelationshipType};

closed_list!(
    /// What a schema may be used for.
    Status {
        /// It is being written.
        Draft "draft",
        /// It is in force.
        Active "active",
        /// It is in force for those who use it already.
        Deprecated "deprecated",
        /// It was deleted.
        Archived "archived",
    }
);

closed_list!(
    /// Whose a schema is.
    SchemaScope {
        /// One user's.
        Personal "personal",
        /// A workspace's.
        Workspace "workspace",
        /// A namespace's.
        Namespace "namespace",
        /// An organization's.
        Organization "organization",
    }
);

/// A schema, as its owner wrote it. Who made it when, and how often it is used, the store knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `1.0.0`.
    pub version: String,
    /// The types of its nodes: one at least.
    pub node_types: BTreeMap<Name, NodeType>,
    /// The types of its relationships.
    pub relationship_types: BTreeMap<Name, RelationshipType>,
    /// What it may be used for.
    pub status: Status,
    /// Whose it is.
    pub scope: SchemaScope,
    /// Who else may read it.
    pub read_access: BTreeSet<AclId>,
    /// Who else may change it.
    pub write_access: BTreeSet<AclId>,
    /// In which organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// In which namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
    /// How memories that use it are treated where they do not say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_policy: Option<MemoryPolicy>,
}

impl Schema {
    /// What the constraints of its types say, as the layer below its default policy.
    #[must_use]
    pub fn type_policy(&self) -> MemoryPolicy {
        let nodes = self.node_types.values().filter_map(|node_type| node_type.constraint.clone());
        let edges = self.relationship_types.values().filter_map(|edge_type| edge_type.constraint.clone());
        MemoryPolicy {
            node_constraints: Some(nodes.collect()),
            edge_constraints: Some(edges.collect()),
            ..MemoryPolicy::default()
        }
    }

    /// The schema as it is sent: everything that a client can say, the default policy under both of its names.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
        let ids = |ids: &BTreeSet<AclId>| ids.iter().map(ToString::to_string).collect::<Value>();
        put("name", self.name.as_str().into());
        put("description", self.description.as_deref().into());
        put("version", self.version.as_str().into());
        let nodes = self.node_types.iter().map(|(name, of)| (name.as_str().to_owned(), of.to_json(name)));
        put("node_types", Value::Object(nodes.collect()));
        let edges = self.relationship_types.iter();
        let edges = edges.map(|(name, of)| (name.as_str().to_owned(), of.to_json(name)));
        put("relationship_types", Value::Object(edges.collect()));
        put("status", self.status.name().into());
        put("scope", self.scope.name().into());
        put("read_access", ids(&self.read_access));
        put("write_access", ids(&self.write_access));
        put("organization_id", self.organization_id.as_deref().into());
        put("namespace_id", self.namespace_id.as_deref().into());
        let policy = self.default_policy.as_ref().map_or(Value::Null, MemoryPolicy::to_json);
        put("memory_policy", policy.clone());
        put("default_memory_policy", policy);
        json
    }
}
