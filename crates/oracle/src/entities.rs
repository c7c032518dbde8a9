//! A memory and a request as Cedar's entities and requests.

use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use memoryscope_domain::policy::catalogue::{CATALOGUE, Entry, Fallback, Kind};
use memoryscope_domain::time::Timestamp;
use serde_json::Value as Json;

use crate::expression::scaled;
use crate::vocabulary::kind_of;

/// What can be wrong with a pair that a person wrote.
pub type Wrong = String;

/// A principal, a memory and a context, asked about with any action.
#[derive(Debug)]
pub struct World {
    /// The principal and the memory.
    pub entities: Entities,
    principal: EntityUid,
    resource: EntityUid,
    context: Context,
}

/// Names are read once: Cedar's parser takes longer than a decision.
static AGENT: LazyLock<EntityUid> = LazyLock::new(|| uid("Agent", "it"));
static MEMORY: LazyLock<EntityUid> = LazyLock::new(|| uid("Memory", "it"));
static ACTION: LazyLock<EntityTypeName> = LazyLock::new(|| "Action".parse().expect("a type"));

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().expect("a type"), EntityId::new(id))
}

/// The action of that name.
pub(crate) fn action_uid(action: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ACTION.clone(), EntityId::new(action))
}

impl World {
    /// The memory and the request, with the catalogue's defaults for what is not there.
    ///
    /// # Errors
    /// A text when a value is of no type, or a required key of the request is missing.
    pub fn new(memory: &Json, request: &Json) -> Result<Self, Wrong> {
        let attributes = memory.as_object().ok_or("a memory is an object")?;
        let mut of_memory = Vec::new();
        for (path, value) in attributes {
            of_memory.push((path.clone(), tagged(path, value)?));
        }
        let (mut of_principal, mut of_context) = (Vec::new(), Vec::new());
        for entry in CATALOGUE {
            let path = entry.path.to_owned();
            if !entry.attribute.is_of_memory() {
                let value = of_request(entry, request)?;
                let whose = if path.starts_with("principal.") { &mut of_principal } else { &mut of_context };
                whose.push((path, value));
            } else if !attributes.contains_key(entry.path) {
                of_memory.extend(fallback(entry.fallback).map(|value| (path, value)));
            }
        }
        let (principal, resource) = (AGENT.clone(), MEMORY.clone());
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let entities = [
            Entity::new_with_tags(principal.clone(), of_principal, [], []).map_err(|e| said(&e))?,
            Entity::new_with_tags(resource.clone(), of_memory, [], []).map_err(|e| said(&e))?,
        ];
        let entities = Entities::from_entities(entities, None).map_err(|e| said(&e))?;
        let context = Context::from_pairs(of_context).map_err(|e| said(&e))?;
        Ok(Self { entities, principal, resource, context })
    }

    /// The request with that action.
    #[must_use]
    pub fn request(&self, action: &str) -> Request {
        let parts = (self.principal.clone(), self.resource.clone(), self.context.clone());
        Request::new(parts.0, action_uid(action), parts.1, parts.2, None)
            .expect("there is no schema to break")
    }
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn texts(value: &Json) -> Result<Value, Wrong> {
    let members = value.as_array().ok_or("a set is a list")?.iter().map(|m| m.as_str().map(text));
    Ok(Value::new_set(members.collect::<Option<Vec<_>>>().ok_or("a set holds texts")?))
}

fn fallback(fallback: Fallback) -> Option<Value> {
    Some(match fallback {
        Fallback::Absent => return None,
        Fallback::Bool(flag) => Value::new_bool(flag),
        Fallback::Number(number) => Value::new_long(scaled(number)),
        Fallback::Text(value) => text(value),
        Fallback::Epoch => Value::new_datetime("1970-01-01T00:00:00Z"),
        Fallback::EmptySet => Value::new_set([]),
    })
}

/// A memory's value with its type. Metadata stays a record, so that policies can ask for the type.
fn tagged(path: &str, value: &Json) -> Result<Value, Wrong> {
    let (tag, value) = value.as_object().and_then(|o| o.iter().next()).ok_or("a value has a type")?;
    let plain = plain(tag, value)?;
    let spelled = value.as_str().filter(|text| tag == "text" && Timestamp::parse(text).is_ok());
    match (kind_of(path), spelled) {
        (Kind::Open, time) => {
            let time = time.map(|time| ("time".to_owned(), Value::new_datetime(time)));
            let fields = std::iter::once((tag.clone(), plain)).chain(time);
            Value::new_record(fields).map_err(|error| error.to_string())
        }
        // A text that spells a time is one.
        (Kind::Time, Some(time)) => Ok(Value::new_datetime(time)),
        _ => Ok(plain),
    }
}

fn plain(tag: &str, value: &Json) -> Result<Value, Wrong> {
    let plain = match tag {
        "flag" => value.as_bool().map(Value::new_bool),
        "number" => value.as_f64().map(|number| Value::new_long(scaled(number))),
        "text" => value.as_str().map(text),
        "time" => value.as_str().map(Value::new_datetime),
        "set" => return texts(value),
        _ => None,
    };
    plain.ok_or_else(|| format!("{value} is no {tag}"))
}

/// A value of the request, the principal, the spiral or the time.
fn of_request(entry: &Entry, request: &Json) -> Result<Value, Wrong> {
    let path = entry.path;
    if let "time.now" | "time.hour" | "time.weekday" = path {
        let now = request["now"].as_str().ok_or("now is required")?;
        return Ok(match path {
            "time.weekday" => text(weekday(now).ok_or("now is a time")?),
            _ => Value::new_datetime(now),
        });
    }
    let value = &request[path.strip_prefix("request.").unwrap_or(path)];
    match (value, entry.kind) {
        // These two have defaults that are not the catalogue's.
        (Json::Null, _) if ["principal.tenant", "principal.client", "principal.roles"].contains(&path) => {
            Err(format!("{path} is required"))
        }
        (Json::Null, _) => fallback(entry.fallback).ok_or_else(|| format!("{path} is required")),
        (_, kind) if kind.is_set() => texts(value),
        (_, Kind::Bool) => plain("flag", value),
        (_, Kind::Number) => plain("number", value),
        _ => plain("text", value),
    }
}

/// Sakamoto's method, which needs the date alone.
fn weekday(time: &str) -> Option<&'static str> {
    const NAMES: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    const SHIFTS: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let mut parts = time.get(..10)?.split('-').map(|part| part.parse::<i32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if month < 3 { year - 1 } else { year };
    let shift = SHIFTS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let index = (year + year / 4 - year / 100 + year / 400 + shift + day).rem_euclid(7);
    NAMES.get(usize::try_from(index).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays() {
        for (time, expect) in [
            ("2026-01-01T12:00:00Z", "thursday"),
            ("2025-12-31T00:00:00Z", "wednesday"),
            ("1969-12-31T23:59:59Z", "wednesday"),
            ("2024-02-29T00:00:00Z", "thursday"),
        ] {
            assert_eq!(weekday(time), Some(expect), "{time}");
        }
    }
}
