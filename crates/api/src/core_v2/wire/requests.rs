//! The dialect's requests beside a memory: batches, reads, lists, queries, reconstructions.

use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Cue, Label, TruthMode, Unit};
use memoryscope_domain::predicate::Speech;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::retrieval::Boost;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::QueryText;
use memoryscope_engine::op::ingest::NewObject;
use memoryscope_engine::op::query::{Filters, Shown};
use serde_json::{Value, json};

use super::memory::{TYPES, new_memory};
use super::scalar::{label, line, named, party, tenant_id, unit, unit_or};
use crate::cursor::{Binding, Cursor, cursor};
use crate::predicate::InWords;
use crate::wire::{
    Decode, Errors, Fault, Fields, Notes, Path, Read, Shape, boolean, choice, each, list_of, object, string,
    time, whole,
};

/// The states that memories are shown in, and so can be asked for.
pub(in crate::core_v2) const STATES: [Shown; 6] = [
    Shown::Stored(State::Active),
    Shown::Stored(State::Restricted),
    Shown::Stored(State::Sealed),
    Shown::Dormant,
    Shown::Stored(State::Revoked),
    Shown::Stored(State::Tombstoned),
];

/// What a read is for; `maintenance` is the server's own.
pub(super) fn purpose() -> impl Decode<Out = Purpose> {
    let stated = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Maintenance);
    choice(stated.map(|purpose| (purpose.name(), purpose)))
}

fn limit(f: &mut Fields<'_>) -> Option<usize> {
    let (default, max) = (limits::LIST_ITEMS_DEFAULT as i64, limits::LIST_ITEMS_MAX as i64);
    usize::try_from(f.or("limit", whole(1..=max), default)?).ok()
}

/// A scope that a request names, without the switches that memories bring along.
pub(super) struct ScopeName(pub(super) Scope);

impl Shape for ScopeName {
    const NAME: &'static str = "ScopeName";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        scope_fields(f).map(Self)
    }
}

pub(super) fn scope_fields(f: &mut Fields<'_>) -> Option<Scope> {
    let scope_type = f.required("scope_type", named(&ScopeType::ALL, ScopeType::name));
    let id = f.required("scope_id", party());
    Scope::named(scope_type?, id?.as_str()).ok()
}

/// `POST /v2/memories/batch`. Each memory is read or refused on its own.
#[derive(Debug)]
pub(in crate::core_v2) struct BatchRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) memories: Vec<Result<Read<BatchItem>, Errors>>,
}

impl Shape for BatchRequest {
    const NAME: &'static str = "MemoryBatch";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let memories = f.required("memories", each::<BatchItem>(1..=limits::BATCH_ITEMS_MAX));
        Some(Self { tenant: tenant?, memories: memories? })
    }
}

/// One memory of a batch; it is of the batch's tenant.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct BatchItem {
    pub(in crate::core_v2) memory: NewObject,
}

impl Shape for BatchItem {
    const NAME: &'static str = "BatchMemoryInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        f.barred("tenant_id", "is the batch's: leave it out");
        Some(Self { memory: new_memory(f)? })
    }
}

/// `GET /v2/memories/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core_v2) struct GetRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) purpose: Purpose,
}

impl Shape for GetRequest {
    const NAME: &'static str = "GetMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let purpose = f.required("purpose", purpose());
        Some(Self { tenant: tenant?, purpose: purpose? })
    }
}

/// `GET /v2/memories/{id}/history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core_v2) struct HistoryRequest {
    pub(in crate::core_v2) named: GetRequest,
    pub(in crate::core_v2) limit: usize,
    pub(in crate::core_v2) cursor: Option<Cursor>,
}

impl Shape for HistoryRequest {
    const NAME: &'static str = "GetMemoryHistory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let named = GetRequest::read(f);
        let limit = limit(f);
        let cursor = f.optional("cursor", cursor());
        Some(Self { named: named?, limit: limit?, cursor })
    }
}

impl HistoryRequest {
    /// What its cursors are good for.
    pub(in crate::core_v2) fn binding(&self, id: MemoryId) -> Binding {
        let GetRequest { tenant, purpose } = &self.named;
        Binding::of(&[Some(tenant.as_str()), Some(&id.prefixed()), Some(purpose.name())])
    }
}

/// `GET /v2/memories`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct ListRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) purpose: Purpose,
    pub(in crate::core_v2) limit: usize,
    pub(in crate::core_v2) cursor: Option<Cursor>,
}

impl Shape for ListRequest {
    const NAME: &'static str = "ListScope";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = scope_fields(f);
        let purpose = f.required("purpose", purpose());
        let limit = limit(f);
        let cursor = f.optional("cursor", cursor());
        Some(Self { tenant: tenant?, scope: scope?, purpose: purpose?, limit: limit?, cursor })
    }
}

impl ListRequest {
    /// What its cursors are good for.
    pub(in crate::core_v2) fn binding(&self) -> Binding {
        binding(&self.tenant, &self.scope, self.purpose, None)
    }
}

fn binding(tenant: &TenantId, scope: &Scope, purpose: Purpose, query: Option<&str>) -> Binding {
    let scope = (scope.scope_type.name(), scope.id.as_str());
    Binding::of(&[Some(tenant.as_str()), Some(scope.0), Some(scope.1), Some(purpose.name()), query])
}

/// One value or a list of some.
struct OneOrMany<D>(D);

impl<D: Decode> Decode for OneOrMany<D> {
    type Out = Vec<D::Out>;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Self::Out> {
        let Value::Array(members) = value else { return Some(vec![self.0.decode(value, at, notes)?]) };
        if members.is_empty() {
            return notes.wrong(at, Fault::TooShort, "must have at least 1 element");
        }
        if members.len() > limits::FILTER_NAMES_MAX {
            let message = format!("must have at most {} elements", limits::FILTER_NAMES_MAX);
            return notes.wrong(at, Fault::TooLong, message);
        }
        let read: Vec<_> = members
            .iter()
            .enumerate()
            .map(|(n, one)| self.0.decode(one, &Path::Index(at, n), notes))
            .collect();
        read.into_iter().collect()
    }

    fn schema(&self) -> Value {
        let one = self.0.schema();
        let many =
            json!({"type": "array", "items": one, "minItems": 1, "maxItems": limits::FILTER_NAMES_MAX});
        json!({"anyOf": [one, many, {"type": "null"}]})
    }
}

impl Shape for Filters {
    const NAME: &'static str = "QueryFilters";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let types = f.optional("type", OneOrMany(choice(TYPES.map(|kind| (kind.name(), kind)))));
        let truth_modes = f.optional("truth_mode", OneOrMany(named(TruthMode::ALL, TruthMode::name)));
        let states = f.optional("state", OneOrMany(named(&STATES, Shown::name)));
        let labels = f.optional("labels", OneOrMany(label()));
        let min_strength = f.optional("min_strength", unit());
        let since = f.optional("since", time());
        let until = f.optional("until", time());
        let predicate = f.optional("where", InWords(Speech::Core));
        if since.zip(until).is_some_and(|(since, until)| until < since) {
            f.refuse("until", Fault::Invalid, "must not lie before since");
        }
        Some(Self {
            types: types.unwrap_or_default(),
            truth_modes: truth_modes.unwrap_or_default(),
            states: states.unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            min_strength,
            since,
            until,
            predicate,
        })
    }
}

/// The same for filters that mean the same: sorted, each name once.
fn canonical(filters: &Filters) -> Value {
    fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let names: std::collections::BTreeSet<&str> = names.collect();
        names.into_iter().collect()
    }
    json!([
        sorted(filters.types.iter().map(|kind| kind.name())),
        sorted(filters.truth_modes.iter().map(|mode| mode.name())),
        sorted(filters.states.iter().map(|state| state.name())),
        sorted(filters.labels.iter().map(Label::as_str)),
        filters.min_strength.map(Unit::get),
        filters.since.map(Timestamp::unix_micros),
        filters.until.map(Timestamp::unix_micros),
    ])
}

/// `POST /v2/memories/query`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct QueryRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) purpose: Purpose,
    /// The words that are asked for.
    pub(in crate::core_v2) text: Option<(String, QueryText)>,
    /// Whether the answer says why each was found.
    pub(in crate::core_v2) explain: bool,
    pub(in crate::core_v2) boost: Boost,
    pub(in crate::core_v2) filters: Filters,
    pub(in crate::core_v2) limit: usize,
    pub(in crate::core_v2) max_tokens: Option<usize>,
    pub(in crate::core_v2) cursor: Option<Cursor>,
}

/// A question by words, and its text.
fn question() -> impl Decode<Out = (String, QueryText)> {
    let words = string().chars(1..=limits::QUERY_TEXT_CHARS_MAX).pattern(r"\S");
    words.parsed(|text: &String| QueryText::parse(text).map(|words| (text.clone(), words)))
}

/// A [`Boost`].
struct BoostOf(Boost);

impl Shape for BoostOf {
    const NAME: &'static str = "Boost";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let strength = unit_or(f, "strength", Unit::ZERO);
        let recency = unit_or(f, "recency", Unit::ZERO);
        let feedback = unit_or(f, "feedback", Unit::ZERO);
        Some(Self(Boost { strength: strength?, recency: recency?, feedback: feedback? }))
    }
}

impl Shape for QueryRequest {
    const NAME: &'static str = "MemoryQuery";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = f.required("scope", object::<ScopeName>());
        let purpose = f.required("purpose", purpose());
        let text = f.optional("query_text", question());
        let explain = f.or("explain", boolean(), false);
        let boost = f.optional("boost", object::<BoostOf>());
        let filters = f.optional("filters", object::<Filters>());
        let limit = limit(f);
        let max_tokens = f.optional("max_tokens", whole(1..=limits::CONTEXT_TOKENS_MAX));
        let cursor = f.optional("cursor", cursor());
        Some(Self {
            tenant: tenant?,
            scope: scope?.0,
            purpose: purpose?,
            text,
            explain: explain?,
            boost: boost.map(|boost| boost.0).unwrap_or_default(),
            filters: filters.unwrap_or_default(),
            limit: limit?,
            max_tokens: max_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
            cursor,
        })
    }
}

impl QueryRequest {
    /// What its cursors are good for.
    pub(in crate::core_v2) fn binding(&self) -> Binding {
        let words = self.text.as_ref().map(|(_, words)| words.terms());
        let boost = Some(self.boost).filter(|boost| !boost.is_none());
        let query = match (&self.filters.predicate, boost) {
            (None, None) => json!([canonical(&self.filters), words]).to_string(),
            (Some(predicate), None) => json!([canonical(&self.filters), words, predicate]).to_string(),
            (predicate, boost) => json!([canonical(&self.filters), words, predicate, boost]).to_string(),
        };
        binding(&self.tenant, &self.scope, self.purpose, Some(&query))
    }
}

/// `POST /v2/reconstruct`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct ReconstructRequest {
    pub(in crate::core_v2) tenant: TenantId,
    pub(in crate::core_v2) scope: Scope,
    pub(in crate::core_v2) purpose: Purpose,
    /// What the conversation is about; without any, every seed counts as met that asks for half a match at most.
    pub(in crate::core_v2) cues: Vec<Cue>,
    /// What the events that are referred to are to answer.
    pub(in crate::core_v2) text: Option<(String, QueryText)>,
    pub(in crate::core_v2) max_tokens: Option<usize>,
    pub(in crate::core_v2) include_events: bool,
    pub(in crate::core_v2) format: Format,
}

impl Shape for ReconstructRequest {
    const NAME: &'static str = "ReconstructContext";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let scope = f.required("scope", object::<ScopeName>());
        let purpose = f.required("purpose", purpose());
        let cues = f.optional("cues", list_of(line(), 0..=limits::CUES_MAX));
        let text = f.optional("query_text", question());
        let max_tokens = f.optional("max_tokens", whole(1..=limits::CONTEXT_TOKENS_MAX));
        let include_events = f.or("include_events", boolean(), false);
        let formats =
            choice([("text", Format::Text), ("json", Format::Json), ("messages", Format::Messages)]);
        let format = f.or_shown("format", formats, Format::Text, "text");
        Some(Self {
            tenant: tenant?,
            scope: scope?.0,
            purpose: purpose?,
            cues: cues.unwrap_or_default(),
            text,
            max_tokens: max_tokens.and_then(|tokens| usize::try_from(tokens).ok()),
            include_events: include_events?,
            format: format?,
        })
    }
}
