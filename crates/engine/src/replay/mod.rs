//! Decisions that were made before, made again: as of the same commit, at the same time, by the same policy.
//!
//! Nothing here writes. What comes of it is shown by operations of its own ([`crate::op::replay`],
//! [`crate::op::explain`]), which decide anew who may see what.

mod again;
pub(crate) mod canonical;
pub(crate) mod inputs;
pub(crate) mod request;
mod simulate;

use std::sync::Arc;

use memoryscope_domain::audit_chain::{AuditKey, Draft, PrivateCheck, Verdict as Outcome};
use memoryscope_domain::govern::{self, Looking, StoredEntry};
use memoryscope_domain::ids::{AuditId, TenantId};
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::{Filter, Policy};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::time::Timestamp;

use self::again::Explains;
pub use self::again::{Again, Answer};
use self::inputs::Inputs;
use self::request::Request;
pub use self::request::replayable;
pub use self::simulate::Simulated;
use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::op::explain::{Explain, ExplainedLog};
use crate::op::replay::{Instead, Replay, Replayed, purpose_of_looking};
use crate::op::spiral::Active;
use crate::port::{BridgesTo, Load, Rights, Select, StoreError, WantedRecords};
use crate::refusal::Refusal;

/// Why a decision cannot be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayable {
    /// Its operation is none that can be asked again: it changed something, or gave a token.
    #[error("{0} is not replayed")]
    OtherOperation(String),
    /// The request was erased, with its person.
    #[error("the request was erased")]
    RequestErased,
    /// What stands beside the entry is not what was written with it.
    #[error("the request is not the one that was written")]
    RequestDiffers,
    /// It was written by a version that kept less of the request, or by one that this one does not know.
    #[error("another version wrote it")]
    OfAnotherVersion,
    /// The policy that decided is not kept.
    #[error("the policy that decided is not kept")]
    PolicyLost,
    /// A change was still to follow, and what it hid for as long cannot be told any more.
    #[error("a change was still to be followed then")]
    WasPending,
    /// It was ranked by meaning, and vectors that counted then are gone: of what was sealed or changed since.
    #[error("vectors that it was ranked by are gone")]
    IndexChanged,
}

impl NotReplayable {
    /// A word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherOperation(_) => "other_operation",
            Self::RequestErased => "request_erased",
            Self::RequestDiffers => "request_differs",
            Self::OfAnotherVersion => "of_another_version",
            Self::PolicyLost => "policy_lost",
            Self::WasPending => "was_pending",
            Self::IndexChanged => "index_changed",
        }
    }

    /// All words.
    pub const CODES: [&'static str; 7] = [
        "other_operation",
        "request_erased",
        "request_differs",
        "of_another_version",
        "policy_lost",
        "was_pending",
        "index_changed",
    ];
}

/// How a decision that was made again compares with the one that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// In everything that was recorded of it.
    Identical,
    /// In these parts, of `decision`, `reason`, `memories`, `rules`, `value`, it differs.
    Differs(Vec<&'static str>),
    /// It differs, and something that it may have looked at was erased since.
    InputsErased,
    /// It could not be made again.
    NotReplayable(NotReplayable),
}

/// What a request is asked anew with, in place of what it had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Override {
    /// For this purpose.
    pub purpose: Option<Purpose>,
    /// By this policy: a version's name, or the hash of a kept one.
    pub policy_version: Option<String>,
    /// At this time.
    pub time: Option<Timestamp>,
}

impl Override {
    /// Whether it leaves everything as it was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.purpose.is_none() && self.policy_version.is_none() && self.time.is_none()
    }
}

/// A recorded decision, read back.
pub(crate) struct Recorded {
    pub(crate) draft: Draft,
    pub(crate) subject: SubjectRef,
    pub(crate) cx: Context,
    pub(crate) request: Request,
    pub(crate) inputs: Inputs,
    pub(crate) policy: Arc<Policy>,
}

/// A recorded decision with what came of making it again.
pub(crate) struct Remade {
    pub(crate) recorded: Recorded,
    pub(crate) again: Again,
    pub(crate) comparison: Comparison,
}

impl Engine {
    /// Makes a decision again that stands in the chain, and compares. Nothing is written, and nothing of what it saw
    /// leaves: this is for an operator who checks a whole store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn check(&self, stored: &StoredEntry) -> Result<Comparison, StoreError> {
        Ok(match self.remade(stored, Explains::Nothing).await? {
            Ok(remade) => remade.comparison,
            Err(why) => Comparison::NotReplayable(why),
        })
    }

    /// Makes a logged decision again, and shows of it what the caller may see now.
    ///
    /// # Errors
    /// As [`Engine::run`]; [`Refusal::Hidden`] where there is no such decision, or none of this caller's.
    pub async fn replay(
        &self,
        cx: &Context,
        log: AuditId,
        overridden: Override,
    ) -> Result<Done<Replayed>, Refusal> {
        let mut op = Replay::of(log, overridden);
        if let Some(stored) = self.peek(cx, log).await? {
            match self.remade(&stored, Explains::Nothing).await? {
                Err(why) => op.cannot(why),
                Ok(remade) if op.overridden.is_empty() => op.made(cx, remade, None),
                Ok(remade) => {
                    let instead = self.overridden(cx, &remade.recorded, &op.overridden).await?;
                    let as_it_was = purpose_of_looking(cx, remade.recorded.request.purpose());
                    let ids = remade.again.memory_ids.clone();
                    let visible = self.visible_now(cx, Some(as_it_was), ids).await?;
                    op.made(cx, remade, Some(Instead { again: instead, visible }));
                }
            }
        }
        self.run(cx, &op).await
    }

    /// Explains a logged decision, as far as the caller may see now what it was about.
    ///
    /// # Errors
    /// As [`Engine::replay`].
    pub async fn explain(&self, cx: &Context, log: AuditId) -> Result<Done<ExplainedLog>, Refusal> {
        let mut op = Explain::of(log);
        if let Some(stored) = self.peek(cx, log).await? {
            let is_auditor = cx.principal.roles.contains(&Role::Auditor);
            let explains = if is_auditor { Explains::All } else { Explains::Seen };
            match self.remade(&stored, explains).await? {
                Err(why) => op.cannot(why, stored.entry.parse().ok().map(|record| record.draft)),
                Ok(remade) => {
                    let spiral = self.spiral_told(cx, &remade.recorded).await?;
                    op.made(cx, remade, spiral);
                }
            }
        }
        self.run(cx, &op).await
    }

    /// The spiral that held where a request was about one scope, as far as the caller may know of it now.
    async fn spiral_told(&self, cx: &Context, recorded: &Recorded) -> Result<Option<Active>, StoreError> {
        let spirals = &recorded.inputs.spirals;
        let Some(scope) = recorded.request.scope().filter(|_| !spirals.live.is_empty()) else {
            return Ok(None);
        };
        let (tenant, store) = (&cx.principal.tenant, &*self.ports().store);
        let active = store.load(&as_of_now(tenant, cx.now, Select::Nothing)).await?.active_policy;
        let policy = self.policies().active(tenant, active.as_deref(), store).await?;
        let looking = Looking { principal: &cx.principal, purpose: None, dialect: cx.dialect, now: cx.now };
        Ok(govern::spiral_told(&policy, looking, spirals, scope).map(Active::of))
    }

    /// The entry, if it is the caller's to look at. The operation that shows it decides that again, and says so in the
    /// chain.
    async fn peek(&self, cx: &Context, log: AuditId) -> Result<Option<StoredEntry>, StoreError> {
        let load = as_of_now(&cx.principal.tenant, cx.now, Select::Entry(log));
        let entry = self.ports().store.load(&load).await?.facts.entries.into_iter().next();
        Ok(entry.filter(|stored| cx.principal.may_look_at(stored)))
    }

    /// Reads a recorded decision back.
    async fn recorded(&self, stored: &StoredEntry) -> Result<Result<Recorded, NotReplayable>, StoreError> {
        let Ok(record) = stored.entry.parse() else { return Ok(Err(NotReplayable::OfAnotherVersion)) };
        let Some(private) = &stored.private else { return Ok(Err(NotReplayable::RequestErased)) };
        let (Some(subject), Ok(object)) = (private.subject(), private.object()) else {
            return Ok(Err(NotReplayable::RequestDiffers));
        };
        let (cx, request) = match request::read(&record.draft, &object) {
            Ok(read) => read,
            Err(why) => return Ok(Err(why)),
        };
        let Some(inputs) = inputs::read(&record.draft.tenant, &object) else {
            return Ok(Err(NotReplayable::OfAnotherVersion));
        };
        if inputs.has_pending {
            return Ok(Err(NotReplayable::WasPending));
        }
        let hash = record.draft.policy.hash.to_string();
        let Some(policy) = self.policies().kept(&record.draft.tenant, &hash, &*self.ports().store).await?
        else {
            return Ok(Err(NotReplayable::PolicyLost));
        };
        Ok(Ok(Recorded { draft: record.draft, subject, cx, request, inputs, policy }))
    }

    async fn remade(
        &self,
        stored: &StoredEntry,
        explains: Explains,
    ) -> Result<Result<Remade, NotReplayable>, StoreError> {
        let recorded = match self.recorded(stored).await? {
            Ok(recorded) => recorded,
            Err(why) => return Ok(Err(why)),
        };
        let again =
            self.again(&recorded, &recorded.cx, &recorded.request, &recorded.policy, None, explains).await?;
        let Ok(record) = stored.entry.parse() else { return Ok(Err(NotReplayable::OfAnotherVersion)) };
        let check = record.check_private(stored.private.as_ref(), again.subject_key.as_ref());
        if check == PrivateCheck::Differs {
            return Ok(Err(NotReplayable::RequestDiffers));
        }
        let comparison = compared(&recorded.draft, &again);
        Ok(Ok(Remade { recorded, again, comparison }))
    }

    /// Asks the request anew, otherwise than it was asked; none where there is no such policy. Who may not look at
    /// everything gets what comes of what they may see now: nothing of the rest may show in it.
    async fn overridden(
        &self,
        cx: &Context,
        recorded: &Recorded,
        instead: &Override,
    ) -> Result<Option<Again>, Refusal> {
        let policy = match &instead.policy_version {
            None => Arc::clone(&recorded.policy),
            Some(version) if *version == **recorded.policy.version() => Arc::clone(&recorded.policy),
            Some(version) => {
                let (tenant, store) = (&recorded.draft.tenant, &*self.ports().store);
                let active = store.load(&as_of_now(tenant, cx.now, Select::Nothing)).await?.active_policy;
                match self.policies().named(tenant, version, active.as_deref(), store).await? {
                    Some(policy) => policy,
                    None => return Ok(None),
                }
            }
        };
        let then = Context { now: instead.time.unwrap_or(recorded.cx.now), ..recorded.cx.clone() };
        let request = match instead.purpose {
            Some(purpose) => recorded.request.clone().for_purpose(purpose),
            None => recorded.request.clone(),
        };
        let among = (!cx.principal.may_look_at_all_decisions()).then_some(cx);
        Ok(Some(self.again(recorded, &then, &request, &policy, among, Explains::Nothing).await?))
    }
}

/// A load of what is there now, for nobody in particular.
pub(crate) fn as_of_now(tenant: &TenantId, now: Timestamp, select: Select) -> Load {
    Load {
        tenant: tenant.clone(),
        now,
        select,
        filter: Filter::Everything,
        subject: SubjectRef::TENANT,
        idempotency: None,
        as_of: None,
        rights: Rights::default(),
        records: WantedRecords::nothing(),
        bridges: BridgesTo::default(),
        spirals: Vec::new(),
    }
}

/// In what a decision that was made again differs from what was recorded of it.
fn compared(draft: &Draft, again: &Again) -> Comparison {
    let rules = draft.rules.iter().map(|(rule, count)| (&**rule, *count));
    let value = |key: &AuditKey| again.canonical.as_ref().map(|bytes| key.value(bytes));
    // Without the key of the person, the digest says nothing any more; entries of old have none.
    let has_value = draft.value_digest.is_some() && draft.decision == Outcome::Allowed;
    let is_same_value =
        !has_value || again.subject_key.as_ref().is_none_or(|key| value(key) == draft.value_digest);
    let parts = [
        ("decision", again.decision == draft.decision),
        ("reason", again.reason == draft.reason_code),
        ("memories", again.memories() == draft.memories),
        ("rules", again.rules.iter().map(|(rule, count)| (&**rule, *count)).eq(rules)),
        ("value", is_same_value),
    ];
    let differing: Vec<&str> = parts.iter().filter(|(_, same)| !same).map(|(part, _)| *part).collect();
    match differing.is_empty() {
        true => Comparison::Identical,
        false if again.is_short_of_inputs => Comparison::InputsErased,
        false if again.is_of_another_index => Comparison::NotReplayable(NotReplayable::IndexChanged),
        false => Comparison::Differs(differing),
    }
}
