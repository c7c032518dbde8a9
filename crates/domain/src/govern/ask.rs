//! What is asked of the policy.

use super::{About, Authority, Origin};
use crate::ids::{MemoryId, UserId};
use crate::lifecycle::Step;
use crate::policy::{Dialect, Request};
use crate::principal::Principal;
use crate::purpose::Purpose;
use crate::scope::{Partition, Scope};
use crate::spiral::Spirals;
use crate::subject::Deed;
use crate::time::Timestamp;

/// What is asked of the policy.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for, where one is named.
    pub purpose: Option<Purpose>,
    /// The operation's name.
    pub operation: &'static str,
    /// Which public API speaks.
    pub dialect: Dialect,
    /// When.
    pub now: Timestamp,
    /// By what right.
    pub authority: Authority,
    /// What it is about.
    pub about: About,
    /// Whether references to events were asked for.
    pub include_events: bool,
    /// Whether it only shows again what an idempotency key did.
    pub repeat: bool,
    /// What is to happen to the memory that it names.
    pub step: Option<&'a Step>,
    /// The tool whose gate is asked, and the memories that are to be its evidence.
    pub tool: Option<(&'a str, &'a [MemoryId])>,
    /// The scope that it is about, where it names one.
    pub scope: Option<&'a Scope>,
    /// What is known of the spirals of the scopes that it is about.
    pub spirals: &'a Spirals,
    /// The person whom it is about.
    pub person: Option<&'a UserId>,
    /// What is to happen to everything that is about the person.
    pub deed: Option<&'a Deed>,
    /// Where what it proposes comes from.
    pub origin: Origin,
}

impl Ask<'_> {
    /// As policies see it, where it is about one scope.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            principal: self.principal,
            purpose: self.purpose,
            operation: self.operation,
            dialect: self.dialect,
            tool: self.tool.map(|(name, _)| name),
            include_events: self.include_events,
            now: self.now,
            spiral: self.spirals.facts(),
        }
    }

    /// As policies see it for a memory of a scope.
    pub(super) fn request_in(&self, partition: Partition) -> Request<'_> {
        Request { spiral: self.spirals.facts_of(partition), ..self.request() }
    }
}
