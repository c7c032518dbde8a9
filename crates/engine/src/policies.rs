//! Which policy decides for which tenant, compiled once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memoryscope_domain::audit_chain::{Hash32, PolicyRef};
use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::time::Timestamp;

use crate::port::{PolicySelect, Select, Store, StoreError};
use crate::refusal::Refusal;
use crate::replay::as_of_now;

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

/// The policy of a hash from the text that was kept under it.
fn compile(hash: &str, kept: Option<PolicyDocument>) -> Result<Policy, &'static str> {
    let kept = kept.ok_or("was not kept")?;
    let policy = Policy::load(&kept.text).map_err(|_| "no longer loads")?;
    if **policy.hash() == *hash { Ok(policy) } else { Err("is not the one of its hash") }
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
    ///
    /// Where that one cannot be used, what asks it gets no answer; what asks none (walks of the chain, upkeep, the
    /// activation of another) goes on, and its entry names the default policy.
    pub(crate) async fn of(
        &self,
        tenant: &TenantId,
        store: &dyn Store,
        asks_policy: bool,
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
        let policy = match compile(&hash, store.policy(tenant, &hash).await?) {
            Ok(policy) => Ready::new(Arc::new(policy)),
            Err(why) => {
                tracing::error!(%tenant, %hash, why, "the active policy cannot be used");
                if !asks_policy {
                    return Ok((Some(hash), self.default.clone()));
                }
                return Err(StoreError::Unavailable(format!("the active policy {why}")).into());
            }
        };
        let mut known = self.known();
        if known.compiled.len() >= limits::POLICIES_KNOWN_MAX {
            known.compiled.clear();
        }
        known.compiled.insert((tenant.clone(), hash.clone()), policy.clone());
        Ok((Some(hash), policy))
    }

    /// The policy of a hash, if the tenant keeps it or it is the server's own; none where its text no longer loads.
    pub(crate) async fn kept(
        &self,
        tenant: &TenantId,
        hash: &str,
        store: &dyn Store,
    ) -> Result<Option<Arc<Policy>>, StoreError> {
        if **self.default.policy.hash() == *hash {
            return Ok(Some(Arc::clone(&self.default.policy)));
        }
        let key = (tenant.clone(), hash.to_owned());
        if let Some(ready) = self.known().compiled.get(&key) {
            return Ok(Some(Arc::clone(&ready.policy)));
        }
        let Ok(policy) = compile(hash, store.policy(tenant, hash).await?) else { return Ok(None) };
        let ready = Ready::new(Arc::new(policy));
        let policy = Arc::clone(&ready.policy);
        let mut known = self.known();
        if known.compiled.len() >= limits::POLICIES_KNOWN_MAX {
            known.compiled.clear();
        }
        known.compiled.insert(key, ready);
        Ok(Some(policy))
    }

    /// The policy that a snapshot says is active.
    pub(crate) async fn active(
        &self,
        tenant: &TenantId,
        hash: Option<&str>,
        store: &dyn Store,
    ) -> Result<Arc<Policy>, StoreError> {
        let Some(hash) = hash else { return Ok(Arc::clone(&self.default.policy)) };
        let kept = self.kept(tenant, hash, store).await?;
        kept.ok_or_else(|| StoreError::Unavailable("the active policy cannot be used".to_owned()))
    }

    /// The policy of a version's name, or of a kept one's hash. Where two have one name, the active one is meant, else the
    /// one of the lower hash.
    pub(crate) async fn named(
        &self,
        tenant: &TenantId,
        version: &str,
        active: Option<&str>,
        store: &dyn Store,
    ) -> Result<Option<Arc<Policy>>, StoreError> {
        if **self.default.policy.version() == *version {
            return Ok(Some(Arc::clone(&self.default.policy)));
        }
        if let Some(hash) = active
            && let Some(policy) = self.kept(tenant, hash, store).await?
            && **policy.version() == *version
        {
            return Ok(Some(policy));
        }
        if let Some(policy) = self.kept(tenant, version, store).await? {
            return Ok(Some(policy));
        }
        let select = Select::Policies(PolicySelect::Version(version.to_owned()));
        let load = as_of_now(tenant, Timestamp::from_unix_micros(0), select);
        match store.load(&load).await?.facts.policies.first() {
            Some(document) => self.kept(tenant, &document.hash, store).await,
            None => Ok(None),
        }
    }

    /// Takes note of what a snapshot says.
    pub(crate) fn learn_active(&self, tenant: &TenantId, active: Option<String>) {
        let mut known = self.known();
        if known.active.len() >= limits::POLICIES_KNOWN_MAX {
            known.active.clear();
        }
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
        if known.kept.len() >= limits::POLICIES_KNOWN_MAX {
            known.kept.clear();
        }
        known.kept.insert(key);
    }
}
