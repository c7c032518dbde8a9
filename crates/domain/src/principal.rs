//! Who acts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, UserId};

/// What a caller is allowed to be. `owner` is computed from the memory, never claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An application that acts for its users: the default.
    App,
    /// An autonomous agent.
    Agent,
    /// May read and nothing else.
    Reader,
    /// A person who reviews what was flagged.
    Reviewer,
    /// A person who audits decisions.
    Auditor,
    /// A person who runs the tenant.
    Admin,
}

impl Role {
    /// Every role that can be claimed.
    pub const ALL: [Self; 6] =
        [Self::App, Self::Agent, Self::Reader, Self::Reviewer, Self::Auditor, Self::Admin];

    /// Its name in headers and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Agent => "agent",
            Self::Reader => "reader",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Whether a request comes from outside or from the server's own jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client of one of the dialects.
    Client,
    /// The server's own jobs (expiry, retention) and the operator's commands.
    System,
}

/// Who acts: the subject of every decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose data: the isolation boundary.
    pub tenant: TenantId,
    /// The application that calls; `local` where no keys are in force.
    pub client: String,
    /// The person it acts for, where one is named.
    pub user: Option<UserId>,
    /// What it may be.
    pub roles: BTreeSet<Role>,
    /// Scopes it is a member of, as `type:id`.
    pub groups: BTreeSet<String>,
    /// Outside or inside.
    pub caller: Caller,
}

impl Principal {
    /// The client's name where no keys are in force.
    pub const LOCAL_CLIENT: &'static str = "local";

    /// A caller without a key: role `app`, no user yet.
    #[must_use]
    pub fn local(tenant: TenantId) -> Self {
        Self {
            tenant,
            client: Self::LOCAL_CLIENT.to_owned(),
            user: None,
            roles: BTreeSet::from([Role::App]),
            groups: BTreeSet::new(),
            caller: Caller::Client,
        }
    }

    /// The server itself.
    #[must_use]
    pub fn system(tenant: TenantId) -> Self {
        Self {
            tenant,
            client: "system".to_owned(),
            user: None,
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            caller: Caller::System,
        }
    }

    /// The same caller, acting for that person.
    #[must_use]
    pub fn acting_for(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }
}
