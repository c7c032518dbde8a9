//! How something felt.

use serde::{Deserialize, Serialize};

use super::list::{Distinct, Log};
use super::number::{Unit, Valence};
use super::text::Label;
use crate::limits;
use crate::time::Timestamp;

/// How something felt at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feeling {
    /// How pleasant.
    pub valence: Valence,
    /// How exciting.
    pub arousal: Unit,
    /// In words.
    pub labels: Distinct<Label, { limits::LABELS_MAX }>,
    /// How sure that is.
    pub confidence: Unit,
}

impl Default for Feeling {
    /// Neutral, calm, and nobody is sure of it.
    fn default() -> Self {
        Self {
            valence: Valence::NEUTRAL,
            arousal: Unit::ZERO,
            labels: Distinct::default(),
            confidence: Unit::ZERO,
        }
    }
}

/// How something felt then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastFeeling {
    /// When that was recorded.
    pub at: Timestamp,
    /// What was recorded.
    pub feeling: Feeling,
}

/// How something feels, and how it felt before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affect {
    /// Now.
    pub feeling: Feeling,
    /// Before, the oldest first.
    #[serde(default, skip_serializing_if = "Log::is_blank")]
    pub history: Log<PastFeeling, { limits::HISTORY_ENTRIES_MAX }>,
}
