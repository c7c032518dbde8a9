//! What requests name that is kept as a record: users, by ids of the server's own, and namespaces.
//!
//! Only what is shaped like the id of a record is looked up, so that most requests look up nothing. It is looked up for the client that
//! calls, whoever it acts for.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::fields::{At, Fault, FieldFault, Step};
use memoryscope_domain::graph::Schema;
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::items::namespace::{self, Namespace};
use memoryscope_domain::items::request::{Acting, Identity, tenant_of_organization};
use memoryscope_domain::items::{AccessList, AclId, AclKind, MemoryPolicy, RequestPolicy, user};
use memoryscope_engine::op::{namespace as namespaces, user as users};

use super::{Items, context, error};
use crate::auth::Caller;
use crate::meta::RequestMeta;
use crate::problem::{Code, Problem};

/// Which records a request names.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    users: BTreeSet<String>,
    namespaces: BTreeSet<String>,
}

impl Wanted {
    /// What says who acts, and where.
    pub(super) fn identity(mut self, identity: &Identity) -> Self {
        if let Some(Acting::Internal(id)) = &identity.acting {
            self.user(id.as_str());
        }
        self.namespaces.extend(identity.namespace_id.clone());
        self
    }

    /// A namespace.
    pub(super) fn namespace(mut self, id: Option<&str>) -> Self {
        self.namespaces.extend(id.map(str::to_owned));
        self
    }

    /// An access list.
    pub(super) fn acl(mut self, acl: Option<&AccessList>) -> Self {
        for entry in acl.into_iter().flat_map(AccessList::entries) {
            match entry.kind() {
                AclKind::User => self.user(entry.id()),
                AclKind::Namespace => _ = self.namespaces.insert(entry.id().to_owned()),
                _ => {}
            }
        }
        self
    }

    /// What a request, or a batch, says of how its memories are treated.
    pub(super) fn policy(self, policy: &RequestPolicy) -> Self {
        self.acl(policy.stated.acl.as_ref()).acl(policy.metadata.acl.as_ref())
    }

    fn user(&mut self, id: &str) {
        self.users.insert(id.to_owned());
    }
}

/// Those of them that there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    users: BTreeMap<String, UserId>,
    namespaces: BTreeMap<String, Namespace>,
}

impl Known {
    /// Looks them up in the organization that the request names.
    pub(super) async fn find(
        items: &Items,
        meta: &RequestMeta,
        caller: &Caller,
        organization: Option<&str>,
        wanted: Wanted,
    ) -> Result<Self, Problem> {
        let mut known = Self::default();
        known.add(items, meta, caller, organization, wanted).await?;
        // What a namespace's own policy names holds for whoever does not say it.
        let policies = known.namespaces.values().filter_map(|found| found.settings.default_policy.as_ref());
        let more = policies.fold(Wanted::default(), |wanted, policy| wanted.acl(policy.acl.as_ref()));
        known.add(items, meta, caller, organization, more).await?;
        Ok(known)
    }

    /// The same and more.
    pub(super) async fn and(
        mut self,
        (items, meta, caller): (&Items, &RequestMeta, &Caller),
        organization: Option<&str>,
        wanted: Wanted,
    ) -> Result<Self, Problem> {
        let more = Self::find(items, meta, caller, organization, wanted).await?;
        self.users.extend(more.users);
        self.namespaces.extend(more.namespaces);
        Ok(self)
    }

    /// Looks up what is not known yet.
    async fn add(
        &mut self,
        items: &Items,
        meta: &RequestMeta,
        caller: &Caller,
        organization: Option<&str>,
        wanted: Wanted,
    ) -> Result<(), Problem> {
        let Wanted { users, namespaces } = wanted;
        let users: Vec<String> =
            users.into_iter().filter(|id| user::is_id(id) && !self.users.contains_key(id)).collect();
        let namespaces: Vec<String> = namespaces
            .into_iter()
            .filter(|id| namespace::is_id(id) && !self.namespaces.contains_key(id))
            .collect();
        let tenant = organization.map_or_else(TenantId::default_tenant, tenant_of_organization);
        let mut principal = caller.principal(tenant);
        principal.user = None;
        if !users.is_empty() {
            let cx = context(items, principal.clone(), meta, None);
            let found = items.engine.run(&cx, &users::Get { ids: users }).await;
            let found = found.map_err(|refusal| error::problem(refusal, meta))?.output;
            self.users.extend(found.into_iter().map(|user| (user.id(), user.profile.external_id)));
        }
        if !namespaces.is_empty() {
            let cx = context(items, principal, meta, None);
            let found = items.engine.run(&cx, &namespaces::Get { ids: namespaces }).await;
            let found = found.map_err(|refusal| error::problem(refusal, meta))?.output;
            self.namespaces.extend(found.into_iter().map(|found| (found.id.clone(), found)));
        }
        Ok(())
    }

    /// Looks up what a schema's default policy names too, and puts it in its place.
    pub(super) async fn with_schema(
        mut self,
        (items, meta, caller): (&Items, &RequestMeta, &Caller),
        organization: Option<&str>,
        mut schema: Option<Schema>,
    ) -> Result<(Option<Schema>, Self), Problem> {
        if let Some(policy) = schema.as_mut().and_then(|schema| schema.default_policy.as_mut()) {
            let wanted = Wanted::default().acl(policy.acl.as_ref());
            self.add(items, meta, caller, organization, wanted).await?;
            self.settle_policy(policy);
        }
        Ok((schema, self))
    }

    /// Says whom a user's id of the server's own means.
    pub(super) fn settle(&self, identity: &mut Identity) {
        if let Some(Acting::Internal(id)) = &identity.acting
            && let Some(user) = self.users.get(id.as_str())
        {
            identity.acting = Some(Acting::External(user.clone()));
        }
    }

    /// The access list with users as the application names them: that is how they act.
    pub(super) fn named(&self, acl: &AccessList) -> AccessList {
        acl.mapped(|entry| match entry.kind() {
            AclKind::User => {
                self.users.get(entry.id()).map_or_else(|| entry.clone(), AclId::of_external_user)
            }
            _ => entry.clone(),
        })
    }

    /// The same of a layer of a policy.
    pub(super) fn settle_policy(&self, policy: &mut MemoryPolicy) {
        policy.acl = policy.acl.as_ref().map(|acl| self.named(acl));
    }

    /// The same of all that a request says.
    pub(super) fn settle_request(&self, policy: &mut RequestPolicy) {
        self.settle_policy(&mut policy.stated);
        self.settle_policy(&mut policy.metadata);
    }

    /// What the namespace says of memories that are added to it.
    ///
    /// # Errors
    /// 403 where it takes none.
    pub(super) fn policy_of(&self, id: Option<&str>) -> Result<Option<MemoryPolicy>, Problem> {
        let Some(namespace) = id.and_then(|id| self.namespaces.get(id)) else { return Ok(None) };
        if !namespace.settings.is_active {
            let message = "The namespace is not active: nothing is added to it and nothing in it is changed";
            let hint = "Set is_active to true with PUT /v1/namespace/{id}, or name another namespace";
            return Err(Problem::new(Code::Forbidden, message).hint(hint));
        }
        let mut policy = namespace.settings.default_policy.clone();
        policy.iter_mut().for_each(|policy| self.settle_policy(policy));
        Ok(policy)
    }

    /// Whether there is such a namespace.
    pub(super) fn has_namespace(&self, id: &str) -> bool {
        self.namespaces.contains_key(id)
    }
}

/// A user's id of the server's own that is nobody's.
pub(super) fn no_such_user(root: &'static str) -> Problem {
    let path = At::Key(&At::Root(root), "user_id").steps();
    let path: Vec<Step> = path.into_iter().collect();
    let message = "names no user of this server's own: send external_user_id".to_owned();
    error::invalid(&[FieldFault { path, message, fault: Fault::NotAllowed }], 0)
}
