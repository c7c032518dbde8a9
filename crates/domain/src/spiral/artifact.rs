//! A spiral that was found, as it is kept: for as long as it lives, the policy knows of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Event, Finding, Lexicon, MINUTE_MICROS, detect};
use crate::ids::{SpiralId, TenantId};
use crate::memory::{Memory, Unreadable};
use crate::policy::{SpiralFacts, SpiralGlobals};
use crate::scope::Partition;
use crate::time::Timestamp;

/// A spiral that was found in a scope. A scope has at most one: a newer one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThoughtPatternArtifact {
    /// Its name.
    pub id: SpiralId,
    /// Whose data.
    pub tenant: TenantId,
    /// The scope.
    pub partition: Partition,
    /// What was found.
    pub finding: Finding,
    /// When.
    pub created: Timestamp,
    /// From when on it does not hold any more.
    pub expires: Timestamp,
}

impl ThoughtPatternArtifact {
    /// What was found at `now`, for as long as the policy says.
    #[must_use]
    pub fn new(
        id: SpiralId,
        tenant: TenantId,
        partition: Partition,
        finding: Finding,
        now: Timestamp,
        globals: &SpiralGlobals,
    ) -> Self {
        // At most a week, by the policy's own bounds; half a microsecond is nobody's concern.
        let micros = libm::round(globals.ttl_minutes * MINUTE_MICROS as f64) as i64;
        Self { id, tenant, partition, finding, created: now, expires: now.plus_micros(micros) }
    }

    /// Whether it holds.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// What policies know of it.
    #[must_use]
    pub fn facts(&self) -> SpiralFacts<'static> {
        SpiralFacts {
            active: true,
            pattern: Some(self.finding.pattern.name()),
            confidence: self.finding.confidence.get(),
        }
    }

    /// As it is kept.
    ///
    /// # Errors
    /// Never for one that this program made.
    pub fn write(&self) -> Result<String, Unreadable> {
        serde_json::to_string(self).map_err(|why| Unreadable { what: "spiral", why: why.to_string() })
    }

    /// The one that was kept.
    ///
    /// # Errors
    /// When the text is not what [`ThoughtPatternArtifact::write`] writes.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map_err(|why| Unreadable {
            what: "spiral",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        })
    }
}

/// What is known of the spirals of the scopes that a request is about.
#[derive(Debug, Clone, Default)]
pub struct Spirals {
    /// Those that hold.
    pub live: BTreeMap<Partition, ThoughtPatternArtifact>,
    /// Where spirals are looked for: what happened in the scope within the day, up to the last twenty events.
    pub recent: BTreeMap<Partition, Vec<Arc<Memory>>>,
    /// What they are told by; the built-in one where none is set.
    pub lexicon: Option<Arc<Lexicon>>,
    /// The names of those that may be found, one for each scope in [`Spirals::recent`].
    pub ids: Vec<SpiralId>,
}

static NONE: Spirals =
    Spirals { live: BTreeMap::new(), recent: BTreeMap::new(), lexicon: None, ids: Vec::new() };

impl Spirals {
    /// None, and none is looked for.
    #[must_use]
    pub fn none() -> &'static Self {
        &NONE
    }

    /// The one that holds in a scope.
    #[must_use]
    pub fn of(&self, partition: Partition) -> Option<&ThoughtPatternArtifact> {
        self.live.get(&partition)
    }

    /// What policies know of a scope's.
    #[must_use]
    pub fn facts_of(&self, partition: Partition) -> SpiralFacts<'static> {
        self.of(partition).map(ThoughtPatternArtifact::facts).unwrap_or_default()
    }

    /// What policies know, for a request that is about one scope.
    #[must_use]
    pub fn facts(&self) -> SpiralFacts<'static> {
        self.live
            .values()
            .next()
            .filter(|_| self.live.len() == 1)
            .map(ThoughtPatternArtifact::facts)
            .unwrap_or_default()
    }

    /// Looks for a spiral in each scope where they are looked for and something new happened. Of a memory of which
    /// `may_see` does not hold, the text is not looked at.
    pub(crate) fn found(
        &self,
        made: &[&Memory],
        now: Timestamp,
        globals: &SpiralGlobals,
        may_see: impl Fn(&Memory) -> bool,
    ) -> Vec<ThoughtPatternArtifact> {
        let lexicon = self.lexicon.as_deref().unwrap_or_else(|| Lexicon::builtin());
        let mut found = Vec::new();
        for ((partition, recent), id) in self.recent.iter().zip(&self.ids) {
            let new = made.iter().copied().filter(|memory| memory.partition == *partition);
            let new: Vec<Event<'_>> = new.filter_map(|memory| Event::of(memory, may_see(memory))).collect();
            let Some(first) = new.first() else { continue };
            let tenant =
                made.iter().find(|memory| memory.id == first.memory).map(|memory| memory.tenant.clone());
            let before = recent.iter().filter_map(|memory| Event::of(memory, may_see(memory)));
            let all: Vec<Event<'_>> = before.chain(new).collect();
            if let (Some(finding), Some(tenant)) = (detect(lexicon, &all), tenant) {
                found.push(ThoughtPatternArtifact::new(*id, tenant, *partition, finding, now, globals));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use super::*;
    use crate::object::Unit;

    #[test]
    fn what_is_kept_is_read_back() {
        let finding = Finding {
            pattern: Pattern::FutureCollapse,
            confidence: Unit::clamped(0.625),
            signals: vec!["no_future".to_owned()],
            window_events: 4,
            window_minutes: 90,
            references: Vec::new(),
        };
        let id = SpiralId::from_uuid(uuid::Uuid::from_u128(7));
        let globals = SpiralGlobals { ttl_minutes: 0.001, ..SpiralGlobals::default() };
        let now = Timestamp::from_unix_micros(5);
        let artifact = ThoughtPatternArtifact::new(
            id,
            TenantId::default_tenant(),
            Partition([3; 16]),
            finding,
            now,
            &globals,
        );
        assert_eq!(artifact.expires, now.plus_micros(60_000));
        assert!(artifact.is_live(now) && !artifact.is_live(artifact.expires));
        let text = artifact.write().expect("it can be written");
        assert_eq!(ThoughtPatternArtifact::read(&text), Ok(artifact));
        assert!(ThoughtPatternArtifact::read("{}").is_err());
        assert!(id.prefixed().starts_with("tpa_"));
    }
}
