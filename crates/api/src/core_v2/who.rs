//! Who acts in this dialect.

use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::scope::{Scope, ScopeType};

use crate::auth::Caller;

/// What a request says of itself: whose data, and in which scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Whose data.
    pub(super) tenant: &'a TenantId,
    /// The scope that the request names; none where it names a memory by its id.
    pub(super) scope: Option<&'a Scope>,
}

/// The principal of a request: of its tenant, and acting for the person that a header names, else for the person whose
/// scope it is, else for nobody.
pub(super) fn principal(caller: &Caller, place: Place<'_>) -> Principal {
    let mut principal = caller.principal(place.tenant.clone());
    principal.user = principal.user.or_else(|| place.scope.and_then(own_user));
    principal
}

/// The person whose scope it is.
fn own_user(scope: &Scope) -> Option<UserId> {
    (scope.scope_type == ScopeType::User).then(|| UserId::parse(&scope.id).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use memoryscope_domain::principal::Role;

    use super::*;
    use crate::auth::{GROUPS, ROLES, USER};

    fn of(headers: &[(&'static str, &str)], scope: Option<&Scope>) -> Principal {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a header");
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, text)| (axum::http::HeaderName::from_static(name), value(text)))
            .collect();
        let caller = Caller::of(&headers).expect("good headers");
        let tenant = TenantId::parse("t_acme").expect("a tenant");
        principal(&caller, Place { tenant: &tenant, scope })
    }

    #[test]
    fn a_header_names_the_person_or_else_their_own_scope() {
        let check = |header: Option<&str>, scope: Option<(ScopeType, &str)>, expect: Option<&str>| {
            let headers: Vec<_> = header.map(|name| (USER, name)).into_iter().collect();
            let named = scope.map(|(kind, id)| Scope::named(kind, id).expect("a scope"));
            let principal = of(&headers, named.as_ref());
            assert_eq!(principal.user.as_ref().map(UserId::as_str), expect, "{header:?} {scope:?}");
            assert_eq!(principal.tenant.as_str(), "t_acme");
        };
        check(None, None, None);
        check(Some("Åsa"), None, Some("Åsa"));
        for kind in ScopeType::ALL {
            let own = (kind == ScopeType::User).then_some("ada");
            check(None, Some((kind, "ada")), own);
            check(Some("bob"), Some((kind, "ada")), Some("bob"));
        }
    }

    #[test]
    fn roles_and_groups_are_the_headers() {
        let scope = Scope::named(ScopeType::User, "ada").ok();
        assert_eq!(of(&[], scope.as_ref()).roles.into_iter().collect::<Vec<_>>(), [Role::App]);
        let auditor = of(&[(ROLES, "auditor"), (GROUPS, "project:apollo")], scope.as_ref());
        assert_eq!(auditor.roles.into_iter().collect::<Vec<_>>(), [Role::Auditor]);
        assert!(auditor.groups.contains("project:apollo"));
        assert_eq!(auditor.user.as_ref().map(UserId::as_str), Some("ada"));
    }
}
