//! Who may look at schemas, and who may change them.
//!
//! That is no matter of policy: a schema says nothing of anybody. Its scope and its access lists say it.

use super::{Ask, Facts, Reason, Ruling, Verdict, allowed, refused};
use crate::graph::schema::{SchemaScope, StoredSchema};
use crate::principal::{Caller, Principal, Role};

/// Leaves what the caller may read. Where it wants to change what it may only read, it is denied; what it may not read
/// is as if it were not there.
pub(super) fn decide(ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let principal = ask.principal;
    facts.schemas.retain(|stored| stored.may_be_read_by(principal));
    let changes = ask.authority == super::Authority::ChangeSchemas;
    if changes && !facts.schemas.iter().all(|stored| stored.may_be_changed_by(principal)) {
        return refused(Reason::RoleDenied, Ruling::default(), None);
    }
    allowed(ask, facts, Ruling::default())
}

impl StoredSchema {
    /// Whether the principal may read it, and use it for memories: an organization's or a namespace's is everybody's of the
    /// tenant; another is its maker's, and theirs whom its access lists name.
    #[must_use]
    pub fn may_be_read_by(&self, principal: &Principal) -> bool {
        if self.tenant != principal.tenant {
            return false;
        }
        let is_shared = matches!(self.schema.scope, SchemaScope::Organization | SchemaScope::Namespace);
        let is_named = self.schema.read_access.iter().any(|entry| entry.is(principal));
        is_shared || is_named || self.may_be_changed_by(principal)
    }

    /// Whether the principal may change it: its maker, the client that made it where it acts for nobody, whom its access
    /// list names, and admins.
    #[must_use]
    pub fn may_be_changed_by(&self, principal: &Principal) -> bool {
        if self.tenant != principal.tenant {
            return false;
        }
        let is_maker = self.client == principal.client
            && principal.user.as_ref().is_none_or(|user| Some(user) == self.user.as_ref());
        let is_trusted = principal.roles.contains(&Role::Admin) || principal.caller == Caller::System;
        is_maker || is_trusted || self.schema.write_access.iter().any(|entry| entry.is(principal))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::graph::Schema;
    use crate::ids::{SchemaId, TenantId, UserId};
    use crate::time::Timestamp;

    fn stored(user: Option<&str>, more: &Value) -> StoredSchema {
        let mut body = json!({"name": "n", "node_types": {"Task": {"name": "Task"}}});
        let members = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(members);
        StoredSchema {
            id: SchemaId::from_uuid(Uuid::from_u128(1)),
            tenant: TenantId::default_tenant(),
            client: "one".to_owned(),
            user: user.map(|user| UserId::parse(user).expect("a user")),
            schema: Schema::read(&body, false).expect("a schema").value,
            created: Timestamp::from_unix_micros(0),
            updated: Timestamp::from_unix_micros(0),
            version: 1,
        }
    }

    fn principal(client: &str, user: Option<&str>, groups: &[&str]) -> Principal {
        Principal {
            client: client.to_owned(),
            user: user.map(|user| UserId::parse(user).expect("a user")),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Principal::local(TenantId::default_tenant())
        }
    }

    #[test]
    fn scopes_and_access_lists_decide() {
        let check = |stored: &StoredSchema, by: &Principal, expect: (bool, bool)| {
            let found = (stored.may_be_read_by(by), stored.may_be_changed_by(by));
            assert_eq!(found, expect, "{by:?} of {stored:?}");
        };
        let (ann, bob) = (principal("one", Some("ann"), &[]), principal("one", Some("bob"), &[]));
        let developer = principal("one", None, &[]);
        let other = principal("two", None, &[]);
        let shared = stored(Some("ann"), &json!({}));
        check(&shared, &ann, (true, true));
        check(&shared, &bob, (true, false));
        check(&shared, &developer, (true, true));
        check(&shared, &other, (true, false));
        let admin = Principal { roles: [Role::Admin].into(), ..other.clone() };
        check(&shared, &admin, (true, true));
        let elsewhere = Principal { tenant: TenantId::parse("t_other").expect("a tenant"), ..admin };
        check(&shared, &elsewhere, (false, false));
        let personal = stored(Some("ann"), &json!({"scope": "personal"}));
        check(&personal, &ann, (true, true));
        check(&personal, &bob, (false, false));
        check(&personal, &principal("two", Some("ann"), &[]), (false, false));
        let lists = json!({"scope": "personal", "read_access": ["bob", "namespace:n"], "write_access": ["organization:o"]});
        let listed = stored(Some("ann"), &lists);
        check(&listed, &bob, (true, false));
        check(&listed, &principal("two", None, &["namespace:n"]), (true, false));
        check(&listed, &principal("two", None, &["org:o"]), (true, true));
        check(&listed, &principal("two", None, &["org:p"]), (false, false));
        // Made by the developer for nobody: a user of theirs reads it and does not change it.
        check(&stored(None, &json!({})), &ann, (true, false));
    }
}
