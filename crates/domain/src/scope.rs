//! Where a memory belongs, and the fixed-size key under which a store keeps what belongs together.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{InvalidId, UserId};

/// What kind of thing a scope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeType {
    /// One person.
    User,
    /// An organisation.
    Org,
    /// An application.
    App,
    /// One session.
    Session,
    /// A project.
    Project,
    /// A case.
    Case,
    /// A role.
    Role,
    /// A group.
    Group,
}

impl ScopeType {
    /// Every scope type, in the order of the specification.
    pub const ALL: [Self; 8] =
        [Self::User, Self::Org, Self::App, Self::Session, Self::Project, Self::Case, Self::Role, Self::Group];

    /// Its name in requests, policies and audit entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Org => "org",
            Self::App => "app",
            Self::Session => "session",
            Self::Project => "project",
            Self::Case => "case",
            Self::Role => "role",
            Self::Group => "group",
        }
    }
}

/// Where a memory belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// What kind of thing it belongs to.
    #[serde(rename = "type")]
    pub scope_type: ScopeType,
    /// Which one.
    pub id: String,
    /// A subdivision of the tenant; empty unless a dialect names one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

impl Scope {
    /// A scope of any type, in the tenant itself: its id is a name as a person's is.
    ///
    /// # Errors
    /// When the id is none: see [`UserId::parse`].
    pub fn named(scope_type: ScopeType, id: &str) -> Result<Self, InvalidId> {
        Ok(Self { scope_type, ..Self::of_user(&UserId::parse(id)?) })
    }

    /// The scope of one person.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self { scope_type: ScopeType::User, id: user.as_str().to_owned(), namespace: String::new() }
    }

    /// The key under which a store keeps this scope's memories together.
    #[must_use]
    pub fn partition(&self) -> Partition {
        let mut hasher = Sha256::new();
        for part in [self.namespace.as_bytes(), self.scope_type.name().as_bytes(), self.id.as_bytes()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest = hasher.finalize();
        let mut key = [0u8; 16];
        key.copy_from_slice(&digest[..16]);
        Partition(key)
    }
}

/// The first 16 bytes of SHA-256 over the length-prefixed (namespace, scope type, scope id): what is indexed, so
/// that a long scope id cannot burst an index key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition(pub [u8; 16]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_differ_wherever_scopes_do() {
        let scope = |scope_type, id: &str, namespace: &str| {
            Scope { scope_type, id: id.to_owned(), namespace: namespace.to_owned() }.partition()
        };
        let base = scope(ScopeType::User, "ab", "");
        assert_eq!(base, scope(ScopeType::User, "ab", ""));
        assert_ne!(base, scope(ScopeType::User, "a", "b"));
        assert_ne!(base, scope(ScopeType::Org, "ab", ""));
        assert_ne!(base, scope(ScopeType::User, "b", "a"));
        let named = Scope::named(ScopeType::Org, " ab ").expect("a name");
        assert_eq!(named.partition(), scope(ScopeType::Org, "ab", ""));
        assert!(Scope::named(ScopeType::Org, " ").is_err());
    }
}
