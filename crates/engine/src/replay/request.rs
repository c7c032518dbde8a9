//! A request as it stands in the erasable part of its audit entry, and back: what is written here is what a replay
//! asks again.

use std::cmp::Reverse;

use memoryscope_domain::audit_chain::{Code, Draft};
use memoryscope_domain::ids::{IdSeed, MemoryId, RequestId, UserId};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::object::{Label, TruthMode, Unit};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::{Caller, Principal, Role};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Format;
use memoryscope_domain::retrieval::Boost;
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::vector::{ModelKey, Vector};
use memoryscope_domain::words::{ANALYSER_VERSION, QueryText, Ranked, Score};
use serde_json::{Map, Value, json};

use super::NotReplayable;
use crate::context::Context;
use crate::op::Info;
use crate::op::gate::{self, AskGate};
use crate::op::get::{self, Get, History};
use crate::op::items::{self, ItemFilter, SearchItems};
use crate::op::query::{self, Filters, Query, Shown};
use crate::op::reconstruct::{self, Reconstruct};
use crate::op::search::{Meaning, Search};

/// A request that can be asked again.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Get(Get),
    History(History),
    Query(Box<Query>),
    SearchItems(Box<SearchItems>),
    Reconstruct(Box<Reconstruct>),
    Gate(Box<AskGate>),
}

impl Request {
    pub(crate) const fn purpose(&self) -> Purpose {
        match self {
            Self::Get(op) => op.purpose,
            Self::History(op) => op.purpose,
            Self::Query(op) => op.purpose,
            Self::SearchItems(op) => op.purpose,
            Self::Reconstruct(op) => op.purpose,
            Self::Gate(op) => op.purpose,
        }
    }

    /// Its operation's name.
    pub(crate) const fn operation(&self) -> &'static str {
        match self {
            Self::Get(_) => get::GET.name,
            Self::History(_) => get::HISTORY.name,
            Self::Query(_) => query::INFO.name,
            Self::SearchItems(_) => items::SEARCH.name,
            Self::Reconstruct(_) => reconstruct::INFO.name,
            Self::Gate(_) => gate::INFO.name,
        }
    }

    /// The scope that it is about, where it names one.
    pub(crate) const fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Get(_) | Self::History(_) => None,
            Self::Query(op) => Some(&op.scope),
            Self::SearchItems(op) => Some(&op.scope),
            Self::Reconstruct(op) => Some(&op.scope),
            Self::Gate(op) => Some(&op.scope),
        }
    }

    /// The same request for another purpose.
    pub(crate) fn for_purpose(mut self, purpose: Purpose) -> Self {
        match &mut self {
            Self::Get(op) => op.purpose = purpose,
            Self::History(op) => op.purpose = purpose,
            Self::Query(op) => op.purpose = purpose,
            Self::SearchItems(op) => op.purpose = purpose,
            Self::Reconstruct(op) => op.purpose = purpose,
            Self::Gate(op) => op.purpose = purpose,
        }
        self
    }
}

/// Who asked, as far as it is not what nearly everybody is: members are left out where they say nothing.
pub(crate) fn push_principal(principal: &Principal, private: &mut Map<String, Value>) {
    if !principal.roles.iter().eq([&Role::App]) {
        let roles: Vec<&str> = principal.roles.iter().map(|role| role.name()).collect();
        private.insert("roles".to_owned(), json!(roles));
    }
    if !principal.groups.is_empty() {
        private.insert("groups".to_owned(), json!(principal.groups));
    }
    if principal.caller == Caller::System {
        private.insert("caller".to_owned(), json!("system"));
    }
}

fn scope(scope: &Scope) -> Map<String, Value> {
    let mut said = Map::new();
    said.insert("scope_type".to_owned(), json!(scope.scope_type.name()));
    said.insert("scope_id".to_owned(), json!(scope.id));
    if !scope.namespace.is_empty() {
        said.insert("namespace".to_owned(), json!(scope.namespace));
    }
    said
}

/// What a request that is kept whole says: entries of old kept less of it, and cannot be told from it otherwise.
const WHOLE: u64 = 1;

/// As it stands beside an entry.
fn request(mut members: Map<String, Value>) -> Map<String, Value> {
    members.insert("v".to_owned(), json!(WHOLE));
    Map::from_iter([("request".to_owned(), Value::Object(members))])
}

fn named(id: MemoryId, purpose: Purpose) -> Map<String, Value> {
    let mut said = Map::new();
    said.insert("memory_id".to_owned(), json!(id.prefixed()));
    said.insert("purpose".to_owned(), json!(purpose.name()));
    said
}

/// What [`Get`] says of itself.
pub(crate) fn of_named(id: MemoryId, purpose: Purpose) -> Map<String, Value> {
    request(named(id, purpose))
}

/// What [`History`] says of itself.
pub(crate) fn of_history(history: &History) -> Map<String, Value> {
    let mut said = named(history.id, history.purpose);
    said.insert("after".to_owned(), json!(history.after));
    said.insert("limit".to_owned(), json!(history.limit));
    request(said)
}

/// What [`Query`] says of itself.
pub(crate) fn of_query(query: &Query) -> Map<String, Value> {
    let mut said = scope(&query.scope);
    said.insert("purpose".to_owned(), json!(query.purpose.name()));
    said.insert("limit".to_owned(), json!(query.limit));
    if let Some((time, id)) = query.after {
        said.insert("after".to_owned(), json!([time.unix_micros(), id.prefixed()]));
    }
    if let Some(search) = &query.search {
        said.insert("search".to_owned(), Value::Object(of_search(search)));
    }
    push_budget(query.max_tokens, &mut said);
    let filters = of_filters(&query.filters);
    if !filters.is_empty() {
        said.insert("filters".to_owned(), Value::Object(filters));
    }
    request(said)
}

fn push_budget(max_tokens: Option<usize>, said: &mut Map<String, Value>) {
    if let Some(most) = max_tokens {
        said.insert("max_tokens".to_owned(), json!(most));
    }
}

/// As [`after_of`].
#[expect(clippy::option_option, reason = "unreadable and absent differ")]
fn budget_of(said: &Map<String, Value>) -> Option<Option<usize>> {
    let Some(most) = said.get("max_tokens") else { return Some(None) };
    Some(Some(usize::try_from(most.as_u64()?).ok()?))
}

/// Whether a search of items goes on: what was recorded before it did has no such member, and answered something else.
const PAGED: &str = "paged";

/// What [`SearchItems`] says of itself.
pub(crate) fn of_search_items(wanted: &SearchItems) -> Map<String, Value> {
    let mut said = scope(&wanted.scope);
    said.insert(PAGED.to_owned(), json!(true));
    push_budget(wanted.max_tokens, &mut said);
    if let Some((time, id)) = wanted.after {
        said.insert("after".to_owned(), json!([time.unix_micros(), id.prefixed()]));
    }
    said.insert("purpose".to_owned(), json!(wanted.purpose.name()));
    said.insert("limit".to_owned(), json!(wanted.limit));
    if let Some(search) = &wanted.search {
        said.insert("search".to_owned(), Value::Object(of_search(search)));
    }
    if wanted.filter != ItemFilter::default() {
        // What is made of strings, numbers and lists can be written.
        said.insert("filter".to_owned(), json!(wanted.filter));
    }
    request(said)
}

fn of_search(search: &Search) -> Map<String, Value> {
    let mut said = Map::from_iter([("terms".to_owned(), json!(search.text.terms()))]);
    said.insert("analyser".to_owned(), json!(ANALYSER_VERSION));
    if let Some(meaning) = &search.meaning {
        let vector: String = meaning.vector.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let model: String = meaning.model.0.iter().map(|byte| format!("{byte:02x}")).collect();
        said.insert("meaning".to_owned(), json!([model, vector]));
    }
    if search.walks {
        said.insert("walks".to_owned(), json!(true));
    }
    if !search.boost.is_none() {
        said.insert("boost".to_owned(), json!(search.boost));
    }
    if let Some(after) = &search.after {
        // The score as text: what is read back has the same bits.
        let (score, placed) = (after.score.0.get().to_string(), after.placed.0.unix_micros());
        said.insert("after".to_owned(), json!([score, placed, after.id.prefixed()]));
    }
    said
}

fn of_filters(filters: &Filters) -> Map<String, Value> {
    let mut said = Map::new();
    let mut push = |name: &str, values: Vec<&str>| {
        if !values.is_empty() {
            said.insert(name.to_owned(), json!(values));
        }
    };
    push("type", filters.types.iter().map(|of_type| of_type.name()).collect());
    push("truth_mode", filters.truth_modes.iter().map(|mode| mode.name()).collect());
    push("state", filters.states.iter().map(|state| state.name()).collect());
    push("labels", filters.labels.iter().map(Label::as_str).collect());
    let times = [("since", filters.since), ("until", filters.until)];
    for (name, time) in times.into_iter().filter_map(|(name, time)| Some((name, time?))) {
        said.insert(name.to_owned(), json!(time.unix_micros()));
    }
    if let Some(least) = filters.min_strength {
        // As text: what is read back has the same bits.
        said.insert("min_strength".to_owned(), json!(least.get().to_string()));
    }
    if let Some(predicate) = &filters.predicate {
        said.insert("where".to_owned(), json!(predicate));
    }
    said
}

/// What [`Reconstruct`] says of itself.
pub(crate) fn of_reconstruct(wanted: &Reconstruct) -> Map<String, Value> {
    let mut said = scope(&wanted.scope);
    said.insert("purpose".to_owned(), json!(wanted.purpose.name()));
    said.insert("include_events".to_owned(), json!(wanted.include_events));
    said.insert("max_tokens".to_owned(), json!(wanted.max_tokens));
    said.insert("format".to_owned(), json!(name_of(wanted.format)));
    if !wanted.cues.is_empty() {
        said.insert("cues".to_owned(), json!(wanted.cues));
    }
    if let Some(search) = &wanted.search {
        said.insert("search".to_owned(), Value::Object(of_search(search)));
    }
    request(said)
}

/// What [`AskGate`] says of itself.
pub(crate) fn of_gate(ask: &AskGate) -> Map<String, Value> {
    let mut said = scope(&ask.scope);
    said.insert("purpose".to_owned(), json!(ask.purpose.name()));
    said.insert("tool".to_owned(), json!(ask.tool));
    let evidence: Vec<String> = ask.evidence.iter().map(|id| id.prefixed()).collect();
    said.insert("evidence_ids".to_owned(), json!(evidence));
    request(said)
}

const FORMATS: [(&str, Format); 3] =
    [("text", Format::Text), ("json", Format::Json), ("messages", Format::Messages)];

fn name_of(format: Format) -> &'static str {
    FORMATS.iter().find(|(_, of)| *of == format).map_or("text", |(name, _)| name)
}

/// The operations that can be asked again.
static REPLAYED: [&Info; 6] =
    [&get::GET, &get::HISTORY, &query::INFO, &items::SEARCH, &reconstruct::INFO, &gate::INFO];

/// Who asked for what, when, of an entry and what stands beside it.
pub(crate) fn read(draft: &Draft, private: &Map<String, Value>) -> Result<(Context, Request), NotReplayable> {
    let operation = text(private, "operation").ok_or(NotReplayable::OfAnotherVersion)?;
    if !REPLAYED.iter().any(|info| info.name == operation) {
        return Err(NotReplayable::OtherOperation(operation.to_owned()));
    }
    let cx = context(draft, private).ok_or(NotReplayable::OfAnotherVersion)?;
    let said = private.get("request").and_then(Value::as_object);
    let said = said.filter(|said| said.get("v").and_then(Value::as_u64) == Some(WHOLE));
    let request = said.and_then(|said| request_of(operation, said)).ok_or(NotReplayable::OfAnotherVersion)?;
    Ok((cx, request))
}

fn text<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    of.get(name)?.as_str()
}

/// A list of texts, each read; none where it is there and one of them does not read.
fn list<T>(of: &Map<String, Value>, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let Some(items) = of.get(name) else { return Some(Vec::new()) };
    items.as_array()?.iter().map(|item| read(item.as_str()?)).collect()
}

fn context(draft: &Draft, private: &Map<String, Value>) -> Option<Context> {
    let roles = match private.get("roles") {
        Some(_) => list(private, "roles", Role::from_name)?,
        None => vec![Role::App],
    };
    let user = match private.get("user_id") {
        Some(name) => Some(UserId::parse(name.as_str()?).ok()?),
        None => None,
    };
    let is_system = text(private, "caller") == Some("system");
    let principal = Principal {
        tenant: draft.tenant.clone(),
        client: text(private, "client")?.to_owned(),
        user,
        roles: roles.into_iter().collect(),
        groups: list(private, "groups", |group| Some(group.to_owned()))?.into_iter().collect(),
        caller: if is_system { Caller::System } else { Caller::Client },
    };
    Some(Context {
        principal,
        request_id: RequestId::parse(text(private, "request_id")?).ok()?,
        dialect: Dialect::from_name(text(private, "dialect")?)?,
        now: draft.time,
        id_seed: seed(text(private, "id_seed")?)?,
        idempotency: None,
        origin: memoryscope_domain::govern::Origin::Live,
        tells: None,
    })
}

fn seed(hex: &str) -> Option<IdSeed> {
    Some(IdSeed(bytes(hex)?.try_into().ok()?))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok());
    bytes.collect()
}

fn request_of(operation: &str, said: &Map<String, Value>) -> Option<Request> {
    let purpose = Purpose::from_name(text(said, "purpose")?)?;
    let id = || MemoryId::parse(text(said, "memory_id")?).ok();
    if operation == get::GET.name {
        return Some(Request::Get(Get { id: id()?, purpose }));
    }
    if operation == get::HISTORY.name {
        let limit = usize::try_from(said.get("limit")?.as_u64()?).ok()?;
        let after = said.get("after")?.as_u64()?;
        return Some(Request::History(History { id: id()?, purpose, after, limit }));
    }
    let scope = scope_of(said)?;
    if operation == query::INFO.name {
        let limit = usize::try_from(said.get("limit")?.as_u64()?).ok()?;
        let (filters, after, search) = (filters_of(said)?, after_of(said)?, search_of(said)?);
        let max_tokens = budget_of(said)?;
        let query = Query { scope, purpose, filters, after, search, limit, max_tokens };
        return Some(Request::Query(Box::new(query)));
    }
    if operation == items::SEARCH.name {
        let limit = usize::try_from(said.get("limit")?.as_u64()?).ok()?;
        let filter: ItemFilter = match said.get("filter") {
            Some(filter) => serde_json::from_value(filter.clone()).ok()?,
            None => ItemFilter::default(),
        };
        said.get(PAGED)?;
        let (search, after, max_tokens) = (search_of(said)?, after_of(said)?, budget_of(said)?);
        let wanted = SearchItems { scope, purpose, search, after, filter, limit, max_tokens };
        return Some(Request::SearchItems(Box::new(wanted)));
    }
    if operation == reconstruct::INFO.name {
        let max_tokens = match said.get("max_tokens")? {
            Value::Null => None,
            most => Some(usize::try_from(most.as_u64()?).ok()?),
        };
        let format = text(said, "format")?;
        return Some(Request::Reconstruct(Box::new(Reconstruct {
            scope,
            purpose,
            format: FORMATS.iter().find(|(name, _)| *name == format)?.1,
            max_tokens,
            include_events: said.get("include_events")?.as_bool()?,
            cues: list(said, "cues", |cue| Some(cue.to_owned()))?,
            search: search_of(said)?,
        })));
    }
    let evidence = list(said, "evidence_ids", |id| MemoryId::parse(id).ok())?;
    let tool = text(said, "tool")?.to_owned();
    Some(Request::Gate(Box::new(AskGate { scope, tool, purpose, evidence })))
}

fn scope_of(said: &Map<String, Value>) -> Option<Scope> {
    let name = text(said, "scope_type")?;
    Some(Scope {
        scope_type: ScopeType::ALL.into_iter().find(|scope_type| scope_type.name() == name)?,
        id: text(said, "scope_id")?.to_owned(),
        namespace: text(said, "namespace").unwrap_or_default().to_owned(),
    })
}

/// The outer option is none where what stands there is none of ours.
#[expect(clippy::option_option, reason = "unreadable and absent differ")]
fn after_of(said: &Map<String, Value>) -> Option<Option<(Timestamp, MemoryId)>> {
    let Some(after) = said.get("after") else { return Some(None) };
    let [time, id] = after.as_array()?.as_slice() else { return None };
    Some(Some((Timestamp::from_unix_micros(time.as_i64()?), MemoryId::parse(id.as_str()?).ok()?)))
}

/// As [`after_of`].
#[expect(clippy::option_option, reason = "unreadable and absent differ")]
fn search_of(said: &Map<String, Value>) -> Option<Option<Search>> {
    let Some(said) = said.get("search") else { return Some(None) };
    let said = said.as_object()?;
    // Terms of another analyser are not those of the memories that are there.
    said.get("analyser").filter(|version| **version == json!(ANALYSER_VERSION))?;
    let text = QueryText::of_terms(list(said, "terms", |term| Some(term.to_owned()))?)?;
    let after = match said.get("after") {
        None => None,
        Some(after) => {
            let [score, placed, id] = after.as_array()?.as_slice() else { return None };
            Some(Ranked {
                score: Reverse(Score::new(score.as_str()?.parse().ok()?)?),
                placed: Reverse(Timestamp::from_unix_micros(placed.as_i64()?)),
                id: MemoryId::parse(id.as_str()?).ok()?,
            })
        }
    };
    let meaning = match said.get("meaning") {
        None => None,
        Some(meaning) => {
            let [model, vector] = meaning.as_array()?.as_slice() else { return None };
            let model = ModelKey(bytes(model.as_str()?)?.try_into().ok()?);
            Some(Meaning { model, vector: Vector::from_bytes(&bytes(vector.as_str()?)?)? })
        }
    };
    let walks = said.get("walks").map_or(Some(false), Value::as_bool)?;
    let boost = match said.get("boost") {
        None => Boost::default(),
        Some(boost) => serde_json::from_value(boost.clone()).ok()?,
    };
    Some(Some(Search::new(text, meaning).behind(after).walking(walks).boosted(boost)))
}

fn filters_of(said: &Map<String, Value>) -> Option<Filters> {
    let none = Map::new();
    let said = match said.get("filters") {
        Some(filters) => filters.as_object()?,
        None => &none,
    };
    let time = |name: &str| match said.get(name) {
        Some(time) => Some(Some(Timestamp::from_unix_micros(time.as_i64()?))),
        None => Some(None),
    };
    let state = |name: &str| match name {
        "dormant" => Some(Shown::Dormant),
        stored => State::from_name(stored).map(Shown::Stored),
    };
    let min_strength = match said.get("min_strength") {
        Some(least) => Some(Unit::new(least.as_str()?.parse().ok()?).ok()?),
        None => None,
    };
    Some(Filters {
        types: list(said, "type", MemoryType::from_name)?,
        truth_modes: list(said, "truth_mode", TruthMode::from_name)?,
        states: list(said, "state", state)?,
        labels: list(said, "labels", |label| Label::parse(label).ok())?,
        min_strength,
        since: time("since")?,
        until: time("until")?,
        predicate: match said.get("where") {
            Some(predicate) => Some(serde_json::from_value(predicate.clone()).ok()?),
            None => None,
        },
    })
}

/// The codes of the operations that can be asked again.
#[must_use]
pub fn replayable() -> Vec<Code> {
    REPLAYED.iter().map(|info| info.audit.clone()).collect()
}
