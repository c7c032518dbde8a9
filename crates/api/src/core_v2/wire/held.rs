//! How sensitive a memory is, whose it is, when it happened, how strong it is and where it comes from.

use memoryscope_domain::limits;
use memoryscope_domain::object::{
    DecayModel, Derivation, DisputeState, HalfLifeDays, Handling, Level, OwnerType, Ownership, Precision,
    Provenance, Sensitivity, Source, Strength, Temporal, TimeRange, TransformStep, Unit, Visibility,
};

use super::scalar::{
    OURS, category, distinct, line, list, list_or_empty, memory_id, named_or, party, unit, unit_or,
};
use crate::wire::{Decode as _, Fault, Fields, Shape, number, object, time};

impl Shape for Sensitivity {
    const NAME: &'static str = "SensitivityInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let default = Self::default();
        let level = named_or(f, "level", (Level::ALL, Level::name), default.level);
        let categories = list_or_empty(f, "categories", distinct(category()));
        let handling = named_or(f, "handling", (Handling::ALL, Handling::name), default.handling);
        Some(Self { level: level?, categories: categories?, handling: handling? })
    }
}

impl Shape for Ownership {
    const NAME: &'static str = "OwnershipInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let default = Self::default();
        let owner_type = named_or(f, "owner_type", (OwnerType::ALL, OwnerType::name), default.owner_type);
        let owners = list_or_empty(f, "owners", distinct(party()));
        let claimant = f.optional("claimant", party());
        let subjects = list_or_empty(f, "subjects", distinct(party()));
        let of_disputes = (DisputeState::ALL, DisputeState::name as fn(_) -> _);
        let dispute_state = named_or(f, "dispute_state", of_disputes, default.dispute_state);
        let visibility = named_or(f, "visibility", (Visibility::ALL, Visibility::name), default.visibility);
        Some(Self {
            owner_type: owner_type?,
            owners: owners?,
            claimant,
            subjects: subjects?,
            dispute_state: dispute_state?,
            visibility: visibility?,
        })
    }
}

/// The ends of a claimed range; which go together is said of both.
struct Ends(TimeRange);

impl Shape for Ends {
    const NAME: &'static str = "TimeRangeInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let was_wrong = |sent: bool, read: bool| sent && !read;
        let start = f.optional("start", time());
        let start_is_wrong = was_wrong(f.sends("start"), start.is_some());
        let end = f.optional("end", time());
        if start_is_wrong || was_wrong(f.sends("end"), end.is_some()) {
            return None;
        }
        match TimeRange::new(start, end) {
            Ok(range) => Some(Self(range)),
            Err(_) if start.is_some() => {
                f.refuse("end", Fault::Invalid, "must not lie before start");
                None
            }
            Err(_) => {
                f.refuse("start", Fault::Missing, "is required where there is no end");
                None
            }
        }
    }
}

impl Shape for Temporal {
    const NAME: &'static str = "TemporalInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let observed = f.optional("occurred_at_observed", time());
        let claimed = f.optional("occurred_at_claimed", time());
        let precision = named_or(f, "time_precision", (Precision::ALL, Precision::name), Precision::Exact);
        let confidence = unit_or(f, "time_confidence", Unit::ONE);
        let range = f.optional("range", object::<Ends>());
        let ordering_uncertainty = unit_or(f, "ordering_uncertainty", Unit::ZERO);
        match (precision, f.sends("range")) {
            (Some(Precision::Range), false) => {
                f.refuse("range", Fault::Missing, "is required where time_precision is range");
            }
            (Some(precision), true) if precision != Precision::Range => {
                f.refuse("range", Fault::NotAllowed, "must be absent unless time_precision is range");
            }
            _ => {}
        }
        // What could not be read counts as absent, so that what only the time of the request can tell is told as well.
        let mut time = Self::observed(observed.or_else(|| f.now())?);
        time.claimed = claimed;
        time.confidence = confidence.unwrap_or(Unit::ONE);
        time.ordering_uncertainty = ordering_uncertainty.unwrap_or(Unit::ZERO);
        let range = range.map(|ends| ends.0);
        Some(precision.and_then(|precision| time.with_precision(precision, range).ok()).unwrap_or(time))
    }
}

impl Shape for Strength {
    const NAME: &'static str = "StrengthInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let default = Self::default();
        let initial = unit_or(f, "initial", default.initial);
        let current = f.optional("current", unit());
        let decay_model =
            named_or(f, "decay_model", (DecayModel::ALL, DecayModel::name), default.decay_model);
        let days = number(limits::HALF_LIFE_DAYS_MIN..=limits::HALF_LIFE_DAYS_MAX);
        let days = days.parsed(|days: &f64| HalfLifeDays::new(*days));
        let half_life = f.or_shown("half_life_days", days, default.half_life, default.half_life.get());
        let last_reinforced = f.optional("last_reinforced_at", time());
        f.barred("effective", "is computed when a memory is read: leave it out");
        let initial = initial.unwrap_or(default.initial);
        Some(Self {
            initial,
            current: current.unwrap_or(initial),
            decay_model: decay_model.unwrap_or(default.decay_model),
            half_life: half_life.unwrap_or(default.half_life),
            last_reinforced,
        })
    }
}

impl Shape for TransformStep {
    const NAME: &'static str = "TransformStepInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let transform_id = f.required("transform_id", line());
        let version = f.required("version", line());
        Some(Self { transform_id: transform_id?, version: version? })
    }
}

impl Shape for Provenance {
    const NAME: &'static str = "ProvenanceInput";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let default = Self::default();
        let source = named_or(f, "source", (Source::ALL, Source::name), default.source);
        let surface = f.optional("surface", line());
        let conversation_id = f.optional("conversation_id", line());
        let derived_from = list_or_empty(f, "derived_from", distinct(memory_id()));
        let transform_chain = list_or_empty(f, "transform_chain", list(object::<TransformStep>()));
        f.barred("policy_version", OURS);
        let confidence = unit_or(f, "confidence", default.confidence);
        Some(Self {
            source: source?,
            surface,
            conversation_id,
            derived_from: derived_from?,
            transform_chain: transform_chain?,
            derivation: Derivation::Asserted,
            policy_version: None,
            confidence: confidence?,
            ..Self::default()
        })
    }
}
