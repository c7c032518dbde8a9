//! What is read of one person, and of one namespace.

use memoryscope_domain::audit_chain::Private;
use memoryscope_domain::govern::StoredEntry;
use memoryscope_domain::ids::{MemoryId, UserId};
use memoryscope_domain::memory::{Memory, SubjectRef};
use memoryscope_domain::scope::{Partition, Scope};

/// Which of what is about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSelect {
    /// Who.
    pub user: UserId,
    /// Only memories behind this one.
    pub after: Option<MemoryId>,
    /// How far to look: at so many memories of the tenant behind `after`, at least one. [`memoryscope_domain::govern::Facts::scan_end`] says where that
    /// was, if there are more behind, by its id. None looks at all.
    pub scan: Option<usize>,
    /// At most so many memories; [`memoryscope_domain::govern::Facts::more`] says whether there were more among those that were looked at.
    pub limit: usize,
    /// What is read with them.
    pub with: With,
}

/// What is read with what is about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Nothing.
    Nothing,
    /// Their kin, as [`memoryscope_domain::govern::Facts::kindred`] instead of [`memoryscope_domain::govern::Facts::memories`]: at most so many descendants of each.
    Kin(usize),
    /// Their earlier versions ([`memoryscope_domain::govern::Facts::earlier`]), the grants that were given for the person, the bridges from or to their
    /// scope, and the audit entries about the person, of each at most as many as memories; [`memoryscope_domain::govern::Facts::more`] is true where there are more.
    Everything,
}

/// Which of what is in a namespace, in whatever scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithinSelect {
    /// Which namespace; not the empty one.
    pub namespace: String,
    /// Only memories behind this one.
    pub after: Option<MemoryId>,
    /// How far to look, as [`PersonSelect::scan`].
    pub scan: usize,
    /// At most so many memories; [`memoryscope_domain::govern::Facts::more`] says whether there were more among those that were looked at.
    pub limit: usize,
}

impl WithinSelect {
    /// Whether it is wanted.
    #[must_use]
    pub fn wants(&self, memory: &Memory) -> bool {
        memory.scope.namespace == self.namespace
    }
}

impl PersonSelect {
    /// The partition of the person's own scope.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Scope::of_user(&self.user).partition()
    }

    /// Whether it is wanted: where it is about the person.
    #[must_use]
    pub fn wants(&self, memory: &Memory) -> bool {
        memory.standing_of(&self.user).is_some()
    }

    /// Whether an entry is about the person.
    #[must_use]
    pub fn is_about(&self, stored: &StoredEntry) -> bool {
        let subject = stored.private.as_ref().and_then(Private::subject);
        subject == Some(SubjectRef::of_user(&self.user))
    }
}
