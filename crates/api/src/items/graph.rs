//! `/v1/graph/nodes`: the graph as whoever asks may see it.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use memoryscope_domain::graph::fold::{Edge, Node, SeenValue, Source};
use memoryscope_domain::graph::resolve::{EdgeReport, LeftOut, NodeReport, Tried};
use memoryscope_domain::graph::{End, Extraction};
use memoryscope_domain::ids::{MemoryId, NodeId, TenantId};
use memoryscope_domain::items::policy::GraphPlan;
use memoryscope_engine::extract;
use memoryscope_engine::op::graph::{self, Around, Found};
use memoryscope_engine::op::ingest::NewObject;
use serde_json::{Map, Value, json};

use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::queries::{AroundQuery, Named, NamedQuery};
use super::wire::{around_schema, edges_schema, example, node_schema};
use super::{Items, answer, context, error};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::openapi::schema::NODE_ID_PATTERN;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::refused::audited;
use crate::wire::{Unknown, decode_query};

/// What is said of the node that a path names.
const ID: &str = "The node; a memory is a node under its own id.";

pub(super) fn node_operation() -> Operation {
    super::operation(Verb::Get, "/v1/graph/nodes/{id}", "getNode")
        .says(
            "One node",
            "What the memories that may be seen say of it together: what was said later wins. What none of them says is \
             there is answered as what never was.",
        )
        .runs(&graph::NODE)
        .states_purpose()
        .names("id", ID, NODE_ID_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "The node.", node_schema())
        .refuses(&[Code::PolicyDenied, Code::NotFound])
        .example(Example::new("one").with("id", example::NODE_ID).with("external_user_id", "ana"))
}

pub(super) fn edges_operation() -> Operation {
    super::operation(Verb::Get, "/v1/graph/nodes/{id}/edges", "getEdges")
        .says("A node's edges", "Those that begin or end at it and both of whose ends may be seen.")
        .runs(&graph::NODE)
        .states_purpose()
        .names("id", ID, NODE_ID_PATTERN)
        .asks::<NamedQuery>()
        .answers(200, "The edges.", edges_schema())
        .refuses(&[Code::PolicyDenied, Code::NotFound])
        .example(Example::new("one").with("id", example::NODE_ID).with("external_user_id", "ana"))
}

pub(super) fn around_operation() -> Operation {
    super::operation(Verb::Get, "/v1/graph/nodes/{id}/neighbourhood", "getNeighbourhood")
        .says(
            "What lies around a node",
            "Nodes and memories that up to three steps along edges lead to, and the edges between them.",
        )
        .runs(&graph::AROUND)
        .states_purpose()
        .names("id", ID, NODE_ID_PATTERN)
        .asks::<AroundQuery>()
        .answers(200, "The nodes, the nearest first, and the edges.", around_schema())
        .refuses(&[Code::PolicyDenied, Code::NotFound])
        .example(
            Example::new("two").with("id", example::NODE_ID).with("depth", 2).with("external_user_id", "ana"),
        )
}

/// Shows a node.
pub(super) async fn node(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    purpose: StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    look(&items, &meta, &caller, named, (&id, 0, purpose), |found| {
        let data = found.nodes.first().map(|(_, node)| shown(node));
        let memory = found.memories.first().map(|(_, id)| json!({"id": id.prefixed(), "label": "Memory"}));
        data.or(memory).unwrap_or_default()
    })
    .await
}

/// Shows a node's edges.
pub(super) async fn edges(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    purpose: StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let named = decode_query::<NamedQuery>(query.as_deref(), Unknown::Accept)?.value.named;
    look(&items, &meta, &caller, named, (&id, 0, purpose), |found| {
        json!({"edges": found.edges.iter().map(edge).collect::<Vec<_>>(), "truncated": found.truncated})
    })
    .await
}

/// Shows what lies around a node.
pub(super) async fn neighbourhood(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    purpose: StatedPurpose,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = decode_query::<AroundQuery>(query.as_deref(), Unknown::Accept)?.value;
    look(&items, &meta, &caller, query.named, (&id, query.depth, purpose), |found| {
        let nodes = found.nodes.iter().map(|(steps, node)| {
            let mut node = shown(node);
            node["distance"] = json!(steps);
            node
        });
        let memories =
            found.memories.iter().map(|(steps, id)| json!({"id": id.prefixed(), "distance": steps}));
        json!({
            "nodes": nodes.collect::<Vec<_>>(),
            "memories": memories.collect::<Vec<_>>(),
            "edges": found.edges.iter().map(edge).collect::<Vec<_>>(),
            "truncated": found.truncated,
        })
    })
    .await
}

async fn look(
    items: &Items,
    meta: &RequestMeta,
    caller: &Caller,
    named: Named,
    (id, depth, StatedPurpose(purpose)): (&str, usize, StatedPurpose),
    data: impl Fn(&Found) -> Value,
) -> Result<Response, Problem> {
    let bare = id.strip_prefix("mem_").unwrap_or(id);
    let node = NodeId::parse(bare).map_err(|_| Problem::not_found())?;
    let acts = Acts::named(caller, named.user, named.organization_id, named.namespace_id)?;
    let cx = context(items, acts.principal, meta, None);
    let done = items.engine.run(&cx, &Around::new(node, depth, purpose)).await;
    let done = done.map_err(|refusal| error::problem(refusal, meta))?;
    let Some(found) = done.output else { return Err(audited(Problem::not_found(), done.access_log)) };
    let body =
        json!({"code": 200, "status": "success", "data": data(&found), "error": null, "details": null});
    Ok(answer(StatusCode::OK, body, &[], Some(done.access_log)))
}

/// Whether a new memory comes with its graph.
pub(super) fn is_given(new: &NewObject) -> bool {
    let item = new.body.object().and_then(|object| object.item.as_ref());
    item.is_some_and(|item| item.policy.graph() == GraphPlan::Given)
}

/// Makes the graph that came with a memory, and says what became of it. What cannot be made now is made in the background.
pub(super) async fn make_given(
    items: &Items,
    meta: &RequestMeta,
    tenant: &TenantId,
    id: MemoryId,
) -> Result<Value, Problem> {
    let made = extract::make_given(&items.engine, tenant, id).await;
    let made = made.map_err(|refusal| error::problem(refusal, meta))?;
    Ok(made.map_or(Value::Null, |extraction| json!({"graph": told(&extraction)})))
}

/// How far the extraction of a memory is.
pub(super) fn told(extraction: &Extraction) -> Value {
    let report = extraction.report.as_ref();
    let node = |node: &NodeReport| {
        json!({
            "id": node.called, "type": node.node_type.as_str(), "outcome": node.outcome.name(),
            "node": node.node.map(NodeId::prefixed), "by": node.by,
            "left_out": node.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "tried": node.tried.iter().map(tried).collect::<Vec<_>>(),
        })
    };
    let edge = |edge: &EdgeReport| {
        json!({
            "source": edge.source, "target": edge.target, "type": edge.edge_type.as_str(),
            "outcome": edge.outcome.name(), "by": edge.by,
            "left_out": edge.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "tried": edge.tried.iter().map(tried).collect::<Vec<_>>(),
        })
    };
    json!({
        "status": extraction.status.name(),
        "reason": extraction.reason,
        "attempts": extraction.attempts,
        "not_before": extraction.not_before.map(|time| time.to_string()),
        "extractor": extraction.extractor,
        "nodes": report.map(|report| report.nodes.iter().map(node).collect::<Vec<_>>()),
        "relationships": report.map(|report| report.edges.iter().map(edge).collect::<Vec<_>>()),
        "known_was_cut": report.is_some_and(|report| report.known_was_cut),
        "lost": report.map(|report| report.lost),
    })
}

fn left_out(left: &LeftOut) -> Value {
    json!({"property": left.property, "reason": left.reason.name(), "message": left.message})
}

fn tried(tried: &Tried) -> Value {
    json!({
        "property": tried.property.as_str(), "mode": tried.mode.name(), "compared": tried.compared.name(),
        "threshold": tried.threshold, "similarity": tried.similarity, "found": tried.found.map(NodeId::prefixed),
    })
}

/// A node as searches show it, with its id and who says what of it.
pub(super) fn shown(node: &Node) -> Value {
    json!({
        "id": node.id.prefixed(),
        "label": node.node_type.as_str(),
        "properties": properties(&node.properties),
        "schema_id": node.schema_id.as_ref().map(|id| id.as_str()),
        "namespace_id": (!node.namespace.is_empty()).then_some(&node.namespace),
        "waits_for_review": node.waits_for_review(),
        "sources": node.sources.iter().map(source).collect::<Vec<_>>(),
    })
}

fn edge(edge: &Edge) -> Value {
    let end = |end: End| match end {
        End::Node(node) => node.prefixed(),
        End::Memory(memory) => memory.prefixed(),
    };
    json!({
        "source": end(edge.source),
        "target": end(edge.target),
        "type": edge.edge_type.as_str(),
        "properties": properties(&edge.properties),
        "sources": edge.sources.iter().map(source).collect::<Vec<_>>(),
    })
}

fn properties(properties: &std::collections::BTreeMap<memoryscope_domain::graph::Name, SeenValue>) -> Value {
    let pair = |(name, seen): (&memoryscope_domain::graph::Name, &SeenValue)| {
        (name.as_str().to_owned(), seen.value.clone())
    };
    Value::Object(properties.iter().map(pair).collect::<Map<_, _>>())
}

/// Who says something, and how that is held.
fn source(source: &Source) -> Value {
    json!({
        "memory_id": source.memory.prefixed(),
        "method": source.method.name(),
        "consent": source.consent.name(),
        "risk": source.risk.name(),
    })
}
