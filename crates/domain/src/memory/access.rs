//! Whose a memory is, whom it is about, and who may read it: one access list, of which ownership and visibility are
//! spellings.
//!
//! What a person owns and what members own together differ: joining a group opens no seal. So a policy's
//! `memory.owned_by_principal` is about the person, and [`Memory::is_owned_by`], the right to change, is about both.

use std::borrow::Cow;

use super::Memory;
use crate::ids::UserId;
use crate::items::{self, Item, Risk};
use crate::object::{Object, OwnerType, Visibility};
use crate::principal::{Caller, Principal, Role};
use crate::scope::{Scope, ScopeType};
use crate::time::Timestamp;

impl Memory {
    /// Whether the scope is that of the principal's user. A tombstone knows it by its partition.
    #[must_use]
    pub fn is_in_scope_of_user_of(&self, principal: &Principal) -> bool {
        let Some(user) = principal.user.as_ref().filter(|_| self.scope.scope_type == ScopeType::User) else {
            return false;
        };
        if self.scope.id.is_empty() {
            let scope = Scope { id: user.as_str().to_owned(), ..self.scope.clone() };
            return scope.partition() == self.partition;
        }
        self.scope.id == user.as_str()
    }

    /// Whether the principal is a member of the scope. A tombstone knows it by its partition.
    fn is_in_scope_of_group_of(&self, principal: &Principal) -> bool {
        if !self.scope.id.is_empty() {
            return is_member(principal, self.scope.scope_type, &self.scope.id);
        }
        principal.groups.iter().filter_map(|group| group.split_once(':')).any(|(scope_type, id)| {
            scope_type == self.scope.scope_type.name()
                && !id.is_empty()
                && Scope { id: id.to_owned(), ..self.scope.clone() }.partition() == self.partition
        })
    }

    /// The person whose scope it is in, where it is in one's.
    fn person(&self) -> Option<&str> {
        let is_persons = self.scope.scope_type == ScopeType::User && !self.scope.id.is_empty();
        is_persons.then_some(self.scope.id.as_str())
    }

    /// The object, where it has owners of its own.
    fn owned_object(&self) -> Option<&Object> {
        self.object().filter(|object| !object.ownership.owners.is_empty())
    }

    /// What is peculiar to it as an item of the items dialect, where it is one.
    #[must_use]
    pub fn item(&self) -> Option<&Item> {
        self.object()?.item.as_deref()
    }

    /// When it was made: as an item's metadata says, else when it was stored.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        self.item().and_then(|item| item.metadata.created_at).unwrap_or(self.created)
    }

    /// When it was changed last, as far as its history is shown.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        let last = self.object().and_then(|object| object.history.last());
        last.map_or(self.created, |last| last.at)
    }

    /// The names of its owners: those that it names, else the person whose scope it is in, else nobody's.
    #[must_use]
    pub fn owners(&self) -> Vec<&str> {
        match self.owned_object() {
            Some(object) => object.ownership.owners.iter().map(|owner| owner.as_str()).collect(),
            None => self.person().into_iter().collect(),
        }
    }

    /// The persons whom it is about: those that it names, and the one whose scope it is in.
    #[must_use]
    pub fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = self.person().into_iter().collect();
        for subject in self.object().iter().flat_map(|object| object.ownership.subjects.iter()) {
            if !subjects.contains(&subject.as_str()) {
                subjects.push(subject.as_str());
            }
        }
        subjects
    }

    /// Whether the principal's user owns it in person.
    #[must_use]
    pub fn is_owned_in_person_by(&self, principal: &Principal) -> bool {
        match self.owned_object() {
            Some(object) => {
                object.ownership.owner_type == OwnerType::User
                    && principal.user.as_ref().is_some_and(|user| object.ownership.owners.contains(user))
            }
            None => self.is_in_scope_of_user_of(principal),
        }
    }

    /// Whether the principal may act as its owner: its user owns it in person, or it is a member of the group or the
    /// organisation that owns it, or, where nobody is named, of its scope.
    #[must_use]
    pub fn is_owned_by(&self, principal: &Principal) -> bool {
        if let Some(item) = self.item() {
            return item.is_owned_by(principal);
        }
        if self.is_owned_in_person_by(principal) {
            return true;
        }
        let Some(object) = self.owned_object() else {
            return self.scope.scope_type != ScopeType::User && self.is_in_scope_of_group_of(principal);
        };
        let member_of = |scope_type| {
            object.ownership.owners.iter().any(|owner| is_member(principal, scope_type, owner.as_str()))
        };
        match object.ownership.owner_type {
            OwnerType::User | OwnerType::ExternalSource => false,
            OwnerType::Group => member_of(ScopeType::Group),
            OwnerType::Org => member_of(ScopeType::Org),
            OwnerType::System => principal.caller == Caller::System,
        }
    }

    /// Whether it is the scope's own: no owner is named, or none but the person, the group or the organisation whose scope it
    /// is in. What somebody else owns is not the scope's to hand on.
    #[must_use]
    pub fn is_owned_by_its_scope(&self) -> bool {
        let Some(object) = self.owned_object() else { return !self.scope.id.is_empty() };
        let owner_type = match self.scope.scope_type {
            ScopeType::User => OwnerType::User,
            ScopeType::Group => OwnerType::Group,
            ScopeType::Org => OwnerType::Org,
            _ => return false,
        };
        object.ownership.owner_type == owner_type
            && object.ownership.owners.iter().all(|owner| owner.as_str() == self.scope.id)
    }

    /// Whether the principal may change what it says, and erase it: its owners may, and of an item those whom its access list
    /// lets.
    #[must_use]
    pub fn is_writable_by(&self, principal: &Principal) -> bool {
        match self.item() {
            Some(item) => item.is_writable_by(principal),
            None => self.is_owned_by(principal),
        }
    }

    /// Whether it is about the principal's user: who owns it, is its subject, or has it in their scope. A claimant is
    /// nobody that it is about.
    #[must_use]
    pub fn is_about(&self, principal: &Principal) -> bool {
        let Some(user) = &principal.user else { return false };
        self.is_owned_in_person_by(principal)
            || self.is_in_scope_of_user_of(principal)
            || self.object().is_some_and(|object| object.ownership.subjects.contains(user))
    }

    /// Whether the principal's user claims it to be so.
    #[must_use]
    pub fn is_claimed_by(&self, principal: &Principal) -> bool {
        let claimant = self.object().and_then(|object| object.ownership.claimant.as_ref());
        claimant.is_some_and(|claimant| Some(claimant) == principal.user.as_ref())
    }

    /// Whether ownership and visibility let the principal read it. A policy still has to grant it.
    #[must_use]
    pub fn is_readable_by(&self, principal: &Principal) -> bool {
        let Some(object) = self.object() else { return self.is_owned_by(principal) };
        if let Some(item) = &object.item {
            return item.is_readable_by(principal);
        }
        let is_its_own = || self.is_owned_by(principal) || self.is_about(principal);
        match object.ownership.visibility {
            Visibility::Private => is_its_own(),
            Visibility::SharedWithGroup | Visibility::SharedWithOrg => {
                is_its_own() || self.is_in_scope_of_group_of(principal)
            }
            Visibility::RestrictedReview => principal.roles.contains(&Role::Reviewer),
        }
    }

    /// Whether whoever reads a scope that it is bridged to may read it there: what is its own scope's is handed on, but to
    /// reviewers; of anything else the access list says who may read it. A policy still has to grant both.
    #[must_use]
    pub fn is_readable_behind_a_bridge_by(&self, principal: &Principal) -> bool {
        let is_open =
            self.object().is_some_and(|object| object.ownership.visibility != Visibility::RestrictedReview);
        (is_open && self.is_owned_by_its_scope()) || self.is_readable_by(principal)
    }

    /// The access list of an event, an impact or a seed, each reader as one of [`Principal::reads_as`], so that a
    /// store can look for them. Others have none.
    #[must_use]
    pub fn readers(&self) -> Vec<String> {
        let Some(object) = self.object() else { return Vec::new() };
        if let Some(item) = &object.item {
            return item.readers();
        }
        let ownership = &object.ownership;
        if ownership.visibility == Visibility::RestrictedReview {
            return vec![role_reader(Role::Reviewer)];
        }
        let mut readers = Vec::new();
        for owner in ownership.owners.iter() {
            match ownership.owner_type {
                OwnerType::User => readers.push(person_reader(owner.as_str())),
                OwnerType::Group => readers.push(member_reader(ScopeType::Group, owner.as_str())),
                OwnerType::Org => readers.push(member_reader(ScopeType::Org, owner.as_str())),
                OwnerType::System => readers.push(SYSTEM_READER.to_owned()),
                OwnerType::ExternalSource => {}
            }
        }
        readers.extend(self.subjects().into_iter().map(person_reader));
        let is_shared = ownership.visibility != Visibility::Private;
        if is_shared || (ownership.owners.is_empty() && self.scope.scope_type != ScopeType::User) {
            readers.push(member_reader(self.scope.scope_type, &self.scope.id));
        }
        readers.sort_unstable();
        readers.dedup();
        readers
    }
}

/// The server's own jobs, as a reader.
const SYSTEM_READER: &str = "caller:system";

fn person_reader(user: &str) -> String {
    format!("person:{user}")
}

fn role_reader(role: Role) -> String {
    format!("as:{}", role.name())
}

fn member_reader(scope_type: ScopeType, id: &str) -> String {
    format!("{}:{id}", scope_type.name())
}

fn is_member(principal: &Principal, scope_type: ScopeType, id: &str) -> bool {
    !id.is_empty() && principal.groups.contains(&member_reader(scope_type, id))
}

impl Principal {
    /// The caller as it acts on a memory that it names by its id: who acts for nobody in particular acts, in a person's
    /// scope, for that person, as in requests that name the scope.
    #[must_use]
    pub fn acting_on(&self, memory: &Memory) -> Cow<'_, Self> {
        // Of what waits for a review its owner has to ask in person.
        let is_flagged = memory.item().is_some_and(|item| item.policy.risk.value == Risk::Flagged);
        let acts = self.user.is_none() && self.caller == Caller::Client && !is_flagged;
        let person = memory.person().filter(|_| acts);
        match person.and_then(|person| UserId::parse(person).ok()) {
            Some(person) => Cow::Owned(self.clone().acting_for(person)),
            None => Cow::Borrowed(self),
        }
    }

    /// As what it reads: the entries of access lists that are it. `memory.acl.readers` of a memory that it may read
    /// holds one of them.
    ///
    /// A group that it claims counts only where it names a scope, so no group can pass for a person or a role.
    #[must_use]
    pub fn reads_as(&self) -> Vec<String> {
        let names_scope = |group: &&String| {
            items::is_group_of_items(group)
                || group.split_once(':').is_some_and(|(scope_type, id)| {
                    !id.is_empty() && ScopeType::ALL.iter().any(|known| known.name() == scope_type)
                })
        };
        let mut entries: Vec<String> = self.groups.iter().filter(names_scope).cloned().collect();
        entries.extend(self.user.iter().map(|user| person_reader(user.as_str())));
        entries.extend(self.roles.iter().map(|role| role_reader(*role)));
        if self.caller == Caller::System {
            entries.push(SYSTEM_READER.to_owned());
        } else if self.user.is_none() {
            entries.push(items::developer_reader(&self.client));
        }
        entries
    }
}
