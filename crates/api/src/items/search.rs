//! `POST /v1/memory/search`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use memoryscope_domain::fields::{At, Fault, FieldFault, Step, Warning};
use memoryscope_domain::graph::fold::{Node, Seen};
use memoryscope_domain::graph::{Name, SYSTEM_TYPES};
use memoryscope_domain::ids::{AuditId, SchemaId};
use memoryscope_domain::items::request::{Counts, Query, SearchRequest};
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::words::QueryText;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::graph::Matching;
use memoryscope_engine::op::items::{self as op, ItemFilter, SearchItems};
use memoryscope_engine::op::query::Item;
use memoryscope_engine::op::search::Search;
use serde_json::{Value, json};

use super::known::{Known, Wanted};
use super::reading::StatedPurpose;
use super::who::Acts;
use super::wire::queries::SearchQuery;
use super::wire::{found_schema, memory, schema};
use super::{Items, answer, context, error, graph, paging, schemas, warn};
use crate::auth::Caller;
use crate::explained::{self, Searched};
use crate::json::Document;
use crate::meta::RequestMeta;
use crate::openapi::{Example, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::toon;
use crate::wire::{Unknown, decode_query};

pub(super) fn operation() -> Operation {
    let filtered = json!({
        "query": "all", "external_user_id": "ana",
        "metadata": {"topics": ["travel"], "customMetadata": {"trip": 7}},
        "omo_filter": {"min_consent": "terms", "max_risk": "none"},
    });
    let tested = json!({
        "query": "all", "external_user_id": "ana", "max_tokens": 200,
        "filters": {"customMetadata.trip": {"gte": 7}, "or": [{"topics": "travel"}, {"location": {"exists": false}}]},
    });
    let explained = json!({"query": "window seats", "external_user_id": "ana", "explain": true});
    super::operation(Verb::Post, "/v1/memory/search", "searchItems")
        .says(
            "Search memories",
            "Those of external_user_id, or the developer's own, that hold words of the query or mean the like, the best first, \
             and with explain why; for *, all and everything the latest. A memory that may not be put into a prompt is not found for chat_response. next_cursor goes on \
             where there may be more; with max_tokens the answer ends before the memory with which its texts would have \
             more, by estimate, but is never empty for that. With response_format=toon the same answer is written in Token-Oriented \
             Object Notation, and the header X-Content-Format says so.",
        )
        .runs(&op::SEARCH)
        .states_purpose()
        .asks::<SearchQuery>()
        .takes_json(schema::search())
        .answers(200, "What was found.", found_schema())
        .answers_as(200, "The same as TOON.", "text/plain", json!({"type": "string"}))
        .refuses(&[Code::PolicyDenied, Code::NotImplemented])
        .example(Example::new("words").body(json!({"query": "window seats", "external_user_id": "ana"})))
        .example(Example::new("explained").body(explained))
        .example(Example::new("filtered").with("max_memories", 10).body(filtered))
        .example(Example::new("tested").body(tested))
}

/// Searches items.
pub(super) async fn handler(
    State(items): State<Items>,
    meta: RequestMeta,
    caller: Caller,
    StatedPurpose(purpose): StatedPurpose,
    RawQuery(query): RawQuery,
    document: Document,
) -> Result<Response, Problem> {
    let asked = decode_query::<SearchQuery>(query.as_deref(), Unknown::Accept)?.value;
    let body = document.into_value()?;
    let read = SearchRequest::read(&body, &items.config.reading).map_err(error::of_request)?;
    let (mut request, warnings) = (read.value, read.warnings);
    let wanted = Wanted::default().identity(&request.identity).acl(request.search_acl.as_ref());
    let organization = request.identity.organization_id.clone();
    let known = Known::find(&items, &meta, &caller, organization.as_deref(), wanted).await?;
    known.settle(&mut request.identity);
    request.search_acl = request.search_acl.as_ref().map(|acl| known.named(acl));
    let counts = Counts::new(asked.max_memories, asked.max_nodes);
    let counts = counts.map_err(|faults| error::of_request(faults.into()))?;
    let acts = Acts::of(&caller, &request.identity)?;
    let named = request.schema_id.as_ref().map(Name::as_str);
    let schema = schemas::readable(&items, &meta, &acts, named).await?.map(|stored| stored.id);
    let faults = unsearchable(&acts, &known, &request, schema);
    if !faults.is_empty() {
        return Err(error::invalid(&faults, 0));
    }
    let form = if asked.is_toon { Form::Toon } else { Form::Json };
    let is_graph_wanted = request.enable_agentic_graph;
    if let Some(pattern) = request.pattern {
        let (namespace, limit) = (acts.scope.namespace.clone(), counts.nodes);
        let cx = context(&items, acts.principal, &meta, None);
        let op = Matching { namespace, pattern, schema, purpose, limit };
        return matching(&items, &meta, &cx, &op, (&warnings, form)).await;
    }
    let (search, searched) = match &request.query {
        Query::Words(text) => sought(&items, text, &request).await.unzip(),
        Query::Recent => (None, None),
    };
    let searched = searched.filter(|_| request.explain);
    let cx = context(&items, acts.principal.clone(), &meta, None);
    let (op, cursor) = searching(request, search, acts.scope, (purpose, counts.items));
    let op = paging::behind(cursor.as_deref(), (&items, &meta), &cx, op).await?;
    let done = items.engine.run(&cx, &op).await.map_err(|refusal| error::problem(refusal, &meta))?;
    let found = &done.output.items;
    let developer = caller.client();
    let memories = memories(found, &developer, searched.is_some());
    let is_wanted = |node: &&Node| schema.is_none_or(|schema| node.is_of_schema(schema));
    let nodes = match (is_graph_wanted, op.search.is_some()) {
        (true, true) => done.output.nodes.clone(),
        (true, false) => said(found),
        (false, _) => Vec::new(),
    };
    let (nodes, schemas) = shown_nodes(nodes.iter().filter(is_wanted).take(counts.nodes), None);
    let body = json!({
        "code": 200,
        "status": "success",
        "data": {"memories": memories, "nodes": nodes, "schemas_used": schemas},
        "search_id": done.access_log.prefixed(),
        "next_cursor": paging::next(&done.output, paging::binding(&cx, &op)),
        "tokens_used": done.output.tokens_used,
        "error": null,
        "details": searched.map(|searched| json!({"explanation": searched})),
    });
    Ok(form.answer(body, &warnings, done.access_log))
}

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Toon,
}

impl Form {
    fn answer(self, body: Value, warnings: &[Warning], access_log: AuditId) -> Response {
        let response = answer(StatusCode::OK, body.clone(), warnings, Some(access_log));
        match self {
            Self::Json => response,
            Self::Toon => {
                let mut told = body;
                warn::write(&mut told, warnings);
                in_toon(response, &told)
            }
        }
    }
}

/// The answer with this body as TOON.
fn in_toon(response: Response, body: &Value) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    head.headers.insert(header::CONTENT_TYPE, plain);
    head.headers.insert(HeaderName::from_static("x-content-format"), HeaderValue::from_static("toon"));
    Response::from_parts(head, Body::from(toon::text(body)))
}

/// Answers with the nodes that a pattern finds.
async fn matching(
    items: &Items,
    meta: &RequestMeta,
    cx: &Context,
    op: &Matching,
    (warnings, form): (&[Warning], Form),
) -> Result<Response, Problem> {
    let done = items.engine.run(cx, op).await.map_err(|refusal| error::problem(refusal, meta))?;
    let wanted = op.pattern.return_properties.as_deref();
    let (nodes, schemas) = shown_nodes(done.output.nodes.iter(), wanted);
    let body = json!({
        "code": 200,
        "status": "success",
        "data": {"memories": [], "nodes": nodes, "schemas_used": schemas},
        "search_id": done.access_log.prefixed(),
        "error": null,
        "details": {"truncated": done.output.truncated},
    });
    Ok(form.answer(body, warnings, done.access_log))
}

/// Nodes as they are shown, with these of their properties, and the schemas of those that are of no type of the system's.
fn shown_nodes<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    wanted: Option<&[Name]>,
) -> (Vec<Value>, BTreeSet<String>) {
    let mut schemas = BTreeSet::new();
    let shown = nodes.map(|node| {
        let mut shown = graph::shown(node);
        if let (Some(wanted), Some(properties)) = (wanted, shown["properties"].as_object_mut()) {
            properties.retain(|name, _| wanted.iter().any(|wanted| wanted.as_str() == name));
        }
        if SYSTEM_TYPES.contains(&node.node_type.as_str()) {
            shown["schema_id"] = Value::Null;
        } else {
            schemas.extend(node.schema_id.as_ref().map(|id| id.as_str().to_owned()));
        }
        shown
    });
    (shown.collect(), schemas)
}

/// What is looked for among memories, and where the cursor stands that was sent.
fn searching(
    request: SearchRequest,
    search: Option<Search>,
    scope: Scope,
    (purpose, limit): (Purpose, usize),
) -> (SearchItems, Option<String>) {
    let SearchRequest { metadata, omo, search_acl: acl, predicate, max_tokens, cursor, .. } = request;
    let filter = ItemFilter { metadata, omo, acl, predicate };
    (SearchItems { scope, purpose, search, after: None, filter, limit, max_tokens }, cursor)
}

/// The memories as they are shown, with why each was found where that is asked.
fn memories(found: &[Item], developer: &str, is_explained: bool) -> Vec<Value> {
    let best = found.iter().filter_map(|item| item.score).map(|score| score.get()).fold(None, highest);
    let shown = |item: &Item| {
        let mut shown = memory::shown(item, developer, best);
        if let Some(why) = explained::explanation(item).filter(|_| is_explained) {
            shown["explanation"] = json!(why);
        }
        shown
    };
    found.iter().map(shown).collect()
}

fn highest(best: Option<f64>, score: f64) -> Option<f64> {
    Some(best.map_or(score, |best| best.max(score)))
}

/// The nodes of which memories say something that were not searched for.
fn said(found: &[Item]) -> Vec<Node> {
    let said: Vec<&Memory> = found.iter().map(|item| &*item.memory).collect();
    Seen::of(&said).nodes().cloned().collect()
}

/// What is looked for; of a long query its beginning.
async fn sought(items: &Items, text: &str, request: &SearchRequest) -> Option<(Search, Searched)> {
    let beginning: String = text.chars().take(limits::QUERY_TEXT_CHARS_MAX).collect();
    let words = QueryText::parse(&beginning).or_else(|_| QueryText::parse("-")).ok()?;
    let (meaning, searched) = explained::understood(&items.engine, &beginning).await;
    let search = Search::new(words, meaning).walking(request.enable_agentic_graph).boosted(request.boost);
    Some((search, searched))
}

/// What is wrong with whom and what the request names.
fn unsearchable(
    acts: &Acts,
    known: &Known,
    request: &SearchRequest,
    schema: Option<SchemaId>,
) -> Vec<FieldFault> {
    let root = At::Root("body");
    let unknown = acts.unknown_in(request.search_acl.as_ref(), known, &root).into_iter().map(|fault| {
        FieldFault { path: ["body", "search_acl"].map(|key| Step::Key(key.to_owned())).to_vec(), ..fault }
    });
    let schema = request.schema_id.as_ref().filter(|_| schema.is_none()).map(|_| FieldFault {
        path: ["body", "schema_id"].map(|key| Step::Key(key.to_owned())).to_vec(),
        message: "names no schema that there is".to_owned(),
        fault: Fault::Invalid,
    });
    unknown.chain(schema).collect()
}
