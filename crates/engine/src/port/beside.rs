//! What a search looks at beside what holds its words: what is nearest in meaning, and what stands beside that in conversations.

use std::collections::BTreeSet;

use memoryscope_domain::limits;
use memoryscope_domain::retrieval::Anchor;
use memoryscope_domain::vector::{ModelKey, Vector};

/// The memories of a scope that are nearest to something.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Whose vectors are compared.
    pub model: ModelKey,
    /// What they are near to.
    pub vector: Vector,
    /// Only those whose cosine is above this.
    pub least: f64,
    /// So many of these, the nearest first, then by id, whatever the filter says of their memories;
    /// [`memoryscope_domain::vector::Nearest::more`] says whether there are more.
    pub limit: usize,
}

/// No bound is no number.
impl Eq for Near {}

/// The memories beside others in their conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// Beside these.
    pub anchors: BTreeSet<Anchor>,
    /// So many on each side. Where one of them is turned down, there may be more behind it:
    /// [`memoryscope_domain::govern::Facts::is_cut`].
    pub reach: usize,
}

impl Around {
    /// Nothing.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { anchors: BTreeSet::new(), reach: limits::NEIGHBOUR_ROWS }
    }
}
