//! What a load brings of records beside memories.

use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;

/// Which records are wanted ([`memoryscope_domain::govern::Facts::records`]), as they are now, whatever [`super::Load::as_of`] says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedRecords {
    /// Those of these names, in this order; each once.
    pub named: Vec<(RecordKind, String)>,
    /// A page of a kind.
    pub page: Option<RecordPage>,
}

/// A page of the records of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordPage {
    /// All of them, or those of a group, in order of their ids.
    Listed {
        /// What they are of.
        kind: RecordKind,
        /// Only those that are listed under this.
        group: Option<String>,
        /// Only those behind this id.
        after: Option<String>,
        /// At most so many; [`memoryscope_domain::record::Records::more`] says whether there were more.
        limit: usize,
        /// Whether they are counted, those before and behind the page included.
        counted: bool,
    },
    /// Those that are due, the longest due first, then in order of their ids.
    Due {
        /// What they are of.
        kind: RecordKind,
        /// At or before this time.
        by: Timestamp,
        /// At most so many; [`memoryscope_domain::record::Records::more`] says whether there were more.
        limit: usize,
    },
}

impl WantedRecords {
    /// None.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { named: Vec::new(), page: None }
    }

    /// Whether none is wanted.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.named.is_empty() && self.page.is_none()
    }
}

impl RecordPage {
    /// At most so many.
    #[must_use]
    pub const fn limit(&self) -> usize {
        match self {
            Self::Listed { limit, .. } | Self::Due { limit, .. } => *limit,
        }
    }

    /// What they are of.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Listed { kind, .. } | Self::Due { kind, .. } => *kind,
        }
    }
}
