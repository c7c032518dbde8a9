//! Who acts in this dialect, and where (model.md, "Who acts").
//!
//! A request that names a user acts for that user; one that names nobody acts for the developer, which is the client
//! itself. Whoever acts is a member of the organization, and of the namespace that the request names; the developer is one
//! of the organization's scope, too, where what nobody in particular owns is kept.

use memoryscope_domain::fields::{At, Fault, FieldFault, Step};
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::items::request::{Acting, Identity, tenant_of_organization};
use memoryscope_domain::items::{AccessList, AclId, AclKind};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::scope::{Scope, ScopeType};

use super::error;
use super::known::{self, Known};
use crate::auth::Caller;
use crate::problem::Problem;

/// The organization of requests that name none.
const DEFAULT_ORGANIZATION: &str = "default";

/// Who acts, and where.
#[derive(Debug, Clone)]
pub(super) struct Acts {
    /// Who.
    pub(super) principal: Principal,
    /// Where what it adds belongs, and what it searches.
    pub(super) scope: Scope,
    /// Whose what it adds is.
    pub(super) owner: AclId,
    organization: String,
}

impl Acts {
    /// What a request says of who acts and where.
    pub(super) fn of(caller: &Caller, identity: &Identity) -> Result<Self, Problem> {
        let tenant = identity.organization_id.as_deref().map(tenant_of_organization);
        let mut principal = caller.principal(tenant.unwrap_or_else(TenantId::default_tenant));
        match &identity.acting {
            Some(Acting::External(user)) => principal.user = Some(user.clone()),
            // The one user of the server's own is the developer.
            Some(Acting::Internal(user)) if user.as_str() == principal.client => principal.user = None,
            Some(Acting::Internal(_)) => return Err(known::no_such_user("body")),
            None => {}
        }
        let organization = identity.organization_id.as_deref().unwrap_or(DEFAULT_ORGANIZATION).to_owned();
        let namespace = identity.namespace_id.clone().unwrap_or_default();
        principal.groups.insert(format!("organization:{organization}"));
        if !namespace.is_empty() {
            principal.groups.insert(format!("namespace:{namespace}"));
        }
        let (scope, owner) = match &principal.user {
            Some(user) => (Scope::of_user(user), AclId::of_external_user(user)),
            None => {
                principal.groups.insert(format!("{}:{organization}", ScopeType::Org.name()));
                let scope = Scope::named(ScopeType::Org, &organization)
                    .map_err(|why| wrong(&["organization_id"], Fault::Invalid, why.to_string()))?;
                (scope, AclId::of_developer(&principal.client))
            }
        };
        Ok(Self { principal, scope: Scope { namespace, ..scope }, owner, organization })
    }

    /// Whoever a request without a body acts for.
    pub(super) fn named(
        caller: &Caller,
        user: Option<UserId>,
        organization_id: Option<String>,
        namespace_id: Option<String>,
    ) -> Result<Self, Problem> {
        let acting = user.map(Acting::External);
        Self::of(caller, &Identity { acting, organization_id, namespace_id })
    }

    /// What is wrong with an access list that names somebody who does not exist here. The namespace that the request itself names is
    /// there by being named.
    pub(super) fn unknown_in(&self, acl: Option<&AccessList>, known: &Known, at: &At<'_>) -> Vec<FieldFault> {
        let exists = |entry: &&AclId| match entry.kind() {
            AclKind::User => entry.id() == self.principal.client,
            AclKind::Organization => entry.id() == self.organization,
            AclKind::Namespace => entry.id() == self.scope.namespace || known.has_namespace(entry.id()),
            _ => true,
        };
        let unknown = acl.into_iter().flat_map(AccessList::entries).filter(|entry| !exists(entry));
        let fault = |entry: &AclId| FieldFault {
            path: [at.steps(), vec![Step::Key("acl".to_owned())]].concat(),
            message: format!("names {}s that do not exist here", entry.kind().name()),
            fault: Fault::Invalid,
        };
        unknown.map(fault).take(1).collect()
    }
}

fn wrong(field: &[&str], fault: Fault, message: impl Into<String>) -> Problem {
    let path = std::iter::once("body").chain(field.iter().copied());
    let path = path.map(|key| Step::Key(key.to_owned())).collect();
    error::invalid(&[FieldFault { path, message: message.into(), fault }], 0)
}
