//! What is asked, by whom, and when: everything of a decision that is not the memory.

use super::catalogue::Attribute;
use super::value::Value;
use crate::principal::{Caller, Principal};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// Microseconds in an hour.
const HOUR_MICROS: i64 = 60 * 60 * 1_000_000;

/// Which API a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// `/memory`: preferences by scope.
    Scoped,
    /// `/v2`: events, impacts, seeds.
    Core,
    /// `/v1`: items.
    Items,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Scoped, Self::Core, Self::Items];

    /// Its name in policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scoped => "scoped",
            Self::Core => "core",
            Self::Items => "items",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// The scope's spiral before this request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpiralFacts<'a> {
    /// Whether one is active.
    pub active: bool,
    /// Which pattern; none unless active.
    pub pattern: Option<&'a str>,
    /// How sure the detection is, 0 to 1.
    pub confidence: f64,
}

/// One request, as policies see it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who acts.
    pub principal: &'a Principal,
    /// Why; without one, `request.purpose` is `none`.
    pub purpose: Option<Purpose>,
    /// What is being done: `query`, `ingest`, …
    pub operation: &'a str,
    /// Through which API.
    pub dialect: Dialect,
    /// Which tool the gate is asked about.
    pub tool: Option<&'a str>,
    /// Whether references to events were asked for.
    pub include_events: bool,
    /// When: from the request's context, never a clock.
    pub now: Timestamp,
    /// The scope's spiral.
    pub spiral: SpiralFacts<'a>,
}

impl<'a> Request<'a> {
    /// A request for a purpose, with nothing else to say.
    #[must_use]
    pub fn new(principal: &'a Principal, purpose: Purpose, operation: &'a str, now: Timestamp) -> Self {
        Self {
            principal,
            purpose: Some(purpose),
            operation,
            dialect: Dialect::Core,
            tool: None,
            include_events: false,
            now,
            spiral: SpiralFacts::default(),
        }
    }

    /// What an attribute of the request, the principal, the spiral or the time is worth; [`Value::Absent`]
    /// for a memory's.
    #[must_use]
    pub fn value(&self, attribute: Attribute) -> Value<'a> {
        match attribute {
            Attribute::RequestOperation => Value::Text(self.operation),
            Attribute::RequestPurpose => self.purpose.map_or(Value::Absent, |p| Value::Text(p.name())),
            Attribute::RequestDialect => Value::Text(self.dialect.name()),
            Attribute::RequestTool => self.tool.map_or(Value::Absent, Value::Text),
            Attribute::RequestIncludeEvents => Value::Bool(self.include_events),
            Attribute::PrincipalRoles => Value::Set(&self.principal.roles),
            Attribute::PrincipalGroups => Value::Set(&self.principal.groups),
            Attribute::PrincipalUser => {
                self.principal.user.as_ref().map_or(Value::Absent, |user| Value::Text(user.as_str()))
            }
            Attribute::PrincipalTenant => Value::Text(self.principal.tenant.as_str()),
            Attribute::PrincipalClient => Value::Text(&self.principal.client),
            Attribute::PrincipalSystem => Value::Bool(self.principal.caller == Caller::System),
            Attribute::SpiralActive => Value::Bool(self.spiral.active),
            Attribute::SpiralPattern => self.spiral.pattern.map_or(Value::Absent, Value::Text),
            Attribute::SpiralConfidence => Value::Number(self.spiral.confidence),
            Attribute::TimeNow => Value::Time(self.now),
            Attribute::TimeHour => Value::Number(f64::from(self.hour())),
            Attribute::TimeWeekday => Value::Text(self.weekday()),
            _ => Value::Absent,
        }
    }

    /// The hour of the day in UTC.
    fn hour(&self) -> i32 {
        let hours = self.now.unix_micros().div_euclid(HOUR_MICROS).rem_euclid(24);
        i32::try_from(hours).unwrap_or_default()
    }

    /// The day of the week in UTC. The first of January 1970 was a Thursday.
    fn weekday(&self) -> &'static str {
        match self.now.unix_micros().div_euclid(24 * HOUR_MICROS).rem_euclid(7) {
            0 => "thursday",
            1 => "friday",
            2 => "saturday",
            3 => "sunday",
            4 => "monday",
            5 => "tuesday",
            _ => "wednesday",
        }
    }
}
