//! What is to happen to a memory that is named by its id.

use memoryscope_domain::constraint::Constraint;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::lifecycle::{Step, Updates, Verdict};
use memoryscope_domain::limits;
use memoryscope_domain::object::{Feeling, Note, PastFeeling, Unit};

use super::said::feeling;
use super::scalar::{label, named_or, prose, tenant_id, unit, unit_or};
use crate::wire::{Fields, Shape, any, list_of, object};

/// How much stronger a memory gets where its reinforcement does not say.
const REINFORCEMENT: f64 = 0.1;

fn reason(f: &mut Fields<'_>) -> Option<Note> {
    f.optional("reason", prose())
}

/// A request that makes a step.
pub(in crate::core_v2) trait StepRequest: Shape {
    /// Whose data, and which step.
    fn into_step(self) -> (TenantId, Step);
}

macro_rules! reasoned {
    ($($(#[doc = $doc:literal])+ $request:ident $name:literal $step:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq)]
            pub(in crate::core_v2) struct $request {
                tenant: TenantId,
                reason: Option<Note>,
            }

            impl Shape for $request {
                const NAME: &'static str = $name;

                fn read(f: &mut Fields<'_>) -> Option<Self> {
                    let tenant = f.required("tenant_id", tenant_id());
                    let reason = reason(f);
                    Some(Self { tenant: tenant?, reason })
                }
            }

            impl StepRequest for $request {
                fn into_step(self) -> (TenantId, Step) {
                    (self.tenant, Step::$step { reason: self.reason })
                }
            }
        )+
    };
}

reasoned! {
    /// `POST /v2/memories/{id}/seal`.
    SealRequest "SealMemory" Seal;
    /// `POST /v2/memories/{id}/release`.
    ReleaseRequest "ReleaseMemory" Release;
    /// `POST /v2/memories/{id}/revoke`.
    RevokeRequest "RevokeMemory" Revoke;
}

/// `DELETE /v2/memories/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core_v2) struct EraseRequest {
    pub(in crate::core_v2) tenant: TenantId,
}

impl Shape for EraseRequest {
    const NAME: &'static str = "EraseMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { tenant: f.required("tenant_id", tenant_id())? })
    }
}

/// `POST /v2/memories/{id}/reinforce`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct ReinforceRequest {
    tenant: TenantId,
    delta: Unit,
    reason: Option<Note>,
}

impl Shape for ReinforceRequest {
    const NAME: &'static str = "ReinforceMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let delta = unit_or(f, "delta", Unit::clamped(REINFORCEMENT));
        let reason = reason(f);
        Some(Self { tenant: tenant?, delta: delta?, reason })
    }
}

impl StepRequest for ReinforceRequest {
    fn into_step(self) -> (TenantId, Step) {
        (self.tenant, Step::Reinforce { by: self.delta, reason: self.reason })
    }
}

/// `POST /v2/memories/{id}/dispute`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct DisputeRequest {
    tenant: TenantId,
    reason: Note,
}

impl Shape for DisputeRequest {
    const NAME: &'static str = "DisputeMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let reason = f.required("reason", prose());
        Some(Self { tenant: tenant?, reason: reason? })
    }
}

impl StepRequest for DisputeRequest {
    fn into_step(self) -> (TenantId, Step) {
        (self.tenant, Step::Dispute { reason: self.reason })
    }
}

/// `POST /v2/memories/{id}/attest`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct AttestRequest {
    tenant: TenantId,
    attestation: Note,
    verdict: Verdict,
}

impl Shape for AttestRequest {
    const NAME: &'static str = "AttestMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let attestation = f.required("attestation", prose());
        let verdict = named_or(f, "verdict", (Verdict::ALL, Verdict::name), Verdict::Affirm);
        Some(Self { tenant: tenant?, attestation: attestation?, verdict: verdict? })
    }
}

impl StepRequest for AttestRequest {
    fn into_step(self) -> (TenantId, Step) {
        (self.tenant, Step::Attest { verdict: self.verdict, attestation: self.attestation })
    }
}

/// `POST /v2/memories/{id}/recall`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct RecallRequest {
    tenant: TenantId,
    updates: Updates,
}

impl Shape for RecallRequest {
    const NAME: &'static str = "RecallMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let updates = f.required("updates", object::<Updates>());
        Some(Self { tenant: tenant?, updates: updates? })
    }
}

impl StepRequest for RecallRequest {
    fn into_step(self) -> (TenantId, Step) {
        (self.tenant, Step::Recall(Box::new(self.updates)))
    }
}

/// What no recall changes: such a field is refused by name, with the others that are.
const NEVER: [&str; 11] = [
    "scope",
    "type",
    "truth_mode",
    "state",
    "sensitivity",
    "ownership",
    "content",
    "procedural_payload",
    "somatic_payload",
    "strength",
    "reconsolidation_policy",
];

/// One number in an object of its own.
struct Confidence<const IS_OF_TIME: bool>(Option<Unit>);

impl<const IS_OF_TIME: bool> Shape for Confidence<IS_OF_TIME> {
    const NAME: &'static str = if IS_OF_TIME { "TimeConfidence" } else { "SourceConfidence" };

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self(f.optional(if IS_OF_TIME { "time_confidence" } else { "confidence" }, unit())))
    }
}

/// A feeling in an object of its own.
struct NewFeeling(Feeling);

impl Shape for NewFeeling {
    const NAME: &'static str = "AffectUpdate";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        feeling(f).map(Self)
    }
}

impl Shape for Updates {
    const NAME: &'static str = "MemoryUpdates";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let note = f.optional("note", prose());
        let past = list_of(object::<PastFeeling>(), 1..=limits::HISTORY_ENTRIES_MAX);
        let affect_history = f.optional("affect_history", past).unwrap_or_default();
        let labels = f.optional("labels", list_of(label(), 1..=limits::LABELS_MAX)).unwrap_or_default();
        let constraints = list_of(object::<Constraint>(), 1..=limits::IMPACT_CONSTRAINTS_MAX);
        let constraints = f.optional("constraints", constraints).unwrap_or_default();
        let affect = f.optional("affect", object::<NewFeeling>()).map(|feeling| feeling.0);
        let confidence = f.optional("provenance", object::<Confidence<false>>());
        let time_confidence = f.optional("temporal", object::<Confidence<true>>());
        let sent = NEVER.into_iter().filter_map(|name| {
            f.optional(name, any(limits::BODY_BYTES_MAX))?;
            Some(name.to_owned())
        });
        let never: Vec<String> = sent.collect();
        Some(Self {
            note,
            affect_history,
            labels,
            constraints,
            affect,
            confidence: confidence.and_then(|of_source| of_source.0),
            time_confidence: time_confidence.and_then(|of_time| of_time.0),
            never,
        })
    }
}
