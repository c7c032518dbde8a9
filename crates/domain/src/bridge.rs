//! Bridges: what one scope lets another see of it, by reference (docs/bridges.md).
//!
//! A bridge has one direction and copies nothing: whoever reads its target is shown memories of its source as these are at
//! that moment, each decided in full. So what is sealed, revoked or erased in the source is gone from the target at once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{BridgeId, TenantId};
use crate::memory::{MemoryType, Unreadable};
use crate::principal::Principal;
use crate::purpose::Purpose;
use crate::scope::{Scope, ScopeType};
use crate::time::Timestamp;

/// Which types of memories cross.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carries {
    /// Events.
    pub events: bool,
    /// Impacts.
    pub impacts: bool,
    /// Seeds.
    pub seeds: bool,
}

impl Carries {
    /// Whether memories of this type cross. Preferences never do.
    #[must_use]
    pub const fn holds(self, memory_type: MemoryType) -> bool {
        match memory_type {
            MemoryType::Event => self.events,
            MemoryType::Impact => self.impacts,
            MemoryType::Seed => self.seeds,
            MemoryType::Preference => false,
        }
    }

    /// The types that cross, in the order of the specification.
    #[must_use]
    pub fn types(self) -> Vec<MemoryType> {
        let all = [MemoryType::Event, MemoryType::Impact, MemoryType::Seed];
        all.into_iter().filter(|memory_type| self.holds(*memory_type)).collect()
    }
}

/// A bridge from one scope to another. Nothing of it changes but whether it was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its name.
    pub id: BridgeId,
    /// Whose data.
    pub tenant: TenantId,
    /// Whose memories cross.
    pub source: Scope,
    /// Whose readers see them.
    pub target: Scope,
    /// For these purposes, of which there is one at least.
    pub purposes: BTreeSet<Purpose>,
    /// Of these types, of which there is one at least.
    pub carries: Carries,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is as if it had never been.
    pub expires: Option<Timestamp>,
    /// When it was removed, if it was: since then it is as if it had never been.
    pub removed: Option<Timestamp>,
}

impl Bridge {
    /// Whether it stands.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.removed.is_none() && self.expires.is_none_or(|end| now < end)
    }

    /// Whether something may cross it for this purpose.
    #[must_use]
    pub fn serves(&self, purpose: Purpose, now: Timestamp) -> bool {
        self.is_live(now) && self.purposes.contains(&purpose)
    }

    /// Whether a scope is at one of its ends.
    #[must_use]
    pub fn touches(&self, scope: &Scope) -> bool {
        self.source == *scope || self.target == *scope
    }

    /// The same bridge, removed.
    #[must_use]
    pub fn remove(&self, now: Timestamp) -> Self {
        Self { removed: Some(now), ..self.clone() }
    }

    /// As it is kept.
    ///
    /// # Errors
    /// Never for one that this program made.
    pub fn write(&self) -> Result<String, Unreadable> {
        serde_json::to_string(self).map_err(|why| Unreadable { what: "bridge", why: why.to_string() })
    }

    /// The one that was kept.
    ///
    /// # Errors
    /// When the text is not what [`Bridge::write`] writes.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map_err(|why| Unreadable {
            what: "bridge",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        })
    }
}

impl Principal {
    /// Whether a scope is its own: its user's, or one that it is a member of. Such a principal owns what the scope holds for
    /// all of its members, and reads what is bridged to it.
    #[must_use]
    pub fn acts_for(&self, scope: &Scope) -> bool {
        if scope.id.is_empty() {
            return false;
        }
        match scope.scope_type {
            ScopeType::User => self.user.as_ref().is_some_and(|user| user.as_str() == scope.id),
            other => self.groups.contains(&format!("{}:{}", other.name(), scope.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    fn bridge() -> Bridge {
        Bridge {
            id: BridgeId::from_uuid(uuid::Uuid::from_u128(7)),
            tenant: TenantId::default_tenant(),
            source: Scope::named(ScopeType::User, "ann").unwrap(),
            target: Scope::named(ScopeType::Project, "apollo").unwrap(),
            purposes: BTreeSet::from([Purpose::ChatResponse]),
            carries: Carries { impacts: true, ..Carries::default() },
            created: Timestamp::from_unix_micros(1),
            expires: Some(Timestamp::from_unix_micros(10)),
            removed: None,
        }
    }

    #[test]
    fn a_bridge_serves_its_purposes_until_it_ends() {
        let check = |bridge: &Bridge, purpose, at, expected| {
            assert_eq!(bridge.serves(purpose, Timestamp::from_unix_micros(at)), expected, "{purpose:?} {at}");
        };
        check(&bridge(), Purpose::ChatResponse, 9, true);
        check(&bridge(), Purpose::ChatResponse, 10, false);
        check(&bridge(), Purpose::TaskExecution, 9, false);
        check(&Bridge { expires: None, ..bridge() }, Purpose::ChatResponse, i64::MAX, true);
        check(&bridge().remove(Timestamp::from_unix_micros(2)), Purpose::ChatResponse, 3, false);
    }

    #[test]
    fn a_bridge_is_read_as_it_was_written() {
        for one in
            [bridge(), bridge().remove(Timestamp::from_unix_micros(2)), Bridge { expires: None, ..bridge() }]
        {
            assert_eq!(Bridge::read(&one.write().unwrap()), Ok(one));
        }
        assert!(Bridge::read("{}").is_err());
    }

    #[test]
    fn a_scope_is_its_users_or_its_members() {
        let check = |user: Option<&str>, group: &str, scope_type, id: &str, expected| {
            let mut principal = Principal::local(TenantId::default_tenant());
            principal.user = user.map(|user| UserId::parse(user).unwrap());
            principal.groups.insert(group.to_owned());
            let scope = Scope { scope_type, id: id.to_owned(), namespace: String::new() };
            assert_eq!(principal.acts_for(&scope), expected, "{user:?} {group} {scope:?}");
        };
        check(Some("ann"), "", ScopeType::User, "ann", true);
        check(Some("bob"), "", ScopeType::User, "ann", false);
        check(None, "user:ann", ScopeType::User, "ann", false);
        check(Some("ann"), "project:apollo", ScopeType::Project, "apollo", true);
        check(Some("apollo"), "", ScopeType::Project, "apollo", false);
        check(None, "org:apollo", ScopeType::Project, "apollo", false);
        check(None, "project:", ScopeType::Project, "", false);
    }
}
