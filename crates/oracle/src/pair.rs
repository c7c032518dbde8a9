//! A pair: a rule set and what it is asked about, as JSON that a person can read, edit and keep in `corpus/`.

use memoryscope_domain::policy::catalogue::METADATA_PREFIX;
use memoryscope_domain::policy::{Attribute, MemoryFacts, OwnedValue, RequestFacts};
use memoryscope_domain::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::entities::Wrong;

/// A rule set, a memory and a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The policy, as our engine loads it.
    pub policy: Json,
    /// The memory: each attribute with the type of its value, `{"memory.labels": {"set": ["a"]}}`.
    pub memory: Json,
    /// The request, as `RequestFacts::parse` reads it; tenant, client, roles and time are required.
    pub request: Json,
}

impl Pair {
    /// Reads a file of the corpus.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let whole: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let part = |name: &str| whole[name].clone();
        Ok(Self { policy: part("policy"), memory: part("memory"), request: part("request") })
    }

    /// As a file of the corpus; `found` says what the two did not agree about.
    #[must_use]
    pub fn text(&self, found: &[String]) -> String {
        let Self { policy, memory, request } = self;
        format!("{:#}\n", json!({"found": found, "policy": policy, "memory": memory, "request": request}))
    }
}

/// The memory as our engine sees it.
///
/// # Errors
/// When there is no such attribute, or a value is of no type.
pub fn memory_facts(memory: &Json) -> Result<MemoryFacts, Wrong> {
    let mut facts = MemoryFacts::default();
    for (path, tagged) in memory.as_object().into_iter().flatten() {
        let (tag, value) = tagged.as_object().and_then(|o| o.iter().next()).ok_or("a value has a type")?;
        let owned = owned(tag, value).ok_or_else(|| format!("{path}: {value} is no {tag}"))?;
        match (path.strip_prefix(METADATA_PREFIX), Attribute::from_path(path)) {
            (Some(name), Some(_)) => drop(facts.metadata.insert(name.to_owned(), owned)),
            (None, Some(attribute)) => drop(facts.values.insert(attribute, owned)),
            (_, None) => return Err(format!("{path} is no attribute")),
        }
    }
    Ok(facts)
}

fn owned(tag: &str, value: &Json) -> Option<OwnedValue> {
    Some(match tag {
        "flag" => OwnedValue::Bool(value.as_bool()?),
        "number" => OwnedValue::Number(value.as_f64()?),
        "text" => OwnedValue::Text(value.as_str()?.to_owned()),
        "time" => OwnedValue::Time(Timestamp::parse(value.as_str()?).ok()?),
        "set" => {
            let members = value.as_array()?.iter().map(|member| member.as_str().map(str::to_owned));
            OwnedValue::Set(members.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The request as our engine sees it.
///
/// # Errors
/// What is wrong with it.
pub fn request_facts(request: &Json) -> Result<RequestFacts, Wrong> {
    RequestFacts::parse(&request.to_string()).map_err(|errors| format!("the request: {errors:?}"))
}
