//! Every attribute that a condition may test, in one table.
//!
//! The validator, the documentation ([`markdown`]) and editor completion ([`completions`]) are made from it,
//! so they cannot disagree. To add an attribute is to add a row.

use std::fmt::Write as _;

use super::value::Value;
use crate::constraint;
use crate::memory::MemoryType;
use crate::object::{DisputeState, Handling, Level, OwnerType, Precision, TruthMode, Visibility};
use crate::principal::Role;
use crate::purpose::Purpose;
use crate::scope::ScopeType;
use crate::time::Timestamp;

/// What tests an attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// One of a closed list.
    Enum(&'static [&'static str]),
    /// One of a closed list, the lowest first: `gt`, `gte`, `lt`, `lte` compare ranks.
    Ordered(&'static [&'static str]),
    /// A text.
    Text,
    /// A set of texts.
    TextSet,
    /// A set of values of a closed list.
    EnumSet(&'static [&'static str]),
    /// An instant.
    Time,
    /// Whatever was stored: `memory.metadata.*`.
    Open,
}

impl Kind {
    /// The closed list, where there is one.
    #[must_use]
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::Enum(values) | Self::Ordered(values) | Self::EnumSet(values) => values,
            _ => &[],
        }
    }

    /// Whether it holds many values.
    #[must_use]
    pub const fn is_set(self) -> bool {
        matches!(self, Self::TextSet | Self::EnumSet(_))
    }

    /// Its name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Number => "number",
            Self::Enum(_) => "enum",
            Self::Ordered(_) => "ordered enum",
            Self::Text => "text",
            Self::TextSet => "set of text",
            Self::EnumSet(_) => "set of enum",
            Self::Time => "time",
            Self::Open => "any",
        }
    }
}

/// What stands in for an attribute that is not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fallback {
    /// Nothing: the attribute can be absent, and then matches nothing.
    Absent,
    /// A bool.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, or an enum's value.
    Text(&'static str),
    /// The first of January 1970.
    Epoch,
    /// The set without members.
    EmptySet,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The attribute.
    pub attribute: Attribute,
    /// Its dotted path in policies.
    pub path: &'static str,
    /// What tests it takes.
    pub kind: Kind,
    /// What stands in when it is not there.
    pub fallback: Fallback,
    /// Whether a store can test it, so that [`Filter`](super::filter::Filter) may name it.
    pub pushable: bool,
    /// What it means.
    pub doc: &'static str,
}

const PUSHABLE: bool = true;
const NOT_PUSHABLE: bool = false;

/// Declares [`Attribute`] and its table.
macro_rules! catalogue {
    ($($variant:ident $path:literal $kind:expr, $fallback:expr, $pushable:ident, $doc:literal;)*) => {
        /// An attribute that conditions test.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Attribute {
            $(#[doc = concat!("`", $path, "`: ", $doc)] $variant,)*
        }

        /// Every attribute, in the order of the documentation.
        pub const CATALOGUE: &[Entry] = &[
            $(Entry {
                attribute: Attribute::$variant,
                path: $path,
                kind: $kind,
                fallback: $fallback,
                pushable: $pushable,
                doc: $doc,
            },)*
        ];
    };
}

const TYPES: &[&str] = MemoryType::NAMES;
const TRUTH_MODES: &[&str] = TruthMode::NAMES;
/// The states, the least restrictive first.
pub const STATES: &[&str] = &["active", "restricted", "sealed", "revoked", "tombstoned"];
const KINDS: &[&str] =
    &["none", "preferences", "constraints", "communication", "accessibility", "schedule", "attention"];
const SHAPES: &[&str] = &[
    "none",
    "likes_dislikes",
    "boolean_flags",
    "schedule_windows",
    "attention_settings",
    "kv_map",
    "rules_list",
];
const LEVELS: &[&str] = Level::NAMES;
const HANDLINGS: &[&str] = Handling::NAMES;
const OWNER_TYPES: &[&str] = OwnerType::NAMES;
const DISPUTES: &[&str] = DisputeState::NAMES;
const VISIBILITIES: &[&str] = Visibility::NAMES;
const CONSENTS: &[&str] = &["none", "terms", "implicit", "explicit"];
const RISKS: &[&str] = &["none", "sensitive", "flagged"];
const PRECISIONS: &[&str] = Precision::NAMES;
const SOURCES: &[&str] = &["user", "system", "import", "human_agent", "explicit_user_input", "user_setting"];
const CONSTRAINT_KINDS: &[&str] = constraint::Kind::NAMES;
const PATTERNS: &[&str] = &[
    "none",
    "rumination",
    "catastrophic_projection",
    "runaway_counterfactual",
    "certainty_inflation",
    "future_collapse",
    "negative_feedback_loop",
];
const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DIALECTS: &[&str] = &["scoped", "core", "items"];
const PURPOSES: &[&str] = &{
    let mut names = ["none"; Purpose::ALL.len() + 1];
    let mut at = 0;
    while at < Purpose::ALL.len() {
        names[at + 1] = Purpose::ALL[at].name();
        at += 1;
    }
    names
};
const ROLES: &[&str] = &{
    let mut names = [""; Role::ALL.len()];
    let mut at = 0;
    while at < Role::ALL.len() {
        names[at] = Role::ALL[at].name();
        at += 1;
    }
    names
};
const SCOPE_TYPES: &[&str] = &{
    let mut names = [""; ScopeType::ALL.len()];
    let mut at = 0;
    while at < ScopeType::ALL.len() {
        names[at] = ScopeType::ALL[at].name();
        at += 1;
    }
    names
};

use Fallback::{Absent, Bool as B, EmptySet, Epoch, Number as N, Text as T};
use Kind::{Bool, Enum, EnumSet, Number, Open, Ordered, Text, TextSet, Time};

catalogue! {
    MemoryType "memory.type" Enum(TYPES), T("event"), PUSHABLE, "What kind of memory it is.";
    MemoryTruthMode "memory.truth_mode" Enum(TRUTH_MODES), T("factual_claim"), PUSHABLE, "In what sense it is true.";
    MemoryState "memory.state" Ordered(STATES), T("active"), PUSHABLE, "Its state, the least restrictive lowest.";
    MemoryDormant "memory.dormant" Bool, B(false), NOT_PUSHABLE, "Whether it has decayed below the dormancy threshold.";
    MemoryKind "memory.kind" Enum(KINDS), T("none"), PUSHABLE, "A preference's scope; `none` for all else.";
    MemoryDomain "memory.domain" Text, T(""), PUSHABLE, "A preference's domain; empty where it has none.";
    MemoryShape "memory.shape" Enum(SHAPES), T("none"), NOT_PUSHABLE, "A preference's shape; `none` for all else.";
    MemoryConstraintKinds "memory.constraint_kinds" EnumSet(CONSTRAINT_KINDS), EmptySet, NOT_PUSHABLE, "The kinds of an impact's constraints.";
    MemorySensitivityLevel "memory.sensitivity.level" Ordered(LEVELS), T("low"), PUSHABLE, "How sensitive it is.";
    MemorySensitivityCategories "memory.sensitivity.categories" TextSet, EmptySet, PUSHABLE, "What makes it sensitive: trauma, shame, …";
    MemorySensitivityHandling "memory.sensitivity.handling" Enum(HANDLINGS), T("normal"), PUSHABLE, "How its writer asked for it to be handled.";
    MemoryOwnerType "memory.ownership.owner_type" Enum(OWNER_TYPES), T("user"), NOT_PUSHABLE, "What owns it.";
    MemoryOwners "memory.ownership.owners" TextSet, EmptySet, PUSHABLE, "Who owns it.";
    MemoryClaimant "memory.ownership.claimant" Text, T(""), NOT_PUSHABLE, "Who claims it to be so.";
    MemorySubjects "memory.ownership.subjects" TextSet, EmptySet, PUSHABLE, "Whom it is about.";
    MemoryDisputeState "memory.ownership.dispute_state" Enum(DISPUTES), T("undisputed"), PUSHABLE, "Whether its truth is disputed.";
    MemoryVisibility "memory.ownership.visibility" Enum(VISIBILITIES), T("private"), PUSHABLE, "Who may see it beside owners and subjects.";
    MemoryConsent "memory.consent" Ordered(CONSENTS), T("implicit"), NOT_PUSHABLE, "The consent under which it is held, the weakest lowest.";
    MemoryRisk "memory.risk" Ordered(RISKS), T("none"), NOT_PUSHABLE, "How risky it was found to be.";
    MemoryReaders "memory.acl.readers" TextSet, EmptySet, PUSHABLE, "Whom its access list lets read it: `person:ada`, the members of `org:acme`, `as:reviewer`. Empty for a preference.";
    MemoryWriters "memory.acl.writers" TextSet, EmptySet, NOT_PUSHABLE, "Whom its access list lets change it.";
    MemoryAgeDays "memory.age_days" Number, N(0.0), NOT_PUSHABLE, "Whole days since it was created.";
    MemoryStrength "memory.strength" Number, N(1.0), NOT_PUSHABLE, "Its effective strength now, 0 to 1.";
    MemoryCreatedAt "memory.created_at" Time, Epoch, NOT_PUSHABLE, "When it was stored.";
    MemoryObservedAt "memory.temporal.occurred_at_observed" Time, Epoch, NOT_PUSHABLE, "When it was observed to happen.";
    MemoryClaimedAt "memory.temporal.occurred_at_claimed" Time, Absent, NOT_PUSHABLE, "When it is claimed to have happened.";
    MemoryTimePrecision "memory.temporal.time_precision" Enum(PRECISIONS), T("exact"), NOT_PUSHABLE, "How exact the claimed time is.";
    MemoryTimeConfidence "memory.temporal.time_confidence" Number, N(1.0), NOT_PUSHABLE, "How sure the claimed time is, 0 to 1.";
    MemorySource "memory.provenance.source" Enum(SOURCES), T("user"), PUSHABLE, "Where it comes from.";
    MemorySurface "memory.provenance.surface" Text, T(""), NOT_PUSHABLE, "The surface it was written on.";
    MemoryConversation "memory.provenance.conversation_id" Text, T(""), NOT_PUSHABLE, "The conversation it was written in.";
    MemoryConfidence "memory.provenance.confidence" Number, N(1.0), NOT_PUSHABLE, "How sure its source is, 0 to 1.";
    MemoryDerived "memory.provenance.derived" Bool, B(false), NOT_PUSHABLE, "Whether it was derived from other memories.";
    MemoryScopeType "memory.scope.type" Enum(SCOPE_TYPES), T("user"), NOT_PUSHABLE, "What kind of scope it belongs to.";
    MemoryScopeId "memory.scope.id" Text, T(""), NOT_PUSHABLE, "Which scope it belongs to.";
    MemoryNamespace "memory.scope.namespace" Text, T(""), NOT_PUSHABLE, "The subdivision of the tenant.";
    MemoryLabels "memory.labels" TextSet, EmptySet, PUSHABLE, "Its affect labels.";
    MemoryClaimed "memory.claimed_by_principal" Bool, B(false), NOT_PUSHABLE, "Whether the principal's user claims it to be so.";
    MemoryJointlyOwned "memory.jointly_owned_by_principal" Bool, B(false), NOT_PUSHABLE, "Whether the principal may act as its owner: in person, or as a member of the group, the organisation or the scope that owns it.";
    MemoryOwned "memory.owned_by_principal" Bool, B(false), NOT_PUSHABLE, "Whether the principal's user owns it in person; what a group or a scope owns, no member does.";
    MemoryAbout "memory.about_principal" Bool, B(false), NOT_PUSHABLE, "Whether it is about the principal's user: owner, subject, or in that user's scope.";
    MemoryInOwnScope "memory.in_scope_of_principal" Bool, B(false), NOT_PUSHABLE, "Whether it is in the scope of the principal's user, whoever owns it.";
    MemoryReadable "memory.readable_by_principal" Bool, B(false), NOT_PUSHABLE, "Whether ownership, visibility and access list let the principal read it.";
    MemoryWritable "memory.writable_by_principal" Bool, B(false), NOT_PUSHABLE, "Whether the principal may change what it says and erase it: as its owner, or because its access list says so.";
    MemoryWasErased "memory.was_erased" Bool, B(false), NOT_PUSHABLE, "Whether its value was erased in its scope before it was stored.";
    MemoryWithheldFrom "memory.withheld_from" EnumSet(PURPOSES), EmptySet, PUSHABLE, "The purposes that consent was withdrawn for: of those whom it is about, and of what it was derived from.";
    MemoryMetadata "memory.metadata.*" Open, Absent, NOT_PUSHABLE, "What its writer stored beside it; `*` is a dotted path.";
    RequestOperation "request.operation" Text, T(""), NOT_PUSHABLE, "What is being done: `query`, `ingest`, …";
    RequestPurpose "request.purpose" Enum(PURPOSES), T("none"), NOT_PUSHABLE, "Why.";
    RequestDialect "request.dialect" Enum(DIALECTS), T("core"), NOT_PUSHABLE, "Through which API.";
    RequestTool "request.tool" Text, T(""), NOT_PUSHABLE, "Which tool the gate is asked about.";
    RequestIncludeEvents "request.include_events" Bool, B(false), NOT_PUSHABLE, "Whether references to events were asked for.";
    PrincipalRoles "principal.roles" EnumSet(ROLES), EmptySet, NOT_PUSHABLE, "What the principal may be.";
    PrincipalGroups "principal.groups" TextSet, EmptySet, NOT_PUSHABLE, "The scopes it is a member of, as `type:id`.";
    PrincipalUser "principal.user" Text, T(""), NOT_PUSHABLE, "The person it acts for; empty for none.";
    PrincipalTenant "principal.tenant" Text, T(""), NOT_PUSHABLE, "Whose data.";
    PrincipalClient "principal.client" Text, T(""), NOT_PUSHABLE, "The application that calls.";
    PrincipalSystem "principal.system" Bool, B(false), NOT_PUSHABLE, "Whether it is the server's own job.";
    SpiralActive "spiral.active" Bool, B(false), NOT_PUSHABLE, "Whether the scope is in a spiral, before this event.";
    SpiralPattern "spiral.pattern" Enum(PATTERNS), T("none"), NOT_PUSHABLE, "Which pattern.";
    SpiralConfidence "spiral.confidence" Number, N(0.0), NOT_PUSHABLE, "How sure the detection is, 0 to 1.";
    TimeNow "time.now" Time, Epoch, NOT_PUSHABLE, "The time of the request.";
    TimeHour "time.hour" Number, N(0.0), NOT_PUSHABLE, "The hour of the day, 0 to 23, in UTC.";
    TimeWeekday "time.weekday" Enum(WEEKDAYS), T("monday"), NOT_PUSHABLE, "The day of the week, in UTC.";
}

/// What every metadata path begins with.
pub const METADATA_PREFIX: &str = "memory.metadata.";

impl Attribute {
    /// Its row of the catalogue.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        &CATALOGUE[self as usize]
    }

    /// The attribute of that path; a metadata path is [`Attribute::MemoryMetadata`].
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        if path.strip_prefix(METADATA_PREFIX).is_some_and(|rest| !rest.is_empty() && rest != "*") {
            return Some(Self::MemoryMetadata);
        }
        let found = CATALOGUE.iter().find(|entry| entry.path == path)?;
        (found.attribute != Self::MemoryMetadata).then_some(found.attribute)
    }

    /// Whether it describes the memory, and so is open when a query is narrowed.
    #[must_use]
    pub fn is_of_memory(self) -> bool {
        self <= Self::MemoryMetadata
    }

    /// Whether it describes the request.
    #[must_use]
    pub fn is_of_request(self) -> bool {
        (Self::RequestOperation..=Self::RequestIncludeEvents).contains(&self)
    }

    /// What stands in when it is not there.
    #[must_use]
    pub fn fallback(self) -> Value<'static> {
        match self.entry().fallback {
            Absent => Value::Absent,
            B(flag) => Value::Bool(flag),
            N(number) => Value::Number(number),
            T(text) => Value::Text(text),
            Epoch => Value::Time(Timestamp::from_unix_micros(0)),
            EmptySet => Value::EMPTY_SET,
        }
    }
}

/// One thing that an editor can offer while a condition is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Completion {
    /// The attribute's path.
    pub path: &'static str,
    /// The name of its type.
    pub kind: &'static str,
    /// The closed list of its values, where there is one.
    pub values: &'static [&'static str],
    /// What it means.
    pub doc: &'static str,
}

/// The attributes whose path begins with `typed`, in the order of the catalogue.
pub fn completions(typed: &str) -> impl Iterator<Item = Completion> {
    CATALOGUE.iter().filter(move |entry| entry.path.starts_with(typed)).map(|entry| Completion {
        path: entry.path,
        kind: entry.kind.name(),
        values: entry.kind.values(),
        doc: entry.doc,
    })
}

/// The catalogue as a Markdown table. `docs/policy.md` holds it, and a test checks that it is current.
#[must_use]
pub fn markdown() -> String {
    let mut table =
        String::from("| attribute | type | when absent | pushable | meaning |\n|---|---|---|---|---|\n");
    for entry in CATALOGUE {
        let values = entry.kind.values().iter().map(|v| format!("`{v}`")).collect::<Vec<_>>();
        let joint = if matches!(entry.kind, Ordered(_)) { " < " } else { ", " };
        let list = if values.is_empty() { String::new() } else { format!(": {}", values.join(joint)) };
        let fallback = match entry.fallback {
            Absent => "matches nothing".to_owned(),
            B(flag) => format!("`{flag}`"),
            N(number) => format!("`{number}`"),
            T("") => "empty".to_owned(),
            T(text) => format!("`{text}`"),
            Epoch => "1970-01-01".to_owned(),
            EmptySet => "empty set".to_owned(),
        };
        let pushable = if entry.pushable { "yes" } else { "" };
        let (path, kind, doc) = (entry.path, entry.kind.name(), entry.doc);
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{path}` | {kind}{list} | {fallback} | {pushable} | {doc} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_where_its_attribute_says() {
        for (index, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.attribute as usize, index);
            assert_eq!(entry.attribute.is_of_memory(), entry.path.starts_with("memory."), "{}", entry.path);
            assert_eq!(entry.attribute.is_of_request(), entry.path.starts_with("request."), "{}", entry.path);
            let defaulted = match entry.fallback {
                T(text) => entry.kind.values().is_empty() || entry.kind.values().contains(&text),
                EmptySet => entry.kind.is_set(),
                _ => true,
            };
            assert!(defaulted, "{}", entry.path);
            if entry.attribute != Attribute::MemoryMetadata {
                assert_eq!(Attribute::from_path(entry.path), Some(entry.attribute));
            }
        }
        assert_eq!(Attribute::from_path("memory.metadata.a.b"), Some(Attribute::MemoryMetadata));
        assert_eq!(Attribute::from_path("memory.metadata.*"), None);
        assert_eq!(Attribute::from_path("memory.metadata."), None);
    }
}
