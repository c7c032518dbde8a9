//! A memory as a client sends it.

use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::{Body, MemoryType, State};
use memoryscope_domain::object::{
    Affect, Content, Distinct, Fault as Between, Impact, Language, Object, Ownership, Procedural, Provenance,
    ReconsolidationPolicy, Seed, Sensitivity, Somatic, Strength, Temporal, TruthMode,
};
use memoryscope_engine::op::ingest::NewObject;

use super::constraint::{ImpactPayload, SeedPayload, usual_activation};
use super::said::{procedural, somatic};
use super::scalar::{OURS, ScopeInput, named, named_or, steps, tenant_id};
use crate::wire::{Fault, Fields, Shape, Step, choice, object};

/// What a memory can be in this dialect.
pub(super) const TYPES: [MemoryType; 3] = [MemoryType::Event, MemoryType::Impact, MemoryType::Seed];
/// The states that a client can ask for; the policy only tightens.
const STATES: [State; 3] = [State::Active, State::Restricted, State::Sealed];

/// `POST /v2/memories`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core_v2) struct IngestRequest {
    /// Whose data.
    pub(in crate::core_v2) tenant: TenantId,
    /// The memory.
    pub(in crate::core_v2) memory: NewObject,
}

impl Shape for IngestRequest {
    const NAME: &'static str = "MemoryObjectInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let tenant = f.required("tenant_id", tenant_id());
        let memory = new_memory(f);
        Some(Self { tenant: tenant?, memory: memory? })
    }
}

/// The fields that say something, beside what kind of memory it is.
struct Payloads {
    content: Option<Content>,
    affect: Option<Affect>,
    procedural: Option<Procedural>,
    somatic: Option<Somatic>,
    impact: Option<ImpactPayload>,
    seed: Option<SeedPayload>,
}

/// Reads everything but the tenant. What is wrong between fields is found too where a field is wrong by itself: a
/// field that could not be read counts there as what it stands for when it is absent.
pub(super) fn new_memory(f: &mut Fields<'_>) -> Option<NewObject> {
    f.barred("id", OURS);
    let scope = f.required("scope", object::<ScopeInput>());
    let kind = f.required("type", choice(TYPES.map(|kind| (kind.name(), kind))));
    let truth_mode = f.required("truth_mode", named(TruthMode::ALL, TruthMode::name));
    let state = named_or(f, "state", (&STATES, State::name), State::Active);
    let sensitivity = f.optional("sensitivity", object::<Sensitivity>());
    let ownership = f.optional("ownership", object::<Ownership>());
    let temporal = f.optional("temporal", object::<Temporal>());
    let payloads = payloads(f, kind);
    let strength = f.optional("strength", object::<Strength>());
    let provenance = f.optional("provenance", object::<Provenance>());
    let parents_are_known = provenance.is_some() || !f.sends("provenance");
    let of_policies = (ReconsolidationPolicy::ALL, ReconsolidationPolicy::name as fn(_) -> _);
    let never = ReconsolidationPolicy::NeverEditSource;
    let reconsolidation = named_or(f, "reconsolidation_policy", of_policies, never);
    for ours in ["history", "reconsolidation_trace", "created_at", "version"] {
        f.barred(ours, OURS);
    }
    let now = f.now()?;
    let flags = scope.as_ref().map(|scope| scope.flags.clone()).unwrap_or_default();
    let observed = temporal.unwrap_or_else(|| Temporal::observed(now));
    let mut object = Object::new(truth_mode.unwrap_or(TruthMode::FactualClaim), observed);
    object.sensitivity = sensitivity.unwrap_or_default();
    object.ownership = ownership.unwrap_or_default();
    object.strength = strength.unwrap_or_default();
    object.provenance = provenance.unwrap_or_default();
    object.reconsolidation = reconsolidation.unwrap_or(never);
    object.flags = flags;
    let body = body(kind.unwrap_or(MemoryType::Event), object, payloads)?;
    if parents_are_known {
        refuse_sources(&body, f);
    }
    for Between { path, reason } in body.faults(now) {
        f.refuse_between(&steps(path), kind_of(path), reason);
    }
    Some(NewObject { scope: scope?.scope, state: state?, body })
}

/// What is said of a fault between fields, for programs.
fn kind_of(path: &str) -> Fault {
    match path {
        "content" => Fault::Missing,
        "impact_payload.constraints" | "seed_payload.cues" => Fault::TooShort,
        _ => Fault::Invalid,
    }
}

fn payloads(f: &mut Fields<'_>, kind: Option<MemoryType>) -> Payloads {
    // What could not be read says something all the same: its own fault is told, and no other because of it.
    let content = f.optional("content", object::<Content>());
    let unread = || Content::text(Language::default(), "unread").ok();
    let content = content.or_else(|| if f.sends("content") { unread() } else { None });
    let affect = f.optional("affect", object::<Affect>());
    let affect = affect.or_else(|| f.sends("affect").then(Affect::default));
    let impact = f.optional("impact_payload", object::<ImpactPayload>());
    let seed = f.optional("seed_payload", object::<SeedPayload>());
    for (name, of) in [("impact_payload", MemoryType::Impact), ("seed_payload", MemoryType::Seed)] {
        if f.sends(name) && kind.is_some_and(|kind| kind != of) {
            let message = format!("must be absent unless type is {}", of.name());
            f.refuse(name, Fault::NotAllowed, message);
        }
    }
    let procedural = f.optional("procedural_payload", procedural());
    let procedural = procedural.or_else(|| f.sends("procedural_payload").then(Procedural::default));
    let somatic = f.optional("somatic_payload", somatic());
    let somatic = somatic.or_else(|| f.sends("somatic_payload").then(Somatic::default));
    Payloads { content, affect, procedural, somatic, impact, seed }
}

fn body(kind: MemoryType, mut object: Object, payloads: Payloads) -> Option<Body> {
    let Payloads { content, affect, procedural, somatic, impact, seed } = payloads;
    (object.content, object.affect) = (content, affect);
    (object.procedural, object.somatic) = (procedural, somatic);
    Some(match kind {
        MemoryType::Impact => {
            let constraints = impact.map(|payload| payload.0).unwrap_or_default();
            Body::Impact(Box::new(Impact { object, constraints }))
        }
        MemoryType::Seed => {
            let (cues, activation) = match seed {
                Some(payload) => (payload.cues, payload.activation),
                None => (Distinct::default(), usual_activation()?),
            };
            Body::Seed(Box::new(Seed { object, cues, activation }))
        }
        MemoryType::Event | MemoryType::Preference => Body::Event(Box::new(object)),
    })
}

/// A constraint names as its support what its memory was derived from, and nothing that nobody checked its writer
/// may see.
fn refuse_sources(body: &Body, f: &mut Fields<'_>) {
    let Body::Impact(impact) = body else { return };
    let parents = &impact.object.provenance.derived_from;
    for (index, constraint) in impact.constraints.iter().enumerate() {
        if !constraint.source_refs.iter().all(|source| parents.contains(source)) {
            let mut place = steps("impact_payload.constraints");
            place.extend([Step::Index(index), Step::Key("source_refs".into())]);
            f.refuse_between(&place, Fault::Invalid, "must name memories of provenance.derived_from");
        }
    }
}
