//! Who may read and who may change an item, as the items dialect names them: ids of the form `prefix:id`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policy::Risk;
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Members, Notes, Unknown, list_of};
use crate::ids::{InvalidId, UserId};
use crate::limits;
use crate::principal::Role;

closed_list!(
    /// What an entry of an access list names.
    AclKind {
        /// A user whom the server knows by its own id.
        User "user",
        /// A user as the caller's application names them: what an id without a prefix is. Never looked up.
        ExternalUser "external_user",
        /// A workspace. None exist yet.
        Workspace "workspace",
        /// Whoever acts in a role.
        Role "role",
        /// The members of a namespace.
        Namespace "namespace",
        /// The members of an organization.
        Organization "organization",
    }
);

/// One entry of an access list, written `prefix:id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AclId {
    kind: AclKind,
    id: String,
}

/// Why a text is no entry of an access list; it says what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAclId {
    /// What stands before the colon is no known prefix.
    #[error("has an unknown prefix: known are {}; an id without a prefix is an external_user's", prefixes())]
    Prefix,
    /// What stands behind it is no id.
    #[error("{0}")]
    Id(#[from] InvalidId),
    /// No such role.
    #[error("names no role: known are {}", roles())]
    Role,
    /// There are no workspaces.
    #[error(
        "names a workspace, and this server has none: name a user, a role, a namespace or an organization"
    )]
    Workspace,
}

fn prefixes() -> String {
    AclKind::NAMES.iter().map(|name| format!("{name}:")).collect::<Vec<_>>().join(", ")
}

fn roles() -> String {
    Role::ALL.map(Role::name).join(", ")
}

impl AclId {
    /// An entry of a kind.
    ///
    /// # Errors
    /// When the id is blank, over 1,024 bytes or holds a control character; when there is no such role; workspaces.
    pub fn new(kind: AclKind, id: &str) -> Result<Self, InvalidAclId> {
        let id = UserId::parse(id)?;
        match kind {
            AclKind::Role if Role::from_name(id.as_str()).is_none() => Err(InvalidAclId::Role),
            AclKind::Workspace => Err(InvalidAclId::Workspace),
            _ => Ok(Self { kind, id: id.as_str().to_owned() }),
        }
    }

    /// The entry for a user as the caller's application names them.
    #[must_use]
    pub fn of_external_user(user: &UserId) -> Self {
        Self { kind: AclKind::ExternalUser, id: user.as_str().to_owned() }
    }

    /// The entry for a developer without a name that could be one.
    pub(super) fn developer_without_name() -> Self {
        Self { kind: AclKind::User, id: String::new() }
    }

    /// Reads `prefix:id`; without a prefix it is an external user.
    ///
    /// # Errors
    /// When the prefix is not known, or the id is none of its kind.
    pub fn parse(text: &str) -> Result<Self, InvalidAclId> {
        match text.split_once(':') {
            None => Self::new(AclKind::ExternalUser, text),
            Some((prefix, id)) => {
                let kind = AclKind::from_name(prefix.trim()).ok_or(InvalidAclId::Prefix)?;
                Self::new(kind, id)
            }
        }
    }

    /// What it names.
    #[must_use]
    pub const fn kind(&self) -> AclKind {
        self.kind
    }

    /// Which one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it names the members of that namespace.
    #[must_use]
    pub fn is_namespace(&self, id: &str) -> bool {
        self.kind == AclKind::Namespace && self.id == id
    }

    /// Whether the server has to know it: everything but the caller's own users, and roles, which are a closed list.
    #[must_use]
    pub const fn must_exist(&self) -> bool {
        matches!(self.kind, AclKind::User | AclKind::Namespace | AclKind::Organization)
    }
}

impl fmt::Display for AclId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.id)
    }
}

impl TryFrom<String> for AclId {
    type Error = InvalidAclId;
    fn try_from(text: String) -> Result<Self, InvalidAclId> {
        // What a store kept was checked when it came; a role that is gone must not make a memory unreadable.
        let (prefix, id) = text.split_once(':').ok_or(InvalidAclId::Prefix)?;
        let kind = AclKind::from_name(prefix).ok_or(InvalidAclId::Prefix)?;
        Ok(Self { kind, id: id.to_owned() })
    }
}

impl From<AclId> for String {
    fn from(id: AclId) -> Self {
        id.to_string()
    }
}

/// Who may read, and who may change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessList {
    /// Who may read. Whoever may change may read too, whether or not they stand here: see [`AccessList::readers`].
    pub read: BTreeSet<AclId>,
    /// Who may change.
    pub write: BTreeSet<AclId>,
}

impl AccessList {
    /// Who may read: whoever may change may, too.
    pub fn readers(&self) -> impl Iterator<Item = &AclId> {
        self.read.union(&self.write)
    }

    /// Every entry, each once.
    pub fn entries(&self) -> impl Iterator<Item = &AclId> {
        self.readers()
    }

    /// The same list with other entries in the place of its own.
    #[must_use]
    pub fn mapped(&self, map: impl Fn(&AclId) -> AclId) -> Self {
        Self { read: self.read.iter().map(&map).collect(), write: self.write.iter().map(&map).collect() }
    }

    /// The list that holds for an item: the owner may always read and change it, writers may read, and of what is
    /// flagged nobody else may anything, whatever was stated. Nobody stated anything: the owner alone.
    #[must_use]
    pub fn effective(stated: Option<&Self>, owner: &AclId, risk: Risk) -> Self {
        let alone = || BTreeSet::from([owner.clone()]);
        let Some(stated) = stated.filter(|_| risk != Risk::Flagged) else {
            return Self { read: alone(), write: alone() };
        };
        let mut write = stated.write.clone();
        write.insert(owner.clone());
        let read = stated.read.union(&write).cloned().collect();
        Self { read, write }
    }

    /// The twelve lists `<kind>_read_access` and `<kind>_write_access`, all of them, with ids without prefixes.
    #[must_use]
    pub fn granular(&self) -> BTreeMap<&'static str, Vec<&str>> {
        let mut lists: BTreeMap<&'static str, Vec<&str>> =
            GRANULAR.iter().map(|(field, ..)| (*field, Vec::new())).collect();
        for (field, kind, access) in GRANULAR {
            let of_kind = |entry: &&AclId| entry.kind == kind;
            let ids: Vec<&str> = match access {
                Access::Read => self.readers().filter(of_kind).map(AclId::id).collect(),
                Access::Write => self.write.iter().filter(of_kind).map(AclId::id).collect(),
            };
            lists.insert(field, ids);
        }
        lists
    }

    /// `{"read": [...], "write": [...]}`, as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |ids: &BTreeSet<AclId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({"read": list(&self.read), "write": list(&self.write)})
    }

    /// Reads `{"read": [...], "write": [...]}`.
    pub(crate) fn read_json(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Self> {
        let mut members = Members::open(value, at, notes)?;
        let read = members.optional("read", notes, read_ids);
        let write = members.optional("write", notes, read_ids);
        let is_clean = notes.is_clean_at(&members.at());
        members.close(Unknown::Refuse, notes);
        is_clean.then(|| Self { read: read.unwrap_or_default(), write: write.unwrap_or_default() })
    }
}

pub(crate) fn read_ids(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<BTreeSet<AclId>> {
    let ids = list_of(limits::ACL_ENTRIES_MAX, |value, at, notes: &mut Notes| {
        let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
        AclId::parse(text).map_err(|error| notes.wrong::<()>(at, fault_of(&error), error.to_string())).ok()
    })(value, at, notes)?;
    Some(ids.into_iter().collect())
}

pub(crate) const fn fault_of(error: &InvalidAclId) -> Fault {
    match error {
        InvalidAclId::Id(_) => Fault::Invalid,
        InvalidAclId::Prefix | InvalidAclId::Role | InvalidAclId::Workspace => Fault::NotAllowed,
    }
}

/// What an entry of a list lets somebody do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Change, and read.
    Write,
}

/// The twelve lists into which an access list is expanded.
pub const GRANULAR: [(&str, AclKind, Access); 12] = [
    ("user_read_access", AclKind::User, Access::Read),
    ("user_write_access", AclKind::User, Access::Write),
    ("external_user_read_access", AclKind::ExternalUser, Access::Read),
    ("external_user_write_access", AclKind::ExternalUser, Access::Write),
    ("workspace_read_access", AclKind::Workspace, Access::Read),
    ("workspace_write_access", AclKind::Workspace, Access::Write),
    ("role_read_access", AclKind::Role, Access::Read),
    ("role_write_access", AclKind::Role, Access::Write),
    ("namespace_read_access", AclKind::Namespace, Access::Read),
    ("namespace_write_access", AclKind::Namespace, Access::Write),
    ("organization_read_access", AclKind::Organization, Access::Read),
    ("organization_write_access", AclKind::Organization, Access::Write),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<AccessList, Vec<String>> {
        let mut notes = Notes::lenient();
        let read = AccessList::read_json(value, &At::Root("acl"), &mut notes);
        read.ok_or(notes.faults().iter().map(|f| format!("{}: {}", f.field(), f.message)).collect())
    }

    #[test]
    fn ids_have_a_prefix_or_are_external_users() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let parsed = AclId::parse(text).map(|id| id.to_string()).map_err(|error| error.to_string());
            assert_eq!(parsed, expect.map(str::to_owned).map_err(str::to_owned), "{text:?}");
        };
        check("alice", Ok("external_user:alice"));
        check(" external_user: alice ", Ok("external_user:alice"));
        check("external_user:a:b", Ok("external_user:a:b"));
        check("organization:acme", Ok("organization:acme"));
        check("role:reviewer", Ok("role:reviewer"));
        let known = "has an unknown prefix: known are user:, external_user:, workspace:, role:, namespace:, \
                     organization:; an id without a prefix is an external_user's";
        check("team:x", Err(known));
        check(":x", Err(known));
        check("User:x", Err(known));
        check("role:boss", Err("names no role: known are app, agent, reader, reviewer, auditor, admin"));
        check("user:", Err("must not be empty or blank"));
        check("", Err("must not be empty or blank"));
        assert_eq!(AclId::parse("workspace:w"), Err(InvalidAclId::Workspace));
    }

    #[test]
    fn the_owner_keeps_access_writers_read_and_flags_reduce() {
        let owner = AclId::parse("olga").expect("an id");
        let check = |acl: Value, risk: Risk, read_by: &[&str], written_by: &[&str]| {
            let stated = (!acl.is_null()).then(|| read(&acl).expect("a list"));
            let list = AccessList::effective(stated.as_ref(), &owner, risk);
            let ids = |ids: &BTreeSet<AclId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(
                (ids(&list.read), ids(&list.write)),
                (
                    read_by.iter().map(|id| (*id).to_owned()).collect(),
                    written_by.iter().map(|id| (*id).to_owned()).collect(),
                ),
                "{acl}"
            );
        };
        let (olga, ann, acme) = ("external_user:olga", "external_user:ann", "organization:acme");
        check(Value::Null, Risk::None, &[olga], &[olga]);
        check(json!({}), Risk::None, &[olga], &[olga]);
        check(json!({"read": ["organization:acme"]}), Risk::Sensitive, &[olga, acme], &[olga]);
        check(json!({"write": ["ann", "ann"], "read": null}), Risk::None, &[ann, olga], &[ann, olga]);
        check(json!({"read": ["ann"], "write": ["ann"]}), Risk::Flagged, &[olga], &[olga]);
    }

    #[test]
    fn a_list_is_expanded_into_twelve() {
        let list =
            read(&json!({"read": ["organization:acme", "user:u1"], "write": ["ann"]})).expect("a list");
        let granular = list.granular();
        assert_eq!(granular.len(), 12);
        let full: Vec<_> = granular.iter().filter(|(_, ids)| !ids.is_empty()).collect();
        assert_eq!(
            full,
            [
                (&"external_user_read_access", &vec!["ann"]),
                (&"external_user_write_access", &vec!["ann"]),
                (&"organization_read_access", &vec!["acme"]),
                (&"user_read_access", &vec!["u1"]),
            ]
        );
        let text = serde_json::to_string(&list).expect("writes");
        assert_eq!(serde_json::from_str::<AccessList>(&text).expect("reads"), list);
    }

    #[test]
    fn what_is_no_list_is_named() {
        let faults = read(&json!({"read": "ann", "write": [1, "x:y"], "admin": []})).expect_err("faults");
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert_eq!(faults[0], "acl.read: must be a list");
        assert_eq!(faults[3], "acl.admin: is not known here");
        assert_eq!(read(&json!([])).expect_err("faults"), ["acl: must be a JSON object"]);
        let many: Vec<String> = (0..101).map(|n| format!("u{n}")).collect();
        assert_eq!(
            read(&json!({"read": many})).expect_err("faults"),
            ["acl.read: must have at most 100 members"]
        );
    }
}
