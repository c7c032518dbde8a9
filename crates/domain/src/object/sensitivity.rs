//! How sensitive a memory is, and how its writer asked for it to be handled.

use serde::{Deserialize, Serialize};

use super::list::Distinct;
use super::text::Category;
use crate::constraint::closed_list;
use crate::limits;

closed_list!(
    /// How sensitive a memory is, the least first.
    Level {
        /// Anybody may know.
        Low "low",
        /// What one tells colleagues.
        Medium "medium",
        /// What one tells friends.
        High "high",
        /// What one may tell nobody.
        Critical "critical",
    }
);

closed_list!(
    /// How a memory's writer asked for it to be handled. It is a hard rule: no policy opens what it closes.
    Handling {
        /// As the policy says.
        Normal "normal",
        /// In no prompt and no reconstruction.
        NoPrompt "no_prompt",
        /// Found by its id only, never by a search for text or vectors.
        NoSearch "no_search",
        /// Sealed when it is stored, whatever the rules say.
        SealedDefault "sealed_default",
    }
);

/// How sensitive a memory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// How sensitive.
    pub level: Level,
    /// What makes it so.
    pub categories: Distinct<Category, { limits::LABELS_MAX }>,
    /// How its writer asked for it to be handled.
    pub handling: Handling,
}

impl Default for Sensitivity {
    /// What the policy's catalogue assumes of a memory that does not say.
    fn default() -> Self {
        Self { level: Level::Low, categories: Distinct::default(), handling: Handling::Normal }
    }
}
