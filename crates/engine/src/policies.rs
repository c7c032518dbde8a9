//! Which policy decides for which tenant, compiled once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memoryscope_domain::audit_chain::{Hash32, PolicyRef};
use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::policy::Policy;

use crate::port::Store;
use crate::refusal::Refusal;

/// A policy with the reference that audit entries hold to it.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) policy: Arc<Policy>,
    pub(crate) reference: PolicyRef,
}

impl Ready {
    fn new(policy: Arc<Policy>) -> Self {
        let hash = Hash32::parse(policy.hash()).unwrap_or_default();
        let reference = PolicyRef { version: Arc::clone(policy.version()), hash };
        Self { policy, reference }
    }

    /// The policy's text under its version and hash.
    pub(crate) fn document(&self) -> PolicyDocument {
        PolicyDocument {
            version: self.reference.version.to_string(),
            hash: self.reference.hash.to_string(),
            text: self.policy.source().to_owned(),
        }
    }
}

/// The policies in force. What it remembers of a tenant is only a guess: each snapshot says which policy is active,
/// each commit expects it, and a wrong guess costs one more attempt.
#[derive(Debug)]
pub(crate) struct Policies {
    default: Ready,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    active: BTreeMap<TenantId, String>,
    compiled: BTreeMap<(TenantId, String), Ready>,
    kept: BTreeSet<(TenantId, Hash32)>,
}

impl Policies {
    pub(crate) fn new(default: Arc<Policy>) -> Self {
        Self { default: Ready::new(default), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy that was active when the tenant was last looked at, and its hash where it is the tenant's own.
    pub(crate) async fn of(
        &self,
        tenant: &TenantId,
        store: &dyn Store,
    ) -> Result<(Option<String>, Ready), Refusal> {
        let (active, compiled) = {
            let known = self.known();
            let active = known.active.get(tenant).cloned();
            let compiled =
                active.as_ref().and_then(|h| known.compiled.get(&(tenant.clone(), h.clone())).cloned());
            (active, compiled)
        };
        let Some(hash) = active else { return Ok((None, self.default.clone())) };
        if let Some(policy) = compiled {
            return Ok((Some(hash), policy));
        }
        let document = store.policy(tenant, &hash).await?;
        let document =
            document.ok_or_else(|| Refusal::Bug(format!("the active policy {hash} was not kept")))?;
        let policy = Policy::load(&document.text)
            .map_err(|_| Refusal::Bug(format!("the active policy {hash} no longer loads")))?;
        let policy = Ready::new(Arc::new(policy));
        self.known().compiled.insert((tenant.clone(), hash.clone()), policy.clone());
        Ok((Some(hash), policy))
    }

    /// Takes note of what a snapshot says.
    pub(crate) fn learn_active(&self, tenant: &TenantId, active: Option<String>) {
        let mut known = self.known();
        match active {
            Some(hash) => known.active.insert(tenant.clone(), hash),
            None => known.active.remove(tenant),
        };
    }

    /// Whether the store is known to keep the policy's text for the tenant.
    pub(crate) fn is_kept(&self, tenant: &TenantId, policy: &Ready) -> bool {
        self.known().kept.contains(&(tenant.clone(), policy.reference.hash))
    }

    /// Takes note that the store keeps it.
    pub(crate) fn learn_kept(&self, tenant: &TenantId, policy: &Ready) {
        let key = (tenant.clone(), policy.reference.hash);
        let mut known = self.known();
        if !known.kept.contains(&key) {
            known.kept.insert(key);
        }
    }
}
