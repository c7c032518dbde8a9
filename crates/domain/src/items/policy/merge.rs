//! Puts the layers of policies together, and remembers of each field which layer it comes from.
//!
//! | field | how layers meet |
//! |---|---|
//! | `mode`, `schema_id`, `consent`, `risk`, `acl`, `nodes`, `relationships` | the highest layer that states it |
//! | `node_constraints` | for each node type, all that the highest layer says that says something of it |
//! | `edge_constraints` | likewise for each edge type with its source and target types |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Consent, Layer, MemoryPolicy, Mode, Risk, SchemaId};
use crate::graph::{EdgeConstraint, GivenEdge, GivenNode, NodeConstraint, for_edge, for_node};
use crate::items::acl::{AccessList, AclId};

/// A value, and the layer that states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated<T> {
    /// What is stated.
    pub value: T,
    /// Where.
    pub layer: Layer,
}

/// How a memory is treated, and who says so of each field. It is kept with the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectivePolicy {
    /// Who makes its graph.
    pub mode: Stated<Mode>,
    /// Whose types hold for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<Stated<SchemaId>>,
    /// The nodes to be made in manual mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Stated<Vec<GivenNode>>>,
    /// The edges to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationships: Option<Stated<Vec<GivenEdge>>>,
    /// What becomes of extracted nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_constraints: Vec<Stated<NodeConstraint>>,
    /// What becomes of extracted edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edge_constraints: Vec<Stated<EdgeConstraint>>,
    /// How its owner allowed that it is kept.
    pub consent: Stated<Consent>,
    /// How risky it is.
    pub risk: Stated<Risk>,
    /// Who may read and change it, as it was stated: see [`EffectivePolicy::access`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Stated<AccessList>>,
}

/// What becomes of a memory's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphPlan {
    /// There is none: without consent nothing is made of a memory.
    NoConsent,
    /// There is none: the policy says so.
    Off,
    /// The given nodes and edges are made.
    Given,
    /// An extractor makes it.
    Extracted,
}

/// Puts layers together, the lowest first; below them is what holds where nobody says anything: mode auto, consent
/// implicit, risk none, and the owner alone. Two layers may have the same name: a batch and its item are both the
/// request's.
#[must_use]
pub fn merge(layers: &[(Layer, &MemoryPolicy)]) -> EffectivePolicy {
    let system = |mode| Stated { value: mode, layer: Layer::System };
    EffectivePolicy {
        mode: highest(layers, |policy| policy.mode.as_ref()).unwrap_or_else(|| system(Mode::Auto)),
        schema_id: highest(layers, |policy| policy.schema_id.as_ref()),
        nodes: highest(layers, |policy| policy.nodes.as_ref()),
        relationships: highest(layers, |policy| policy.relationships.as_ref()),
        node_constraints: grouped(layers, |policy| policy.node_constraints.as_deref(), |of| &of.node_type),
        edge_constraints: grouped(layers, |policy| policy.edge_constraints.as_deref(), |of| &of.filter),
        consent: highest(layers, |policy| policy.consent.as_ref())
            .unwrap_or(Stated { value: Consent::Implicit, layer: Layer::System }),
        risk: highest(layers, |policy| policy.risk.as_ref())
            .unwrap_or(Stated { value: Risk::None, layer: Layer::System }),
        acl: highest(layers, |policy| policy.acl.as_ref()),
    }
}

/// What the highest layer states that states it.
fn highest<'a, T: Clone + 'a>(
    layers: &[(Layer, &'a MemoryPolicy)],
    field: impl Fn(&'a MemoryPolicy) -> Option<&'a T>,
) -> Option<Stated<T>> {
    layers
        .iter()
        .rev()
        .find_map(|(layer, policy)| field(policy).map(|value| Stated { value: value.clone(), layer: *layer }))
}

/// Of each key all that the highest layer has of it, in the order in which keys first appear. The order within a layer
/// stays.
fn grouped<'a, T: Clone + 'a, K: Ord + 'a>(
    layers: &[(Layer, &'a MemoryPolicy)],
    field: impl Fn(&'a MemoryPolicy) -> Option<&'a [T]>,
    key: impl Fn(&'a T) -> &'a K,
) -> Vec<Stated<T>> {
    // For each key: when it appeared, which layer has it last, and what that layer says.
    let mut groups: BTreeMap<&K, (usize, usize, Layer, Vec<&T>)> = BTreeMap::new();
    for (height, (layer, policy)) in layers.iter().enumerate() {
        for item in field(policy).unwrap_or_default() {
            let appeared = groups.len();
            let group = groups.entry(key(item)).or_insert_with(|| (appeared, height, *layer, Vec::new()));
            if group.1 != height {
                (group.1, group.2) = (height, *layer);
                group.3.clear();
            }
            group.3.push(item);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable_by_key(|(appeared, ..)| *appeared);
    let mut all = Vec::new();
    for (_, _, layer, items) in groups {
        all.extend(items.into_iter().map(|item| Stated { value: item.clone(), layer }));
    }
    all
}

impl MemoryPolicy {
    /// What this policy and a lower one say together. To put several together so, two at a time, gives the same in
    /// whatever order the pairs are made.
    #[must_use]
    pub fn over(&self, lower: &Self) -> Self {
        let layers = [(Layer::System, lower), (Layer::Request, self)];
        let unstated = |all: Vec<Stated<NodeConstraint>>| all.into_iter().map(|of| of.value).collect();
        let unstated_edges = |all: Vec<Stated<EdgeConstraint>>| all.into_iter().map(|of| of.value).collect();
        let nodes = grouped(&layers, |policy| policy.node_constraints.as_deref(), |of| &of.node_type);
        let edges = grouped(&layers, |policy| policy.edge_constraints.as_deref(), |of| &of.filter);
        let says_nodes = self.node_constraints.is_some() || lower.node_constraints.is_some();
        let says_edges = self.edge_constraints.is_some() || lower.edge_constraints.is_some();
        Self {
            mode: self.mode.or(lower.mode),
            schema_id: self.schema_id.as_ref().or(lower.schema_id.as_ref()).cloned(),
            nodes: self.nodes.as_ref().or(lower.nodes.as_ref()).cloned(),
            relationships: self.relationships.as_ref().or(lower.relationships.as_ref()).cloned(),
            node_constraints: says_nodes.then(|| unstated(nodes)),
            edge_constraints: says_edges.then(|| unstated_edges(edges)),
            consent: self.consent.or(lower.consent),
            risk: self.risk.or(lower.risk),
            acl: self.acl.as_ref().or(lower.acl.as_ref()).cloned(),
        }
    }

    /// Whether it states nothing.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

impl EffectivePolicy {
    /// What becomes of the memory's graph.
    #[must_use]
    pub const fn graph(&self) -> GraphPlan {
        match (self.consent.value, self.mode.value) {
            (Consent::None, _) => GraphPlan::NoConsent,
            (_, Mode::None) => GraphPlan::Off,
            (_, Mode::Manual) => GraphPlan::Given,
            (_, Mode::Auto) => GraphPlan::Extracted,
        }
    }

    /// Whether anything may be made of the memory: derived, embedded, sent to a model, found by others.
    #[must_use]
    pub const fn may_be_used(&self) -> bool {
        !matches!(self.consent.value, Consent::None)
    }

    /// Who may read and change the memory, and its nodes.
    #[must_use]
    pub fn access(&self, owner: &AclId) -> AccessList {
        AccessList::effective(self.acl.as_ref().map(|acl| &acl.value), owner, self.risk.value)
    }

    /// What the constraints say of a node of a type with these extracted properties.
    #[must_use]
    pub fn node_constraint(
        &self,
        node_type: &str,
        properties: &Map<String, Value>,
    ) -> Option<NodeConstraint> {
        for_node(self.node_constraints.iter().map(|of| &of.value), node_type, properties)
    }

    /// What they say of an edge with these extracted properties between nodes of these types.
    #[must_use]
    pub fn edge_constraint(
        &self,
        edge_type: &str,
        source_type: &str,
        target_type: &str,
        properties: &Map<String, Value>,
    ) -> Option<EdgeConstraint> {
        let constraints = self.edge_constraints.iter().map(|of| &of.value);
        for_edge(constraints, edge_type, source_type, target_type, properties)
    }

    /// The policy as it is shown: each field with its layer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        fn shown<T>(stated: &Stated<T>, value: impl Fn(&T) -> Value) -> Value {
            json!({"value": value(&stated.value), "layer": stated.layer.name()})
        }
        let nodes = |nodes: &Vec<GivenNode>| nodes.iter().map(GivenNode::to_json).collect();
        let edges = |edges: &Vec<GivenEdge>| edges.iter().map(GivenEdge::to_json).collect();
        json!({
            "mode": shown(&self.mode, |mode| mode.name().into()),
            "schema_id": self.schema_id.as_ref().map(|id| shown(id, |id| id.as_str().into())),
            "nodes": self.nodes.as_ref().map(|all| shown(all, nodes)),
            "relationships": self.relationships.as_ref().map(|all| shown(all, edges)),
            "node_constraints":
                self.node_constraints.iter().map(|of| shown(of, NodeConstraint::to_json)).collect::<Vec<_>>(),
            "edge_constraints":
                self.edge_constraints.iter().map(|of| shown(of, EdgeConstraint::to_json)).collect::<Vec<_>>(),
            "consent": shown(&self.consent, |consent| consent.name().into()),
            "risk": shown(&self.risk, |risk| risk.name().into()),
            "acl": self.acl.as_ref().map(|acl| shown(acl, AccessList::to_json)),
        })
    }
}
