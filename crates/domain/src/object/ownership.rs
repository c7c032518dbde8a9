//! Whose a memory is, who says so, whom it is about, and who else may see it.

use serde::{Deserialize, Serialize};

use super::list::Distinct;
use crate::constraint::closed_list;
use crate::ids::UserId;
use crate::limits;

closed_list!(
    /// What the owners are. Only a person can own in person; a group's or an organisation's members own together.
    OwnerType {
        /// Persons.
        User "user",
        /// Groups: the members of `group:<owner>`.
        Group "group",
        /// Organisations: the members of `org:<owner>`.
        Org "org",
        /// The server's own jobs.
        System "system",
        /// Something outside that nobody acts for.
        ExternalSource "external_source",
    }
);

closed_list!(
    /// Whether a memory's truth is disputed.
    DisputeState {
        /// Nobody disputes it.
        Undisputed "undisputed",
        /// Nobody has confirmed it.
        Unverified "unverified",
        /// Somebody disputes it.
        Disputed "disputed",
        /// Attestations contradict each other.
        Contested "contested",
    }
);

impl DisputeState {
    /// Whether it keeps a memory out of prompts and tool decisions.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Disputed | Self::Contested)
    }
}

closed_list!(
    /// Who may see a memory: a spelling of an access list.
    Visibility {
        /// Its owners and subjects.
        Private "private",
        /// The members of its scope as well.
        SharedWithGroup "shared_with_group",
        /// The members of its scope as well.
        SharedWithOrg "shared_with_org",
        /// Reviewers, and nobody else.
        RestrictedReview "restricted_review",
    }
);

/// The name of an owner, a claimant or a subject. What an owner is the name of, [`OwnerType`] says.
pub type Party = UserId;

/// Whose a memory is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// What the owners are.
    pub owner_type: OwnerType,
    /// Who owns it. Where nobody is named, it belongs to its scope.
    pub owners: Distinct<Party, { limits::PARTIES_MAX }>,
    /// Who claims it to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimant: Option<Party>,
    /// The persons whom it is about, beside the person whose scope it is in.
    pub subjects: Distinct<Party, { limits::PARTIES_MAX }>,
    /// Whether its truth is disputed.
    pub dispute_state: DisputeState,
    /// Who may see it.
    pub visibility: Visibility,
}

impl Default for Ownership {
    /// What the policy's catalogue assumes of a memory that does not say.
    fn default() -> Self {
        Self {
            owner_type: OwnerType::User,
            owners: Distinct::default(),
            claimant: None,
            subjects: Distinct::default(),
            dispute_state: DisputeState::Undisputed,
            visibility: Visibility::Private,
        }
    }
}
