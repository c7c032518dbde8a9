//! `spiral.get`: whether a scope is in a spiral.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::memory::{SubjectRef, persons_of};
use memoryscope_domain::object::Unit;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::spiral::{Pattern, ThoughtPatternArtifact};
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan, SpiralUse};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "spiral.get", audit: Code::literal("SPIRAL_GET"), changes: false };

/// Asks whether a scope is in a spiral. Who may not know is answered as if there were none.
#[derive(Debug, Clone)]
pub struct GetSpiral {
    /// Whose.
    pub scope: Scope,
}

/// A spiral that holds, as it is told: never by which signals or events it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// Which pattern.
    pub pattern: Pattern,
    /// How surely.
    pub confidence: Unit,
    /// Until when it holds.
    pub expires: Timestamp,
}

impl Active {
    pub(crate) const fn of(spiral: &ThoughtPatternArtifact) -> Self {
        let finding = &spiral.finding;
        Self { pattern: finding.pattern, confidence: finding.confidence, expires: spiral.expires }
    }
}

impl Operation for GetSpiral {
    type Output = Option<Active>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::AskSpiral
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    fn persons(&self) -> Vec<SubjectRef> {
        persons_of(&self.scope, None)
    }

    fn spirals(&self) -> SpiralUse {
        SpiralUse::ForEffects
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "scope_type": self.scope.scope_type.name(), "scope_id": self.scope.id });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        Ok(Plan::answer(seen.spiral().map(Active::of)))
    }
}
