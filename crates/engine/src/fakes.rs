//! Ports for tests: a clock that is set by hand, identifiers and secrets that count. The same calls give the same
//! bytes. Behind the feature `fakes`, which no normal dependency may enable (tidy test).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::{IdSeed, RequestId, TenantId, UserId};
use memoryscope_domain::policy::{Dialect, Policy};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::time::Timestamp;

use crate::context::Context;
use crate::engine::Engine;
use crate::port::{Clock, Ids, Ports, Secrets, Store};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Stands at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    /// Moves it on by so many microseconds.
    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves it on by so many days.
    pub fn advance_days(&self, days: i64) {
        self.advance_micros(days * 24 * 60 * 60 * 1_000_000);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Identifiers that count.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn seed(&self) -> IdSeed {
        let mut seed = [0; 16];
        seed[8..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        IdSeed(seed)
    }
}

/// Secrets that count.
#[derive(Debug, Default)]
pub struct CountingSecrets(AtomicU64);

impl CountingSecrets {
    fn next(&self, kind: u8) -> [u8; 32] {
        let mut bytes = [kind; 32];
        bytes[24..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bytes
    }
}

impl Secrets for CountingSecrets {
    fn token(&self) -> Token {
        Token::from_bytes(self.next(1))
    }

    fn audit_key(&self) -> AuditKey {
        AuditKey::from_bytes(self.next(2))
    }
}

/// An engine on a store, with the built-in policy, and the clock to move.
#[must_use]
pub fn engine(store: Arc<dyn Store>) -> (Arc<Engine>, Arc<HandClock>) {
    engine_with(store, Policy::builtin())
}

/// An engine on a store, with a policy of the test's own, and the clock to move.
#[must_use]
pub fn engine_with(store: Arc<dyn Store>, policy: Arc<Policy>) -> (Arc<Engine>, Arc<HandClock>) {
    let clock = Arc::new(HandClock::new());
    let ports = Ports {
        store,
        clock: Arc::<HandClock>::clone(&clock),
        ids: Arc::new(CountingIds::default()),
        secrets: Arc::new(CountingSecrets::default()),
    };
    (Arc::new(Engine::new(ports, policy)), clock)
}

/// A request of the local client in the default tenant, for `user` where one is named.
///
/// # Panics
/// When `user` is no user's name.
#[must_use]
pub fn context(engine: &Engine, user: Option<&str>) -> Context {
    let mut principal = Principal::local(TenantId::default_tenant());
    principal.user = user.map(|name| UserId::parse(name).expect("a test names a user"));
    let name = RequestId::parse("test").expect("a request's name");
    engine.begin(principal, name, Dialect::Scoped, engine.ports().clock.now())
}
