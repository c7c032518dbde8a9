//! What a recall may change.

use super::step::Barred;
use crate::constraint::Constraint;
use crate::object::{Distinct, Feeling, Label, Log, Note, Object, PastFeeling, ReconsolidationPolicy, Unit};

/// What a recall wants to change. What it leaves out stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Updates {
    /// A remark for the history.
    pub note: Option<Note>,
    /// How it felt at other times, in addition.
    pub affect_history: Vec<PastFeeling>,
    /// Labels of how it feels, in addition.
    pub labels: Vec<Label>,
    /// Constraints of an impact, in addition.
    pub constraints: Vec<Constraint>,
    /// How it feels, from now on; what it felt before joins the history of its affect.
    pub affect: Option<Feeling>,
    /// How sure its source is.
    pub confidence: Option<Unit>,
    /// How sure its time is.
    pub time_confidence: Option<Unit>,
    /// The paths of fields that no recall changes, as they were sent.
    pub never: Vec<String>,
}

impl Updates {
    /// The paths of the fields that it changes, with the least policy that lets it.
    fn wanted(&self) -> Vec<(&'static str, ReconsolidationPolicy)> {
        use ReconsolidationPolicy::{
            AllowRelabelAffectOnly, AllowUpdateClaimConfidence, AppendOnly, NeverEditSource,
        };
        [
            (self.note.is_some(), "note", NeverEditSource),
            (!self.affect_history.is_empty(), "affect_history", AppendOnly),
            (!self.labels.is_empty(), "labels", AppendOnly),
            (!self.constraints.is_empty(), "constraints", AppendOnly),
            (self.affect.is_some(), "affect", AllowRelabelAffectOnly),
            (self.confidence.is_some(), "provenance.confidence", AllowUpdateClaimConfidence),
            (self.time_confidence.is_some(), "temporal.time_confidence", AllowUpdateClaimConfidence),
        ]
        .into_iter()
        .filter(|(is_wanted, ..)| *is_wanted)
        .map(|(_, path, least)| (path, least))
        .collect()
    }

    /// The paths of the fields that it changes.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        self.wanted().into_iter().map(|(path, _)| path).collect()
    }

    /// The paths of the fields that a policy does not let it change; one of them refuses all.
    #[must_use]
    pub fn refused(&self, policy: ReconsolidationPolicy) -> Vec<String> {
        let beyond = self.wanted().into_iter().filter(|(_, least)| *least > policy);
        beyond.map(|(path, _)| path.to_owned()).chain(self.never.iter().cloned()).collect()
    }

    /// Changes what it wants changed; constraints are their impact's own business.
    pub(super) fn apply(&self, object: &mut Object) -> Result<(), Barred> {
        if let Some(confidence) = self.confidence {
            object.provenance.confidence = confidence;
        }
        if let Some(confidence) = self.time_confidence {
            object.temporal.confidence = confidence;
        }
        if self.affect.is_none() && self.labels.is_empty() && self.affect_history.is_empty() {
            return Ok(());
        }
        let mut affect = object.affect.clone().unwrap_or_default();
        for past in &self.affect_history {
            affect.history.push(past.clone());
        }
        if let Some(feeling) = &self.affect {
            affect.feeling = feeling.clone();
        }
        let labels = affect.feeling.labels.iter().chain(&self.labels).cloned().collect();
        affect.feeling.labels = Distinct::new(labels).map_err(|_| Barred::Full("labels"))?;
        let mut history = affect.history.to_vec();
        if affect.history.dropped() == 0 {
            history.sort_by_key(|past| past.at);
            affect.history = Log::new(history).map_err(|_| Barred::Full("entries of affect_history"))?;
        }
        object.affect = Some(affect);
        Ok(())
    }
}
