//! What the system holds against a memory, whatever it says itself.

use serde::{Deserialize, Serialize};

use super::{Memory, SubjectRef};
use crate::consent::Purposes;
use crate::object::{Object, OwnerType, Ownership};
use crate::purpose::Purpose;
use crate::scope::{Scope, ScopeType};

/// What nobody wrote into a memory and holds all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Whether its value had been erased before it was stored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_erased: bool,
    /// The purposes from which those whom it is about withhold it.
    #[serde(default, skip_serializing_if = "Purposes::is_empty")]
    pub withheld: Purposes,
    /// The purposes from which what it was derived from is withheld.
    #[serde(default, skip_serializing_if = "Purposes::is_empty")]
    pub inherited: Purposes,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Marks {
    /// None of them.
    pub const NONE: Self = Self { was_erased: false, withheld: Purposes::NONE, inherited: Purposes::NONE };

    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The purposes that it is not read for.
    #[must_use]
    pub const fn purposes(self) -> Purposes {
        self.withheld.and(self.inherited)
    }

    /// Whether it is not read for that one: a hard rule, before any policy.
    #[must_use]
    pub fn withholds(self, purpose: Option<Purpose>) -> bool {
        purpose.is_some_and(|purpose| self.purposes().contains(purpose))
    }

    /// Those of something that is derived from it.
    #[must_use]
    pub const fn handed_down(self) -> Self {
        Self { was_erased: false, withheld: Purposes::NONE, inherited: self.purposes() }
    }
}

impl Memory {
    /// The persons whom it is about: those of whom [`Memory::standing_of`] says how it is.
    #[must_use]
    pub fn persons(&self) -> Vec<SubjectRef> {
        persons_of(&self.scope, self.object())
    }
}

/// The persons whom a memory of that scope is about.
#[must_use]
pub fn persons_of(scope: &Scope, object: Option<&Object>) -> Vec<SubjectRef> {
    let is_a_persons = scope.scope_type == ScopeType::User && !scope.id.is_empty();
    let mut persons: Vec<SubjectRef> =
        is_a_persons.then(|| SubjectRef::of_name(&scope.id)).into_iter().collect();
    if let Some(Ownership { owner_type, owners, subjects, .. }) = object.map(|object| &object.ownership) {
        persons.extend(subjects.iter().map(SubjectRef::of_user));
        if *owner_type == OwnerType::User {
            persons.extend(owners.iter().map(SubjectRef::of_user));
        }
    }
    persons.sort_unstable();
    persons.dedup();
    persons
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::UserId;
    use crate::object::generate;

    proptest! {
        #[test]
        fn persons_are_those_with_a_standing(memory in generate::memory()) {
            let persons = memory.persons();
            let object = memory.object().map(|object| &object.ownership);
            let named = object.iter().flat_map(|its| its.owners.iter().chain(its.subjects.iter()).chain(&its.claimant));
            let named = named.cloned().chain(UserId::parse(&memory.scope.id)).chain(UserId::parse("nobody"));
            for person in named {
                let is_there = persons.contains(&SubjectRef::of_user(&person));
                prop_assert_eq!(is_there, memory.standing_of(&person).is_some(), "{:?}", person);
            }
        }
    }
}
