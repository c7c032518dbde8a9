//! Who asks, when, and under which name: made once per request.

use memoryscope_domain::change::IdempotencyKey;
use memoryscope_domain::govern::Origin;
use memoryscope_domain::ids::{IdSeed, RequestId};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::webhook::Webhook;

/// The first argument of everything that is done: who asks, when, under which name.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who acts.
    pub principal: Principal,
    /// The request's name.
    pub request_id: RequestId,
    /// Which public API speaks.
    pub dialect: Dialect,
    /// The request's time: the clock is not read again.
    pub now: Timestamp,
    /// What the request's identifiers are made from.
    pub id_seed: IdSeed,
    /// The client's own name for this change, so that a repeat does nothing twice.
    pub idempotency: Option<Idempotency>,
    /// Where what it wants to store comes from: of an import nothing is stored where something of it was erased before.
    pub origin: Origin,
    /// What is kept beside the memories that it makes.
    pub tells: Option<Tells>,
}

/// What is kept beside the memories that a request makes, in the commit that makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tells {
    /// Who is told when the work on the first of them is over.
    Memory(Webhook),
    /// That they are a part of a batch.
    Part {
        /// The batch's name.
        batch: String,
        /// Which part, from 0.
        number: usize,
    },
}

/// An idempotency key with the digest of the request that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: IdempotencyKey,
    /// SHA-256 over the request.
    pub request_digest: [u8; 32],
}
