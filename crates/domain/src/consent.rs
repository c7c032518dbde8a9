//! For which purposes what is about a person is not used: their word, kept until they take it back.
//!
//! A consent is kept once for each person. What it withholds stands on every memory that is about the person
//! ([`Marks`](crate::memory::Marks)) and on what was derived from it, so that deciding a memory asks for nothing else, and an
//! earlier version says what was withheld then.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::TenantId;
use crate::limits;
use crate::memory::{Memory, SubjectRef, Unreadable};
use crate::purpose::Purpose;
use crate::scope::Scope;

/// Some purposes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purposes(u16);

impl Purposes {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub fn of(purposes: impl IntoIterator<Item = Purpose>) -> Self {
        Self(purposes.into_iter().fold(0, |bits, purpose| bits | Self::bit(purpose)))
    }

    /// All that consent can be withdrawn for. What is held about a person can always be shown to them, audited, and kept in
    /// order.
    #[must_use]
    pub fn withdrawable() -> Self {
        let kept = [Purpose::SubjectAccess, Purpose::ComplianceAudit, Purpose::Maintenance];
        Self::of(Purpose::ALL).minus(Self::of(kept))
    }

    const fn bit(purpose: Purpose) -> u16 {
        1 << purpose as u16
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, purpose: Purpose) -> bool {
        self.0 & Self::bit(purpose) != 0
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them, in the order of the closed list.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.contains(*purpose))
    }
}

impl Serialize for Purposes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Purposes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(Vec::<Purpose>::deserialize(deserializer)?))
    }
}

/// What a person says about purposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it is granted again; else it is withdrawn.
    pub is_grant: bool,
    /// For which purposes.
    pub purposes: Purposes,
    /// Only in these scopes; empty means everywhere.
    pub scopes: Vec<Scope>,
}

/// What a person said of one scope, where that differs from what they said of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InScope {
    /// Which.
    pub scope: Scope,
    /// What is withdrawn there, whatever holds elsewhere.
    pub withdrawn: Purposes,
    /// What is granted there, though it is withdrawn everywhere.
    pub granted: Purposes,
}

/// What a person has withdrawn, and not granted again since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consents {
    /// Whose data.
    pub tenant: TenantId,
    /// Whose word it is.
    #[serde(skip)]
    pub subject: SubjectRef,
    /// Counts their changes, from 1; 0 where nothing was ever said.
    pub version: u64,
    /// Withdrawn wherever nothing else is said.
    pub everywhere: Purposes,
    /// Scopes of which something else is said.
    pub scopes: Vec<InScope>,
}

/// More scopes than one person's consent can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more scopes than a consent keeps apart")]
pub struct TooManyScopes;

impl Consents {
    /// Those of a person who has said nothing.
    #[must_use]
    pub const fn unsaid(tenant: TenantId, subject: SubjectRef) -> Self {
        Self { tenant, subject, version: 0, everywhere: Purposes::NONE, scopes: Vec::new() }
    }

    /// What holds once they have said this; none where it holds already.
    ///
    /// # Errors
    /// Where it would tell more than [`limits::CONSENT_SCOPES_MAX`] scopes apart.
    pub fn after(&self, said: &Said) -> Result<Option<Self>, TooManyScopes> {
        let Said { is_grant, purposes, .. } = *said;
        let mut next = self.clone();
        if said.scopes.is_empty() {
            let before = next.everywhere;
            next.everywhere = if is_grant { before.minus(purposes) } else { before.and(purposes) };
            for one in &mut next.scopes {
                (one.withdrawn, one.granted) = (one.withdrawn.minus(purposes), one.granted.minus(purposes));
            }
        }
        for scope in &said.scopes {
            let at = next.scopes.iter().position(|one| one.scope == *scope).unwrap_or_else(|| {
                let (withdrawn, granted) = (Purposes::NONE, Purposes::NONE);
                next.scopes.push(InScope { scope: scope.clone(), withdrawn, granted });
                next.scopes.len() - 1
            });
            let Some(one) = next.scopes.get_mut(at) else { continue };
            let (withdrawn, granted) = (one.withdrawn.minus(purposes), one.granted.minus(purposes));
            (one.withdrawn, one.granted) = if is_grant {
                (withdrawn, granted.and(purposes))
            } else {
                (withdrawn.and(purposes), granted)
            };
        }
        // What says nothing but what holds everywhere is left out: one consent has one spelling.
        for one in &mut next.scopes {
            let elsewhere = Purposes(one.granted.0 & next.everywhere.0);
            (one.withdrawn, one.granted) = (one.withdrawn.minus(next.everywhere), elsewhere);
        }
        next.scopes.retain(|one| !one.withdrawn.is_empty() || !one.granted.is_empty());
        next.scopes.sort_by(|a, b| a.scope.cmp(&b.scope));
        if next.scopes.len() > limits::CONSENT_SCOPES_MAX {
            return Err(TooManyScopes);
        }
        if next == *self {
            return Ok(None);
        }
        next.version += 1;
        Ok(Some(next))
    }

    /// What is withdrawn in a scope.
    #[must_use]
    pub fn withdrawn_in(&self, scope: &Scope) -> Purposes {
        match self.scopes.iter().find(|one| one.scope == *scope) {
            Some(one) => self.everywhere.minus(one.granted).and(one.withdrawn),
            None => self.everywhere,
        }
    }

    /// Whether nothing is withdrawn.
    #[must_use]
    pub fn withdraws_nothing(&self) -> bool {
        self.everywhere.is_empty() && self.scopes.is_empty()
    }

    /// As stores keep it.
    ///
    /// # Errors
    /// Never for one that this program made; the signature says what serialisation says.
    pub fn write(&self) -> Result<String, Unreadable> {
        let unreadable = |why: serde_json::Error| Unreadable { what: "consent", why: why.to_string() };
        serde_json::to_string(self).map_err(unreadable)
    }

    /// The one that was kept of that person.
    ///
    /// # Errors
    /// When the text is not what [`Consents::write`] writes.
    pub fn read(subject: SubjectRef, text: &str) -> Result<Self, Unreadable> {
        let unreadable = |why: serde_json::Error| Unreadable {
            what: "consent",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        };
        let read: Self = serde_json::from_str(text).map_err(unreadable)?;
        Ok(Self { subject, ..read })
    }
}

/// What those whom a memory is about withhold it from, of whom these consents are known.
#[must_use]
pub fn withheld(memory: &Memory, consents: &[Consents]) -> Purposes {
    if consents.is_empty() {
        return Purposes::NONE;
    }
    let persons = memory.persons();
    let theirs = consents.iter().filter(|one| persons.contains(&one.subject));
    theirs.fold(Purposes::NONE, |all, one| all.and(one.withdrawn_in(&memory.scope)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::UserId;
    use crate::scope::ScopeType;

    fn scope(name: &str) -> Scope {
        Scope::named(ScopeType::Org, name).expect("a scope")
    }

    fn unsaid() -> Consents {
        let ann = SubjectRef::of_user(&UserId::parse("ann").expect("a name"));
        Consents::unsaid(TenantId::default_tenant(), ann)
    }

    #[test]
    fn three_purposes_are_never_withdrawn() {
        let all = Purposes::withdrawable();
        let kept: Vec<&str> =
            Purpose::ALL.into_iter().filter(|one| !all.contains(*one)).map(Purpose::name).collect();
        assert_eq!(kept, ["compliance_audit", "subject_access", "maintenance"]);
    }

    #[test]
    fn what_is_kept_is_read_back_and_names_purposes() {
        let said = |is_grant, scopes: &[&str]| Said {
            is_grant,
            purposes: Purposes::of([Purpose::ChatResponse]),
            scopes: scopes.iter().map(|name| scope(name)).collect(),
        };
        let withdrawn = unsaid().after(&said(false, &[])).expect("few").expect("a change");
        let granted = withdrawn.after(&said(true, &["a"])).expect("few").expect("a change");
        let text = granted.write().expect("a text");
        assert!(text.contains("\"everywhere\":[\"chat_response\"]"), "{text}");
        assert_eq!(Consents::read(granted.subject, &text).expect("what was written"), granted);
        assert!(Consents::read(granted.subject, "{}").is_err());
        assert_eq!(granted.version, 2);
        assert_eq!(granted.after(&said(true, &["a"])), Ok(None));
    }

    #[test]
    fn scopes_are_bounded() {
        let names = (0..=limits::CONSENT_SCOPES_MAX).map(|at| scope(&format!("s{at}")));
        let purposes = Purposes::withdrawable();
        let said = Said { is_grant: false, purposes, scopes: names.collect() };
        assert_eq!(unsaid().after(&said), Err(TooManyScopes));
    }

    proptest! {
        /// The last word about a purpose and a scope holds.
        #[test]
        fn the_last_word_holds(
            words in prop::collection::vec(
                (any::<bool>(), prop::collection::vec(prop::sample::select(Purpose::ALL.to_vec()), 1..4),
                 prop::collection::btree_set(prop::sample::select(vec!["a", "b", "c"]), 0..3)),
                0..12,
            )
        ) {
            let mut consents = unsaid();
            let mut log: Vec<Said> = Vec::new();
            for (is_grant, purposes, scopes) in words {
                let scopes = scopes.into_iter().map(scope).collect();
                let said = Said { is_grant, purposes: Purposes::of(purposes), scopes };
                let next = consents.after(&said).expect("few scopes");
                prop_assert_ne!(next.as_ref(), Some(&consents));
                consents = next.unwrap_or(consents);
                log.push(said);
            }
            for name in ["a", "b", "c", "d"] {
                let here = scope(name);
                let withdrawn = Purposes::of(Purpose::ALL.into_iter().filter(|purpose| {
                    let about = |said: &&Said| {
                        said.purposes.contains(*purpose) && (said.scopes.is_empty() || said.scopes.contains(&here))
                    };
                    log.iter().rev().find(about).is_some_and(|said| !said.is_grant)
                }));
                prop_assert_eq!(consents.withdrawn_in(&here), withdrawn);
            }
        }
    }
}
