//! A memory and a request written in YAML: for cases, explanations and tests.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Attribute, CATALOGUE, Kind, METADATA_PREFIX};
use super::error::{Errors, Place, PolicyError};
use super::request::{Dialect, Request, SpiralFacts};
use super::value::{MemoryAttributes, Value};
use super::yaml::{self, Key, Node, NodeKind};
use crate::ids::{TenantId, UserId};
use crate::limits;
use crate::principal::{Caller, Principal, Role};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// A value that is owned.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// A bool.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, or an enum's value.
    Text(String),
    /// An instant.
    Time(Timestamp),
    /// A set of texts.
    Set(Vec<String>),
}

impl OwnedValue {
    /// The value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text),
            Self::Time(time) => Value::Time(*time),
            Self::Set(members) => Value::Set(members),
        }
    }
}

/// A memory that is nothing but its attributes. What it lacks has the catalogue's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryFacts {
    /// What the attributes are worth.
    pub values: BTreeMap<Attribute, OwnedValue>,
    /// What `memory.metadata.<path>` is worth.
    pub metadata: BTreeMap<String, OwnedValue>,
}

impl MemoryFacts {
    /// The same memory with another value.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: OwnedValue) -> Self {
        self.values.insert(attribute, value);
        self
    }

    /// The same memory with another text.
    #[must_use]
    pub fn with_text(self, attribute: Attribute, text: &str) -> Self {
        self.with(attribute, OwnedValue::Text(text.to_owned()))
    }

    /// Reads a memory: a mapping of attributes, dotted or nested, with or without `memory.`.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Vec<PolicyError>> {
        parsed(text, memory)
    }
}

impl MemoryAttributes for MemoryFacts {
    fn value(&self, attribute: Attribute) -> Value<'_> {
        self.values.get(&attribute).map_or(Value::Absent, OwnedValue::as_value)
    }

    fn metadata(&self, path: &str) -> Value<'_> {
        self.metadata.get(path).map_or(Value::Absent, OwnedValue::as_value)
    }
}

/// A request that is owned.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestFacts {
    /// Who acts.
    pub principal: Principal,
    /// Why.
    pub purpose: Option<Purpose>,
    /// What is being done.
    pub operation: String,
    /// Through which API.
    pub dialect: Dialect,
    /// Which tool the gate is asked about.
    pub tool: Option<String>,
    /// Whether references to events were asked for.
    pub include_events: bool,
    /// When.
    pub now: Timestamp,
    /// Whether a spiral is active.
    pub spiral_active: bool,
    /// Its pattern.
    pub spiral_pattern: Option<String>,
    /// How sure its detection is.
    pub spiral_confidence: f64,
}

impl Default for RequestFacts {
    /// An application of the default tenant, without a user or a purpose, at noon of the first of January 2026.
    fn default() -> Self {
        Self {
            principal: Principal::local(TenantId::default_tenant()),
            purpose: None,
            operation: String::new(),
            dialect: Dialect::Core,
            tool: None,
            include_events: false,
            now: Timestamp::from_unix_micros(1_767_268_800_000_000),
            spiral_active: false,
            spiral_pattern: None,
            spiral_confidence: 0.0,
        }
    }
}

impl RequestFacts {
    /// The request, borrowed.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            purpose: self.purpose,
            operation: &self.operation,
            dialect: self.dialect,
            tool: self.tool.as_deref(),
            include_events: self.include_events,
            now: self.now,
            spiral: SpiralFacts {
                active: self.spiral_active,
                pattern: self.spiral_pattern.as_deref(),
                confidence: self.spiral_confidence,
            },
        }
    }

    /// Reads a request: `purpose`, `operation`, `dialect`, `tool`, `include_events`, `now`, `principal.user`,
    /// `principal.roles`, `spiral.active` and the like, dotted or nested.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Vec<PolicyError>> {
        parsed(text, request)
    }
}

fn parsed<T>(text: &str, read: impl Fn(&Node, &mut Errors) -> T) -> Result<T, Vec<PolicyError>> {
    let mut errors = Errors::default();
    if text.len() > limits::POLICY_BYTES_MAX {
        errors.push(Place::START, format!("at most {} bytes", limits::POLICY_BYTES_MAX));
        return Err(errors.into_vec());
    }
    let read = yaml::read(text, &mut errors).map(|node| read(&node, &mut errors));
    match read {
        Some(facts) if errors.is_empty() => Ok(facts),
        _ => Err(errors.into_vec()),
    }
}

/// A mapping's values by their dotted paths.
fn flat<'n>(node: &'n Node, what: &str, errors: &mut Errors) -> Vec<(Key, &'n Node)> {
    let mut found = Vec::new();
    for (key, value) in node.as_map(what, errors) {
        if matches!(value.kind, NodeKind::Map(_)) {
            for (inner, value) in flat(value, what, errors) {
                found.push((Key { place: inner.place, text: format!("{}.{}", key.text, inner.text) }, value));
            }
        } else {
            found.push((key.clone(), value));
        }
    }
    found
}

/// Reads a memory.
pub(super) fn memory(node: &Node, errors: &mut Errors) -> MemoryFacts {
    let mut facts = MemoryFacts::default();
    for (key, value) in flat(node, "a memory", errors) {
        let bare = key.text.strip_prefix("memory.").unwrap_or(&key.text);
        let path = format!("memory.{bare}");
        match Attribute::from_path(&path) {
            Some(Attribute::MemoryMetadata) => {
                let name = path.get(METADATA_PREFIX.len()..).unwrap_or_default().to_owned();
                facts.metadata.extend(open(value, errors).map(|value| (name, value)));
            }
            Some(attribute) => {
                let value = typed(&path, attribute.entry().kind, value, errors);
                facts.values.extend(value.map(|value| (attribute, value)));
            }
            None => {
                let of_memory = CATALOGUE.iter().filter_map(|entry| entry.path.strip_prefix("memory."));
                errors.unknown(key.place, "attribute of a memory", bare, &of_memory.collect::<Vec<_>>());
            }
        }
    }
    facts
}

/// A value of metadata.
fn open(node: &Node, errors: &mut Errors) -> Option<OwnedValue> {
    match &node.kind {
        NodeKind::Bool(flag) => Some(OwnedValue::Bool(*flag)),
        NodeKind::Number(number) => Some(OwnedValue::Number(*number)),
        NodeKind::Text(text) => Some(OwnedValue::Text(text.clone())),
        NodeKind::List(_) => Some(OwnedValue::Set(texts(node, "a list", errors))),
        // Null is absence.
        NodeKind::Null | NodeKind::Map(_) => None,
    }
}

/// A value of an attribute's type.
fn typed(path: &str, kind: Kind, node: &Node, errors: &mut Errors) -> Option<OwnedValue> {
    match kind {
        Kind::Bool => node.as_bool(path, errors).map(OwnedValue::Bool),
        Kind::Number => node.as_number(path, errors).map(OwnedValue::Number),
        Kind::Time => instant(path, node, errors).map(OwnedValue::Time),
        Kind::Text => node.as_text(path, errors).map(|text| OwnedValue::Text(text.to_owned())),
        Kind::Enum(values) | Kind::Ordered(values) => {
            one_of(path, values, node, errors).map(|text| OwnedValue::Text(text.to_owned()))
        }
        Kind::TextSet => Some(OwnedValue::Set(texts(node, path, errors))),
        Kind::EnumSet(values) => {
            let mut members = Vec::new();
            for item in node.as_list(path, errors) {
                members.extend(one_of(path, values, item, errors).map(str::to_owned));
            }
            Some(OwnedValue::Set(members))
        }
        Kind::Open => open(node, errors),
    }
}

fn texts(node: &Node, what: &str, errors: &mut Errors) -> Vec<String> {
    let mut members = Vec::new();
    for item in node.as_list(what, errors) {
        members.extend(item.as_text(what, errors).map(str::to_owned));
    }
    members
}

fn one_of<'n>(path: &str, values: &[&str], node: &'n Node, errors: &mut Errors) -> Option<&'n str> {
    let text = node.as_text(path, errors)?;
    if values.contains(&text) {
        return Some(text);
    }
    errors.unknown(node.place, &format!("value of {path}"), text, values);
    None
}

fn instant(path: &str, node: &Node, errors: &mut Errors) -> Option<Timestamp> {
    let text = node.as_text(path, errors)?;
    let time = Timestamp::parse(text);
    if let Err(error) = &time {
        errors.push(node.place, format!("{path} {error}"));
    }
    time.ok()
}

const REQUEST_KEYS: &[&str] = &[
    "purpose",
    "operation",
    "dialect",
    "tool",
    "include_events",
    "now",
    "principal.tenant",
    "principal.client",
    "principal.user",
    "principal.roles",
    "principal.groups",
    "principal.system",
    "spiral.active",
    "spiral.pattern",
    "spiral.confidence",
];

/// Reads a request.
pub(super) fn request(node: &Node, errors: &mut Errors) -> RequestFacts {
    let mut facts = RequestFacts::default();
    for (key, value) in flat(node, "a request", errors) {
        let name = key.text.strip_prefix("request.").unwrap_or(&key.text);
        match name {
            "purpose" => {
                let values = Attribute::RequestPurpose.entry().kind.values();
                facts.purpose = one_of(name, values, value, errors).and_then(Purpose::from_name);
            }
            "operation" => facts.operation = text(name, value, errors),
            "dialect" => {
                let values = Attribute::RequestDialect.entry().kind.values();
                let dialect = one_of(name, values, value, errors).and_then(Dialect::from_name);
                facts.dialect = dialect.unwrap_or(facts.dialect);
            }
            "tool" => facts.tool = Some(text(name, value, errors)),
            "include_events" => facts.include_events = value.as_bool(name, errors).unwrap_or_default(),
            "now" => facts.now = instant(name, value, errors).unwrap_or(facts.now),
            "spiral.active" => facts.spiral_active = value.as_bool(name, errors).unwrap_or_default(),
            "spiral.pattern" => {
                let values = Attribute::SpiralPattern.entry().kind.values();
                facts.spiral_pattern = one_of(name, values, value, errors).map(str::to_owned);
            }
            "spiral.confidence" => {
                facts.spiral_confidence = value.as_number(name, errors).unwrap_or_default();
            }
            _ => principal(&mut facts.principal, name, &key, value, errors),
        }
    }
    facts
}

fn text(name: &str, node: &Node, errors: &mut Errors) -> String {
    node.as_text(name, errors).unwrap_or_default().to_owned()
}

/// One attribute of the principal.
fn principal(principal: &mut Principal, name: &str, key: &Key, node: &Node, errors: &mut Errors) {
    match name {
        "principal.tenant" => match TenantId::parse(&text(name, node, errors)) {
            Ok(tenant) => principal.tenant = tenant,
            Err(error) => errors.push(node.place, format!("{name} {error}")),
        },
        "principal.user" => match UserId::parse(&text(name, node, errors)) {
            Ok(user) => principal.user = Some(user),
            Err(error) => errors.push(node.place, format!("{name} {error}")),
        },
        "principal.client" => principal.client = text(name, node, errors),
        "principal.groups" => principal.groups = texts(node, name, errors).into_iter().collect(),
        "principal.system" => {
            let system = node.as_bool(name, errors).unwrap_or_default();
            principal.caller = if system { Caller::System } else { Caller::Client };
        }
        "principal.roles" => {
            let mut roles = BTreeSet::new();
            let values = Attribute::PrincipalRoles.entry().kind.values();
            for item in node.as_list(name, errors) {
                roles.extend(one_of(name, values, item, errors).and_then(Role::from_name));
            }
            principal.roles = roles;
        }
        _ => errors.unknown(key.place, "key of a request", name, REQUEST_KEYS),
    }
}
