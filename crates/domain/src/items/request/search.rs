//! A search.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Identity;
use super::pattern::GraphPattern;
use super::{DeprecatedId, InvalidRequest, Reading, finish, read_removed};
use crate::fields::{
    At, Fault, Faults, Members, Notes, Read, Unknown, WarningKind, flag, integer, line, list_of, prose, text,
    unit,
};
use crate::graph::name;
use crate::items::acl::AccessList;
use crate::items::metadata::{ItemMetadata, Metadata, MetadataPlace};
use crate::items::policy::{Consent, Risk, SchemaId, read_consent, read_risk};
use crate::limits;
use crate::object::Unit;
use crate::predicate::{Predicate, Speech};
use crate::retrieval::Boost;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Whatever is recent: the query was `*`, `all` or `everything`.
    Recent,
    /// What these words describe.
    Words(String),
}

/// What a search leaves out by consent and risk. It only narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OmoFilter {
    /// The weakest consent.
    pub min_consent: Option<Consent>,
    /// Consents that are left out.
    pub exclude_consent: BTreeSet<Consent>,
    /// The highest risk.
    pub max_risk: Option<Risk>,
    /// Risks that are left out.
    pub exclude_risk: BTreeSet<Risk>,
    /// Whether what is held without consent is left out.
    pub require_consent: bool,
    /// Whether what is flagged is left out.
    pub exclude_flagged: bool,
}

impl OmoFilter {
    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it lets through what is held under this consent and is this risky.
    #[must_use]
    pub fn allows(&self, consent: Consent, risk: Risk) -> bool {
        self.min_consent.is_none_or(|min| consent >= min)
            && !self.exclude_consent.contains(&consent)
            && self.max_risk.is_none_or(|max| risk <= max)
            && !self.exclude_risk.contains(&risk)
            && !(self.require_consent && consent == Consent::None)
            && !(self.exclude_flagged && risk == Risk::Flagged)
    }

    fn read(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let consents = list_of(limits::FILTER_NAMES_MAX, read_consent);
        let risks = list_of(limits::FILTER_NAMES_MAX, read_risk);
        let filter = Self {
            min_consent: members.optional("min_consent", notes, read_consent),
            exclude_consent: members
                .optional("exclude_consent", notes, consents)
                .unwrap_or_default()
                .into_iter()
                .collect(),
            max_risk: members.optional("max_risk", notes, read_risk),
            exclude_risk: members
                .optional("exclude_risk", notes, risks)
                .unwrap_or_default()
                .into_iter()
                .collect(),
            require_consent: members.optional("require_consent", notes, flag).unwrap_or(false),
            exclude_flagged: members.optional("exclude_flagged", notes, flag).unwrap_or(false),
        };
        members.close(Unknown::Refuse, notes);
        Some(filter)
    }
}

/// How many results a search asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Items.
    pub items: usize,
    /// Nodes.
    pub nodes: usize,
}

impl Counts {
    /// What `max_memories` and `max_nodes` ask for: 20 and 15 unless stated.
    ///
    /// # Errors
    /// When one of them is not from 1 to [`limits::SEARCH_RESULTS_MAX`].
    pub fn new(max_memories: Option<i64>, max_nodes: Option<i64>) -> Result<Self, Faults> {
        let mut notes = Notes::lenient();
        let root = At::Root("query");
        let mut count = |field: &str, stated: Option<i64>, default: i64| {
            let value = Value::from(stated.unwrap_or(default));
            integer(1, limits::SEARCH_RESULTS_MAX)(&value, &At::Key(&root, field), &mut notes)
        };
        let items = count("max_memories", max_memories, limits::SEARCH_ITEMS_DEFAULT);
        let nodes = count("max_nodes", max_nodes, limits::SEARCH_NODES_DEFAULT);
        let counts = items.zip(nodes).and_then(|(items, nodes)| {
            Some(Self { items: usize::try_from(items).ok()?, nodes: usize::try_from(nodes).ok()? })
        });
        notes.finish(counts).map(|read| read.value)
    }
}

/// A request to search items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// What is looked for.
    pub query: Query,
    /// With whose eyes, and where.
    pub identity: Identity,
    /// Whether nodes of the graph are looked for too.
    pub enable_agentic_graph: bool,
    /// The schema whose nodes are looked for.
    pub schema_id: Option<SchemaId>,
    /// What an item's metadata must be: see [`ItemMetadata::meets`].
    pub metadata: Option<ItemMetadata>,
    /// What is left out by consent and risk.
    pub omo: OmoFilter,
    /// A further access list: only what it lets one of these read.
    pub search_acl: Option<AccessList>,
    /// A pattern of the graph, in place of words.
    pub pattern: Option<GraphPattern>,
    /// What has to hold of the items, as they are shown.
    pub predicate: Option<Predicate>,
    /// At most so many tokens, by estimate.
    pub max_tokens: Option<usize>,
    /// Whether the answer says why each was found.
    pub explain: bool,
    /// How far what is beside the question moves scores.
    pub boost: Boost,
    /// Where the answer goes on, as it was sent.
    pub cursor: Option<String>,
}

impl SearchRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`InvalidRequest`].
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, InvalidRequest> {
        let blank = |query: &Value| query.as_str().is_some_and(|text| text.trim().is_empty());
        if body.get("query").is_some_and(blank) {
            return Err(InvalidRequest::BlankQuery);
        }
        let mut notes = Notes::new(reading.is_strict);
        let mut trap = None;
        let read = read(body, &At::Root("body"), &mut notes, &mut trap);
        finish(notes, read, trap, None)
    }
}

fn read(
    body: &Value,
    at: &At<'_>,
    notes: &mut Notes,
    trap: &mut Option<DeprecatedId>,
) -> Option<SearchRequest> {
    let mut members = Members::open(body, at, notes)?;
    let query = members.required("query", notes, read_query);
    let metadata = members.optional("metadata", notes, |value, at, notes| {
        Metadata::read(value, at, notes, MetadataPlace::Filter)
    });
    let Metadata { item, identity, policy: said } = metadata.unwrap_or_default();
    let identity = Identity::read(&mut members, identity, notes, trap);
    let graph = members.optional("enable_agentic_graph", notes, flag);
    let schema_id = members.optional("schema_id", notes, name);
    let mut omo = members.optional("omo_filter", notes, OmoFilter::read).unwrap_or_default();
    // An item is held under one consent and has one risk: all the others are left out.
    if let Some(consent) = said.consent {
        omo.exclude_consent.extend(Consent::ALL.iter().filter(|other| **other != consent));
    }
    if let Some(risk) = said.risk {
        omo.exclude_risk.extend(Risk::ALL.iter().filter(|other| **other != risk));
    }
    let search_acl = members.optional("search_acl", notes, AccessList::read_json);
    let pattern = members.optional("search_override", notes, GraphPattern::read);
    let predicate = members
        .optional("filters", notes, |value, at, notes| Predicate::read(value, at, notes, Speech::Items));
    let max_tokens = members.optional("max_tokens", notes, integer(1, limits::CONTEXT_TOKENS_MAX));
    let explain = members.optional("explain", notes, flag);
    let boost = members.optional("boost", notes, read_boost);
    let cursor = members.optional("cursor", notes, text(limits::CURSOR_BYTES_MAX));
    if pattern.is_some() {
        refuse_beside_a_pattern(&members, notes);
    }
    read_ranking(&mut members, notes);
    refuse_unsupported(&mut members, notes);
    read_removed(&mut members, notes);
    members.close(Unknown::Warn, notes);
    Some(SearchRequest {
        query: query?,
        identity,
        enable_agentic_graph: graph.unwrap_or(false),
        schema_id,
        metadata: Some(item).filter(|item| *item != ItemMetadata::default()),
        omo,
        search_acl: search_acl.or(said.acl),
        pattern,
        predicate,
        max_tokens: max_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
        explain: explain.unwrap_or(false),
        boost: boost.unwrap_or_default(),
        cursor,
    })
}

/// A pattern finds nodes, all at once.
fn refuse_beside_a_pattern(members: &Members<'_>, notes: &mut Notes) {
    for field in ["filters", "max_tokens", "explain", "boost", "cursor"] {
        if members.sends(field) {
            let message = "is for memories: leave it out beside search_override, which finds nodes";
            notes.wrong::<()>(&members.place(field), Fault::NotAllowed, message);
        }
    }
}

fn read_query(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Query> {
    let text = prose(limits::ITEM_QUERY_CHARS_MAX)(value, at, notes)?;
    let is_generic = ["*", "all", "everything"].iter().any(|generic| text.eq_ignore_ascii_case(generic));
    Some(if is_generic { Query::Recent } else { Query::Words(text) })
}

fn read_boost(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Boost> {
    let mut members = Members::open(value, at, notes)?;
    let mut weight = |name| members.optional(name, notes, unit).unwrap_or(Unit::ZERO);
    let (strength, recency) = (weight("strength"), weight("recency"));
    let boost = Boost { strength, recency, feedback: weight("feedback") };
    members.close(Unknown::Refuse, notes);
    Some(boost)
}

/// Rankings by other services are taken and have no effect.
fn read_ranking(members: &mut Members<'_>, notes: &mut Notes) {
    let rank = members.deprecated("rank_results", "reranking_config", notes, flag);
    let config = members.optional("reranking_config", notes, |value, at, notes| {
        let mut members = Members::open(value, at, notes)?;
        let enabled = members.optional("reranking_enabled", notes, flag);
        let provider = members.optional("reranking_provider", notes, line(limits::GRAPH_NAME_CHARS_MAX));
        for known in
            ["reranking_model", "domain_id", "return_debug", "return_signal_scores", "signal_multipliers"]
        {
            members.ignored(known);
        }
        members.ignored("signal_thresholds");
        members.close(Unknown::Warn, notes);
        Some(enabled != Some(false) && provider.as_deref() != Some("none"))
    });
    let wanted = config.or(rank);
    if wanted == Some(true) {
        let field = if config.is_some() { "reranking_config" } else { "rank_results" };
        let message = "has no effect: results are ranked by this server alone";
        notes.warn(&members.place(field), WarningKind::NoEffect, message);
    }
}

/// What needs transformed embeddings or further services is no search here.
fn refuse_unsupported(members: &mut Members<'_>, notes: &mut Notes) {
    members.optional("holographic_config", notes, |value, at, notes| {
        let is_off = value.get("enabled").is_none_or(|enabled| *enabled == Value::Bool(false))
            || value.get("search_mode").is_some_and(|mode| mode == "disabled");
        match value {
            Value::Object(_) if is_off => Some(()),
            Value::Object(_) => notes.wrong(at, Fault::Unsupported, "holographic search is not supported"),
            _ => notes.wrong(at, Fault::WrongType, "must be a JSON object"),
        }
    });
    members.optional("policy", notes, |value, at, notes| match value {
        Value::Object(map) if map.values().all(Value::is_null) => Some(()),
        Value::Object(_) => notes.wrong(at, Fault::Unsupported, "a policy of a search is not supported"),
        _ => notes.wrong(at, Fault::WrongType, "must be a JSON object"),
    });
}
