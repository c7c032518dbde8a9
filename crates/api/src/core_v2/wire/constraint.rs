//! Constraints, and the payloads of impacts and seeds.

use memoryscope_domain::constraint::{
    Constraint, ConstraintParts, InvalidConstraint, InvalidParamReason, Kind, Merge, Name, Params,
    Provenance, Strategy, Target, Term, TieBreaker,
};
use memoryscope_domain::ids::ConstraintId;
use memoryscope_domain::limits;
use memoryscope_domain::object::{Activation, Cue, Distinct, List, Unit};
use serde_json::{Value, json};
use uuid::Uuid;

use super::scalar::{OURS, distinct, line, list, list_or_empty, memory_id, named, steps, unit_or};
use crate::wire::{
    Decode, Fault, FieldError, Fields, Notes, Path, Shape, list_of, number, object, object_of_any, string,
    time, whole,
};

/// What a constraint that a client sends is called until it is stored: its name is minted with its memory's.
pub(in crate::core_v2) const UNNAMED: ConstraintId = ConstraintId::from_uuid(Uuid::nil());

/// The confidence that a seed asks of a match, where its writer does not say: what derived seeds ask for.
const SEED_CONFIDENCE: f64 = 0.3;
/// How long a seed rests, in seconds, where its writer does not say: as long as derived seeds do.
const SEED_COOLDOWN_SECONDS: u32 = 3_600;

fn term() -> impl Decode<Out = Term> {
    string().trimmed().chars(1..=limits::CONSTRAINT_TERM_CHARS_MAX).parsed(|text: &String| Term::parse(text))
}

fn name() -> impl Decode<Out = Name> {
    string().trimmed().chars(1..=limits::CONSTRAINT_NAME_CHARS_MAX).parsed(|text: &String| Name::parse(text))
}

/// The parameters of a kind; of any where the kind itself is wrong.
struct ParamsOf(Option<Kind>);

impl Decode for ParamsOf {
    type Out = Params;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<Params> {
        let members = object_of_any(limits::PAYLOAD_BYTES_MAX).decode(value, at, notes)?;
        let faults = match Params::read(self.0?, &members) {
            Ok(params) => return Some(params),
            Err(faults) => faults,
        };
        for fault in faults {
            let kind = match fault.reason {
                InvalidParamReason::Missing => Fault::Missing,
                InvalidParamReason::Unknown => Fault::UnknownField,
                InvalidParamReason::NotText | InvalidParamReason::NotBool => Fault::WrongType,
                InvalidParamReason::NotOne | InvalidParamReason::Term(_) => Fault::Invalid,
            };
            let member = Path::Key(at, &fault.name);
            let at = if fault.name.is_empty() { at } else { &member };
            notes.push(FieldError::new(at, kind, fault.reason.to_string()));
        }
        None
    }

    fn schema(&self) -> Value {
        let term = json!({"type": "string", "minLength": 1});
        let members = |names: &[&str]| -> Value {
            let properties: serde_json::Map<_, _> =
                names.iter().map(|name| ((*name).to_owned(), term.clone())).collect();
            json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
        };
        let mut safety = members(&["mode"]);
        safety["properties"]["consent_required"] = json!({"type": "boolean"});
        let said = ["content_class", "topic", "behavior", "tone_profile", "format", "boundary_type"];
        let mut kinds: Vec<Value> = said.iter().map(|name| members(&[*name])).collect();
        kinds.extend([members(&["attribute", "value"]), safety]);
        json!({"type": "object", "anyOf": kinds,
            "description": "By kind: avoid {content_class | topic}, prefer {attribute, value}, require {behavior}, \
                tone {tone_profile}, style {format}, boundary {boundary_type}, safety {mode, consent_required}, \
                clarify_first and ask_permission {topic}. At most three words each."})
    }
}

impl Shape for Merge {
    const NAME: &'static str = "ConstraintMergeInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let slot = f.required("slot", name());
        let strategy = f.required("strategy", named(Strategy::ALL, Strategy::name));
        let breakers = list_of(named(TieBreaker::ALL, TieBreaker::name), 0..=TieBreaker::ALL.len());
        let tie_breakers = list_or_empty(f, "tie_breakers", breakers);
        let is_repeated = |named: &[TieBreaker]| (1..named.len()).any(|at| named[..at].contains(&named[at]));
        if tie_breakers.as_deref().is_some_and(is_repeated) {
            f.refuse("tie_breakers", Fault::Invalid, "must name each tie-breaker once");
        }
        Some(Self { slot: slot?, strategy: strategy?, tie_breakers: tie_breakers? })
    }
}

impl Shape for Constraint {
    const NAME: &'static str = "ConstraintInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        f.barred("constraint_id", OURS);
        let kind = f.required("kind", named(Kind::ALL, Kind::name));
        let topic = f.required("topic", term());
        let target = f.required("target", named(Target::ALL, Target::name));
        let rule = f.required("rule", name());
        let params = f.required("params", ParamsOf(kind));
        let weight = f.or("weight", number(0.0..=f64::MAX), 1.0);
        let priority = whole(i64::from(i32::MIN)..=i64::from(i32::MAX));
        let priority = f.or_shown("priority", priority.parsed(|number: &i64| i32::try_from(*number)), 0, 0);
        let confidence = unit_or(f, "confidence", Unit::ONE);
        f.barred("created_at", OURS);
        let expires_at = f.optional("expires_at", time());
        if expires_at.is_some_and(|end| f.now().is_some_and(|now| end <= now)) {
            f.refuse("expires_at", Fault::Invalid, "must lie in the future");
        }
        let source_refs = list_of(memory_id(), 0..=limits::CONSTRAINT_SOURCES_MAX);
        let source_refs = list_or_empty(f, "source_refs", source_refs);
        f.barred("provenance", OURS);
        let merge = f.required("merge", object::<Merge>());
        let parts = ConstraintParts {
            constraint_id: UNNAMED,
            topic: topic?,
            target: target?,
            rule: rule?,
            params: params?,
            weight: weight?,
            priority: priority?,
            confidence: confidence?.get(),
            created_at: f.now()?,
            expires_at,
            source_refs: source_refs?,
            provenance: Provenance::default(),
            merge: merge?,
        };
        // Its faults are told above, in this dialect's words; what remains is told at the field it names.
        let told =
            |fault: InvalidConstraint| f.refuse_between(&steps(&fault.field), Fault::Invalid, fault.reason);
        Self::new(parts).map_err(|faults| faults.into_iter().for_each(told)).ok()
    }
}

/// What an impact is made of.
pub(super) struct ImpactPayload(pub(super) List<Constraint, { limits::IMPACT_CONSTRAINTS_MAX }>);

impl Shape for ImpactPayload {
    const NAME: &'static str = "ImpactPayloadInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self(f.required("constraints", list(object::<Constraint>()))?))
    }
}

impl Shape for Activation {
    const NAME: &'static str = "ActivationInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let min_confidence = unit_or(f, "min_confidence", Unit::clamped(SEED_CONFIDENCE));
        let seconds = whole(0..=i64::from(limits::COOLDOWN_SECONDS_MAX));
        let seconds = seconds.parsed(|seconds: &i64| u32::try_from(*seconds));
        let cooldown = f.or_shown("cooldown_seconds", seconds, SEED_COOLDOWN_SECONDS, SEED_COOLDOWN_SECONDS);
        Self::new(min_confidence?, cooldown?).ok()
    }
}

/// What a seed is made of.
pub(super) struct SeedPayload {
    pub(super) cues: Distinct<Cue, { limits::CUES_MAX }>,
    pub(super) activation: Activation,
}

/// When a seed sprouts whose writer does not say.
pub(super) fn usual_activation() -> Option<Activation> {
    Activation::new(Unit::clamped(SEED_CONFIDENCE), SEED_COOLDOWN_SECONDS).ok()
}

impl Shape for SeedPayload {
    const NAME: &'static str = "SeedPayloadInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let cues = f.required("cues", distinct(line()));
        let activation = f.optional("activation", object::<Activation>());
        Some(Self { cues: cues?, activation: activation.or_else(usual_activation)? })
    }
}
