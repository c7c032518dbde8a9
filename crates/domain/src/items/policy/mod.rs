//! How a memory is to be treated: what is stated, by whom, and what follows.
//!
//! Each field of a [`MemoryPolicy`] is stated or not: one that says what would hold anyway is stated all the same, and
//! beats what lies below it. Null is not stated.

#[cfg(test)]
mod laws;
mod layers;
mod legacy;
pub mod merge;
mod read;
mod request;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::acl::AccessList;
use crate::constraint::closed_list;
use crate::graph::{EdgeConstraint, GivenEdge, GivenNode, Name, NodeConstraint};

pub use layers::{Layers, Resolved};
pub use merge::{EffectivePolicy, GraphPlan, Stated, merge};
pub use read::PolicyPlace;
pub(crate) use read::{read_consent, read_risk};
pub use request::{GraphField, RequestPolicy};

closed_list!(
    /// Who makes the graph of a memory.
    Mode {
        /// An extractor does, within the constraints.
        Auto "auto",
        /// Nobody: exactly the given nodes and edges are made.
        Manual "manual",
        /// There is none. Only the nested form of a policy can say it.
        None "none",
    }
);

impl Mode {
    /// The names that `memory_policy.mode` publishes.
    pub const PUBLISHED: &'static [&'static str] = &["auto", "manual"];
}

closed_list!(
    /// How the one whose data it is allowed that it is kept; the weakest lowest.
    Consent {
        /// They did not: it is kept, and used for nothing.
        None "none",
        /// By terms of service.
        Terms "terms",
        /// By what they do.
        Implicit "implicit",
        /// They said so.
        Explicit "explicit",
    }
);

closed_list!(
    /// How risky it was found to be; the least lowest.
    Risk {
        /// It is safe.
        None "none",
        /// It is marked.
        Sensitive "sensitive",
        /// It waits for review, and only its owner sees it.
        Flagged "flagged",
    }
);

closed_list!(
    /// Where a field of an effective policy comes from, lowest first.
    Layer {
        /// What holds where nobody says anything.
        System "system",
        /// The namespace's default policy.
        Namespace "namespace",
        /// A constraint of a type in the schema.
        Type "type",
        /// The schema's default policy.
        Schema "schema",
        /// The request's metadata, copied up.
        Metadata "metadata",
        /// The request.
        Request "request",
        /// Who reviewed it.
        Review "review",
    }
);

/// Which schema: as the caller names it.
pub type SchemaId = Name;

/// What one layer says of how a memory is to be treated. `None` is silence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryPolicy {
    /// Who makes its graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whose types and defaults hold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<SchemaId>,
    /// The nodes to be made in manual mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<GivenNode>>,
    /// The edges to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationships: Option<Vec<GivenEdge>>,
    /// What becomes of extracted nodes; of each type one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_constraints: Option<Vec<NodeConstraint>>,
    /// What becomes of extracted edges; of each filter one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_constraints: Option<Vec<EdgeConstraint>>,
    /// How its owner allowed that it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// How risky it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Who may read and change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<AccessList>,
}
