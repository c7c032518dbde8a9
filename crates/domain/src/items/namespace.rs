//! Namespaces: parts of an organization, each with what holds for memories that are added to it and do not say it themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::policy::{MemoryPolicy, PolicyPlace};
use super::request::Reading;
use crate::constraint::closed_list;
use crate::fields::{
    At, Fault, Faults, Members, Notes, Read, Unknown, WarningKind, flag, integer, line, one_of,
};
use crate::limits;
use crate::record::{Record, RecordKind};
use crate::time::Timestamp;

closed_list!(
    /// What a namespace is for.
    Environment {
        /// To build with.
        Development "development",
        /// To try out.
        Staging "staging",
        /// To work with.
        Production "production",
    }
);

/// What is told of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// Whether memories can be added to it and changed.
    pub is_active: bool,
    /// How much may be asked, by names of the caller's. They are kept, and nobody is held to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<BTreeMap<String, Option<i64>>>,
    /// What holds for its memories where they do not say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_policy: Option<MemoryPolicy>,
    /// The same, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_policy_sent: Option<Value>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its id: `ns_` and 32 hexadecimal digits. That is what requests name as `namespace_id`.
    pub id: String,
    /// What is told of it.
    pub settings: Settings,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// Counts its versions, from 1.
    pub version: u64,
}

/// A namespace's document.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    settings: Settings,
    updated: Timestamp,
}

/// How a namespace's id begins.
const PREFIX: &str = "ns_";

/// The id that is made of this.
#[must_use]
pub fn id_from(uuid: Uuid) -> String {
    format!("{PREFIX}{}", uuid.simple())
}

/// Whether a text is shaped like a namespace's id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Namespace {
    /// A new one.
    #[must_use]
    pub const fn new(id: String, settings: Settings, now: Timestamp) -> Self {
        Self { id, settings, created: now, updated: now, version: 1 }
    }

    /// As it is from now on.
    #[must_use]
    pub fn with(&self, settings: Settings, now: Timestamp) -> Self {
        Self { id: self.id.clone(), settings, updated: now, version: self.version + 1, ..*self }
    }

    /// The record that it is kept as.
    #[must_use]
    pub fn record(&self) -> Record {
        let document = Document { settings: self.settings.clone(), updated: self.updated };
        Record {
            kind: RecordKind::Namespace,
            id: self.id.clone(),
            group: String::new(),
            subject: None,
            due: None,
            version: self.version,
            created: self.created,
            // Texts and numbers can always be written.
            document: serde_json::to_string(&document).unwrap_or_default(),
        }
    }

    /// The namespace that a record is; `None` where it is none.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let Document { settings, updated } = serde_json::from_str(&record.document).ok()?;
        let (id, created, version) = (record.id.clone(), record.created, record.version);
        (record.kind == RecordKind::Namespace).then_some(Self { id, settings, created, updated, version })
    }
}

/// What a request changes of a namespace; what it leaves out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    name: Option<String>,
    environment: Option<Environment>,
    is_active: Option<bool>,
    rate_limits: Option<Option<BTreeMap<String, Option<i64>>>>,
    default_policy: Option<Option<(MemoryPolicy, Value)>>,
}

impl Settings {
    /// Reads what `POST /v1/namespace` is sent.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(reading.is_strict);
        let read = read_change(body, true, &mut notes).and_then(|change| {
            let blank = Self {
                name: change.name.clone()?,
                environment: Environment::Development,
                is_active: true,
                rate_limits: None,
                default_policy: None,
                default_policy_sent: None,
            };
            Some(blank.changed_by(change))
        });
        notes.finish(read)
    }

    /// As they are from now on.
    #[must_use]
    pub fn changed_by(&self, change: SettingsChange) -> Self {
        let (default_policy, default_policy_sent) = match change.default_policy {
            None => (self.default_policy.clone(), self.default_policy_sent.clone()),
            Some(policy) => policy.unzip(),
        };
        Self {
            name: change.name.unwrap_or_else(|| self.name.clone()),
            environment: change.environment.unwrap_or(self.environment),
            is_active: change.is_active.unwrap_or(self.is_active),
            rate_limits: change.rate_limits.unwrap_or_else(|| self.rate_limits.clone()),
            default_policy,
            default_policy_sent,
        }
    }
}

impl SettingsChange {
    /// That it takes no more memories.
    #[must_use]
    pub fn closing() -> Self {
        Self { is_active: Some(false), ..Self::default() }
    }

    /// What its default policy is from now on, where it states one.
    #[must_use]
    pub fn default_policy(&self) -> Option<&MemoryPolicy> {
        self.default_policy.as_ref()?.as_ref().map(|(policy, _)| policy)
    }

    /// Reads what `PUT /v1/namespace/{namespace_id}` is sent. Null takes limits, or a policy, away.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(reading.is_strict);
        let read = read_change(body, false, &mut notes);
        notes.finish(read)
    }
}

fn read_change(body: &Value, is_new: bool, notes: &mut Notes) -> Option<SettingsChange> {
    let mut members = Members::open(body, &At::Root("body"), notes)?;
    let is_null = |name: &str| body.get(name).is_some_and(Value::is_null);
    let read_name = line(limits::NAMESPACE_NAME_CHARS_MAX);
    let name = match is_new {
        true => members.required("name", notes, read_name),
        false => members.optional("name", notes, read_name),
    };
    let environment =
        members.optional("environment_type", notes, one_of(Environment::NAMES, Environment::from_name));
    let is_active = members.optional("is_active", notes, flag);
    let rate_limits = members.optional("rate_limits", notes, read_limits).map(Some);
    let default_policy = members.optional("default_policy", notes, |value, at, notes| {
        let policy = MemoryPolicy::read(value, at, notes, PolicyPlace::Namespace)?;
        Some(Some((policy, value.clone())))
    });
    let is_clean = notes.is_clean_at(&members.at());
    members.close(Unknown::Warn, notes);
    is_clean.then(|| SettingsChange {
        name,
        environment,
        is_active,
        rate_limits: rate_limits.or_else(|| is_null("rate_limits").then_some(None)),
        default_policy: default_policy.or_else(|| is_null("default_policy").then_some(None)),
    })
}

fn read_limits(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<BTreeMap<String, Option<i64>>> {
    let Value::Object(limits) = value else {
        return notes.wrong(at, Fault::WrongType, "must be a JSON object");
    };
    if limits.len() > limits::RATE_LIMITS_MAX {
        let message = format!("must have at most {} members", limits::RATE_LIMITS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    let mut read = BTreeMap::new();
    for (name, value) in limits {
        let at = At::Key(at, name);
        if name.is_empty() || name.chars().count() > limits::NAMESPACE_NAME_CHARS_MAX {
            let message = format!("must have a name of 1 to {} characters", limits::NAMESPACE_NAME_CHARS_MAX);
            notes.wrong::<()>(&at, Fault::Invalid, message);
            continue;
        }
        let limit =
            if value.is_null() { Some(None) } else { integer(0, i64::MAX)(value, &at, notes).map(Some) };
        if let Some(limit) = limit {
            read.insert(name.clone(), limit);
        }
    }
    notes.warn(at, WarningKind::NoEffect, "is kept and has no effect: nobody is held to it here");
    (read.len() == limits.len()).then_some(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::items::{Consent, Risk};

    fn faults(faults: &Faults) -> Vec<String> {
        faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect()
    }

    fn read(body: &Value) -> Result<Settings, Vec<String>> {
        Settings::read(body, &Reading::default()).map(|read| read.value).map_err(|found| faults(&found))
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: Value, expect: &[&str]| {
            assert_eq!(read(&body).err().unwrap_or_default(), expect, "{body}");
        };
        check(
            json!({"name": "acme", "environment_type": "production", "rate_limits": {"a": 7, "b": null}}),
            &[],
        );
        check(json!({}), &["body.name: is required"]);
        check(
            json!({"name": " ", "environment_type": "here", "is_active": 1, "rate_limits": {"a": -1, "b": "x"},
                "default_policy": {"consent": "much", "nodes": 7, "modes": 1}}),
            &[
                "body.name: must not be empty or blank",
                "body.environment_type: must be one of: development, staging, production",
                "body.is_active: must be true or false",
                "body.rate_limits.a: must be a whole number from 0 to 9223372036854775807",
                "body.rate_limits.b: must be a whole number",
                "body.default_policy.nodes: must be a list",
                "body.default_policy.consent: must be one of: explicit, implicit, terms, none",
                "body.default_policy.modes: is not known here; did you mean mode?",
            ],
        );
    }

    #[test]
    fn a_record_reads_back_and_a_change_states_what_it_replaces() {
        let settings =
            read(&json!({"name": "acme", "default_policy": {"risk": "sensitive"}})).expect("settings");
        let now = Timestamp::from_unix_micros(7);
        let namespace = Namespace::new(id_from(Uuid::from_u128(7)), settings, now);
        assert!(is_id(&namespace.id) && !is_id("acme") && !is_id(&namespace.id.to_uppercase()));
        assert_eq!(Namespace::of(&namespace.record()), Some(namespace.clone()));
        assert_eq!(namespace.record().flaw(), None);
        let check = |change: Value, name: &str, risk: Option<Risk>, consent: Option<Consent>| {
            let change = SettingsChange::read(&change, &Reading::default()).expect("a change").value;
            let next = namespace.with(namespace.settings.changed_by(change), Timestamp::from_unix_micros(9));
            assert_eq!((next.version, next.created, &next.id), (2, namespace.created, &namespace.id));
            let policy = next.settings.default_policy.unwrap_or_default();
            assert_eq!((next.settings.name.as_str(), policy.risk, policy.consent), (name, risk, consent));
        };
        check(json!({}), "acme", Some(Risk::Sensitive), None);
        check(json!({"name": null, "is_active": false}), "acme", Some(Risk::Sensitive), None);
        check(json!({"name": "b", "default_policy": null}), "b", None, None);
        check(json!({"default_policy": {"consent": "terms"}}), "acme", None, Some(Consent::Terms));
    }
}
