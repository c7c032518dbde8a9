//! What a change set may lose to, in the words of every store.

pub(crate) const MEMORY: &str = "a memory";
pub(crate) const MEMORY_ID: &str = "a memory's id";
pub(crate) const CHILDREN: &str = "a memory's children";
pub(crate) const GRANT: &str = "a grant";
pub(crate) const GRANT_TOKEN: &str = "a grant's token";
pub(crate) const BRIDGE: &str = "a bridge";
pub(crate) const BRIDGE_ID: &str = "a bridge's id";
pub(crate) const POLICY: &str = "the active policy";
pub(crate) const CHECKPOINT: &str = "the last checkpoint";
pub(crate) const CONSENT: &str = "a consent";
pub(crate) const SUBJECT_KEY: &str = "a subject's key";
pub(crate) const IDEMPOTENCY_KEY: &str = "an idempotency key";
pub(crate) const RECORD: &str = "a record";
pub(crate) const SCHEMA: &str = "a schema";
pub(crate) const SCHEMA_ID: &str = "a schema's id";
