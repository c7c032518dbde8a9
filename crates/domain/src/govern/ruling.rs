//! By which rules something was decided.

use std::sync::Arc;

use super::Ruling;
use crate::policy::{Effect, Trace};

impl Ruling {
    /// How it was denied: by which rules, where rules did it. What is denied as a whole was decided by the request or
    /// by the caller's own proposal, so the rules tell nothing of what is hidden.
    pub(super) fn denying(effect: Effect, traces: impl IntoIterator<Item = Trace>) -> Self {
        let mut ruling = Self::default();
        for trace in traces {
            ruling.rules.add(&trace, effect);
            ruling.trace.get_or_insert(trace);
        }
        ruling
    }

    /// Counts a record that was let through. The trace is the first one's, with every rule that matched for another.
    pub(super) fn count(&mut self, decided: &Trace, effect: Effect) {
        let first = self.rules.iter().next().is_none();
        self.rules.add(decided, effect);
        match &mut self.trace {
            Some(trace) if !first => {
                for rule in &decided.matched_rules {
                    if !trace.matched_rules.contains(rule) {
                        trace.matched_rules.push(Arc::clone(rule));
                    }
                }
            }
            trace => *trace = Some(decided.clone()),
        }
    }
}
