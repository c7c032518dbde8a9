//! Why a decision came out as it did: rule ids, reasons and a hint, and nothing of the memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::effect::Effect;
use super::hint::Hint;

/// A rule's name, shared with its policy.
pub type RuleId = Arc<str>;

/// Why a decision came out as it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The policy that decided.
    pub policy_version: Arc<str>,
    /// The hash of its text.
    pub policy_hash: Arc<str>,
    /// The rules that matched, in the order of the document.
    pub matched_rules: Vec<RuleId>,
    /// The rules that could not be tested: they restrict as if they had matched, and grant nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub erred_rules: Vec<RuleId>,
    /// What was asked, and what came of it.
    #[serde(serialize_with = "by_name")]
    pub effects: Vec<Verdict>,
    /// The reasons of the rules that decided, in the order of the document, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Arc<str>>,
    /// What the request would have to be like, for the first effect that was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_grant: Option<Hint>,
}

/// What came of one effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Which.
    #[serde(skip)]
    pub effect: Effect,
    /// Whether it is allowed.
    pub allowed: bool,
    /// What decided.
    pub by: DecidedBy,
    /// The rules that did, in the order of the document; the first is *the* deciding rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleId>,
}

/// What decided about an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// Rules that matched.
    Rule,
    /// Rules that could not be tested, and deny.
    ErredRule,
    /// `defaults` allow it.
    Default,
    /// No rule grants it that counts, and no default does.
    NoGrant,
    /// It may not be read, so it may not be in a prompt.
    NotReadable,
}

/// `{allow_read: {…}, …}`, in the order in which they were asked.
fn by_name<S: Serializer>(verdicts: &[Verdict], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(verdicts.iter().map(|verdict| (verdict.effect.name(), verdict)))
}

impl Trace {
    /// What came of an effect, if it was asked about.
    #[must_use]
    pub fn verdict(&self, effect: Effect) -> Option<&Verdict> {
        self.effects.iter().find(|verdict| verdict.effect == effect)
    }

    /// Whether an effect was asked about, and is allowed.
    #[must_use]
    pub fn allows(&self, effect: Effect) -> bool {
        self.verdict(effect).is_some_and(|verdict| verdict.allowed)
    }
}

/// How often each rule decided over many decisions: what is stored with an access.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RuleCounts(BTreeMap<RuleId, u64>);

impl RuleCounts {
    /// Counts the rules that decided about `effect`.
    pub fn add(&mut self, trace: &Trace, effect: Effect) {
        for rule in trace.verdict(effect).into_iter().flat_map(|verdict| &verdict.rules) {
            match self.0.get_mut(rule) {
                Some(count) => *count += 1,
                None => {
                    self.0.insert(Arc::clone(rule), 1);
                }
            }
        }
    }

    /// Rules and their counts, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&RuleId, u64)> {
        self.0.iter().map(|(rule, count)| (rule, *count))
    }
}
