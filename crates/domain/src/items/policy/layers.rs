//! The layers of one memory's policy, and whether what comes of them can be done.

use super::merge::{EffectivePolicy, GraphPlan, merge};
use super::request::{GraphField, RequestPolicy};
use super::{Layer, MemoryPolicy, Mode, Risk, SchemaId};
use crate::fields::{At, Fault, Faults, FieldFault, Notes, Read, WarningKind};
use crate::graph::given::EndOf;
use crate::graph::schema::check;
use crate::graph::{GivenEdge, GivenNode, Schema};

/// Everything that says how one memory is treated.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The namespace's default policy.
    pub namespace: Option<&'a MemoryPolicy>,
    /// The schema that is in force: see [`Layers::schema_id`].
    pub schema: Option<&'a Schema>,
    /// The batch's own, where the memory is an item of one.
    pub batch: Option<&'a RequestPolicy>,
    /// The request's, or the item's.
    pub request: &'a RequestPolicy,
}

/// What is made of a memory's given nodes and edges, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// How the memory is treated.
    pub policy: EffectivePolicy,
    /// The nodes to be made, with the schema's defaults filled in; none where no graph is made.
    pub nodes: Vec<GivenNode>,
    /// The edges to be made: in auto mode those between memories. Whether the memories that they name exist, and may be
    /// seen, is still to be asked.
    pub edges: Vec<GivenEdge>,
}

impl Layers<'_> {
    /// The schema that must be looked up before the layers are put together.
    #[must_use]
    pub fn schema_id(&self) -> Option<&SchemaId> {
        let requests = [Some(self.request), self.batch];
        let stated = requests.into_iter().flatten().find_map(|request| request.stated.schema_id.as_ref());
        stated.or_else(|| self.namespace.and_then(|policy| policy.schema_id.as_ref()))
    }

    /// Puts the layers together: system, namespace, the schema's types, the schema's default, the batch, the request's
    /// metadata, the request, a review; later wins.
    #[must_use]
    pub fn merge(&self) -> EffectivePolicy {
        let types = self.schema.map(Schema::type_policy);
        let mut layers: Vec<(Layer, &MemoryPolicy)> = Vec::new();
        layers.extend(self.namespace.map(|policy| (Layer::Namespace, policy)));
        layers.extend(types.as_ref().map(|policy| (Layer::Type, policy)));
        let schema = self.schema.and_then(|schema| schema.default_policy.as_ref());
        layers.extend(schema.map(|policy| (Layer::Schema, policy)));
        layers.extend(self.batch.map(|batch| (Layer::Request, &batch.stated)));
        layers.push((Layer::Metadata, &self.request.metadata));
        layers.push((Layer::Request, &self.request.stated));
        let reviewed = MemoryPolicy { risk: self.request.reviewed, ..MemoryPolicy::default() };
        layers.push((Layer::Review, &reviewed));
        merge(&layers)
    }

    /// Puts the layers together and checks what comes of them. `at` is where the request stands: `body`, or an item.
    ///
    /// # Errors
    /// Manual mode without nodes; an edge whose end is nothing; nodes and edges that do not comply with the schema; a link
    /// whose target the schema does not tell.
    pub fn resolve(&self, at: &At<'_>) -> Result<Read<Resolved>, Faults> {
        let policy = self.merge();
        let mut notes = Notes::lenient();
        self.ask_schema(&mut notes);
        self.warn_of_no_effect(&policy, at, &mut notes);
        let root = PolicyAt::new(at, self.request.graph_field);
        let nodes = self.check_nodes(&policy, &root, &mut notes);
        let edges = self.check_edges(&policy, &root, &mut notes);
        let makes_graph = matches!(policy.graph(), GraphPlan::Given | GraphPlan::Extracted);
        let resolved = nodes.zip(edges).map(|(nodes, edges)| match makes_graph {
            true => Resolved { policy, nodes, edges },
            false => Resolved { policy, nodes: Vec::new(), edges: Vec::new() },
        });
        notes.finish(resolved)
    }

    /// Links that name no target need a schema that allows exactly one.
    fn ask_schema(&self, notes: &mut Notes) {
        let requests = [self.batch, Some(self.request)];
        for link in requests.into_iter().flatten().flat_map(|request| &request.inferred) {
            let source = link.source_type.as_ref().map(|source| source.as_str());
            let target = self.schema.and_then(|schema| schema.only_target(link.edge_type.as_str(), source));
            if target.is_none() {
                let message = match self.schema {
                    Some(_) => "must name its target: the schema does not allow exactly one type there",
                    None => {
                        "must name its target, or be sent with a schema_id whose schema allows exactly one"
                    }
                };
                let (path, message) = (link.path.clone(), message.to_owned());
                notes.fault(FieldFault { path, message, fault: Fault::Invalid });
            }
        }
    }

    fn warn_of_no_effect(&self, policy: &EffectivePolicy, at: &At<'_>, notes: &mut Notes) {
        let is_manual = policy.mode.value == Mode::Manual;
        let stated = &self.request.stated;
        let root = PolicyAt::new(at, self.request.graph_field);
        let mut warn = |is_said: bool, field: &str, message: &str| {
            if is_said {
                root.with(|at| notes.warn(&At::Key(at, field), WarningKind::NoEffect, message.to_owned()));
            }
        };
        let constraints = "has no effect in mode manual: nothing is extracted";
        warn(is_manual && stated.node_constraints.is_some(), "node_constraints", constraints);
        warn(is_manual && stated.edge_constraints.is_some(), "edge_constraints", constraints);
        let has_nodes = stated.nodes.as_ref().is_some_and(|nodes| !nodes.is_empty());
        let nodes = "has no effect in mode auto: send mode manual to have these nodes made";
        warn(has_nodes && policy.mode.value == Mode::Auto, "nodes", nodes);
        let consent = "has no effect without consent: no graph is made";
        warn(has_nodes && policy.graph() == GraphPlan::NoConsent, "nodes", consent);
        if policy.risk.value == Risk::Flagged && stated.acl.is_some() {
            let message = "has no effect while the memory is flagged: only its owner may read and change it";
            notes.warn(&At::Key(at, "acl"), WarningKind::NoEffect, message);
        }
    }

    fn check_nodes(
        &self,
        policy: &EffectivePolicy,
        root: &PolicyAt<'_>,
        notes: &mut Notes,
    ) -> Option<Vec<GivenNode>> {
        if policy.mode.value != Mode::Manual {
            return Some(Vec::new());
        }
        let nodes = policy.nodes.as_ref().map(|nodes| nodes.value.as_slice()).unwrap_or_default();
        if nodes.is_empty() {
            let message = match policy.mode.layer {
                Layer::Request | Layer::Metadata | Layer::System | Layer::Review => {
                    "must have at least one node: the request says mode manual".to_owned()
                }
                layer => format!(
                    "must have at least one node: mode manual comes from the {}; send nodes, or mode auto",
                    layer.phrase()
                ),
            };
            return root.with(|at| notes.wrong(&At::Key(at, "nodes"), Fault::Missing, message));
        }
        let Some(schema) = self.schema else { return Some(nodes.to_vec()) };
        root.with(|at| {
            let at = At::Key(at, "nodes");
            let checked: Vec<Option<GivenNode>> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| check_node(schema, node, &At::Index(&at, index), notes))
                .collect();
            checked.into_iter().collect()
        })
    }

    fn check_edges(
        &self,
        policy: &EffectivePolicy,
        root: &PolicyAt<'_>,
        notes: &mut Notes,
    ) -> Option<Vec<GivenEdge>> {
        let nodes = policy.nodes.as_ref().map(|nodes| nodes.value.as_slice()).unwrap_or_default();
        let edges = policy.relationships.as_ref().map(|edges| edges.value.as_slice()).unwrap_or_default();
        root.with(|at| {
            let at = At::Key(at, "relationships");
            let checked: Vec<Option<GivenEdge>> = edges
                .iter()
                .enumerate()
                .map(|(index, edge)| {
                    let at = At::Index(&at, index);
                    check_edge(self.schema, policy.mode.value, nodes, edge, &at, notes)
                })
                .collect();
            checked.into_iter().collect()
        })
    }
}

impl Layer {
    const fn phrase(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Namespace => "namespace's default policy",
            Self::Type => "schema's types",
            Self::Schema => "schema's default policy",
            Self::Metadata => "request's metadata",
            Self::Request => "request",
            Self::Review => "review",
        }
    }
}

fn check_node(schema: &Schema, node: &GivenNode, at: &At<'_>, notes: &mut Notes) -> Option<GivenNode> {
    let Some(node_type) = schema.node_type(node.node_type.as_str()) else {
        let known: Vec<&str> = schema.node_types.keys().map(|name| name.as_str()).collect();
        let message = format!("must be one of the schema's node types: {}", known.join(", "));
        return notes.wrong(&At::Key(at, "type"), Fault::NotAllowed, message);
    };
    let properties = check(&node_type.properties, &node.properties, &At::Key(at, "properties"), notes)?;
    Some(GivenNode { properties, ..node.clone() })
}

fn check_edge(
    schema: Option<&Schema>,
    mode: Mode,
    nodes: &[GivenNode],
    edge: &GivenEdge,
    at: &At<'_>,
    notes: &mut Notes,
) -> Option<GivenEdge> {
    let mut end = |field: &str, end: &crate::graph::EdgeEnd| {
        let found = end.resolve(nodes);
        match found {
            None => {
                let message = "is neither a placeholder, nor a node of the request, nor a memory's id";
                notes.wrong::<()>(&At::Key(at, field), Fault::Invalid, message);
                None
            }
            Some(EndOf::Node(_)) if mode != Mode::Manual => {
                let message =
                    "is a node, and nodes are made in mode manual only; here memories can be linked";
                notes.wrong(&At::Key(at, field), Fault::NotAllowed, message)
            }
            found => found,
        }
    };
    let (source, target) = (end("source", &edge.source), end("target", &edge.target));
    let (Some(EndOf::Node(source)), Some(EndOf::Node(target)), Some(schema)) = (source, target, schema)
    else {
        // What links memories is no relationship of a schema.
        return source.and(target).map(|_| edge.clone());
    };
    match schema.edge_type(edge.edge_type.as_str(), source.node_type.as_str(), target.node_type.as_str()) {
        Err(misfit) => {
            let field = match misfit {
                crate::graph::schema::EdgeMisfit::UnknownType => "type",
                crate::graph::schema::EdgeMisfit::Source => "source",
                crate::graph::schema::EdgeMisfit::Target => "target",
            };
            notes.wrong(&At::Key(at, field), Fault::NotAllowed, misfit.to_string())
        }
        Ok(edge_type) if edge_type.properties.is_empty() => Some(edge.clone()),
        Ok(edge_type) => {
            let at = At::Key(at, "properties");
            let properties = check(&edge_type.properties, &edge.properties, &at, notes)?;
            Some(GivenEdge { properties, ..edge.clone() })
        }
    }
}

/// Where the request's nodes and edges stand.
struct PolicyAt<'a> {
    request: &'a At<'a>,
    field: GraphField,
}

impl<'a> PolicyAt<'a> {
    const fn new(request: &'a At<'a>, field: GraphField) -> Self {
        Self { request, field }
    }

    /// Calls with the place.
    fn with<T>(&self, call: impl FnOnce(&At<'_>) -> T) -> T {
        let (first, second) = match self.field {
            GraphField::MemoryPolicy => return call(&At::Key(self.request, "memory_policy")),
            GraphField::Nested => ("policy", "graph"),
            GraphField::Legacy => ("graph_generation", "manual"),
        };
        let outer = At::Key(self.request, first);
        call(&At::Key(&outer, second))
    }
}
