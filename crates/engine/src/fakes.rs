//! Ports for tests: a clock that is set by hand, identifiers and secrets that count. The same calls give the same
//! bytes. Behind the feature `fakes`, which no normal dependency may enable (tidy test).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use memoryscope_domain::audit_chain::AuditKey;
use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::{IdSeed, RequestId, TenantId, UserId};
use memoryscope_domain::policy::{Dialect, Policy};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::time::Timestamp;

use crate::context::Context;
use crate::embed::{Embedder, Readiness};
use crate::engine::Engine;
use crate::extract::Failure;
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

/// An embedder for which texts are alike whose words begin with the same letters. It can be told to fail, or to be away.
#[derive(Debug, Default)]
pub struct ByInitials {
    state: AtomicU64,
    asked: AtomicU64,
}

impl ByInitials {
    /// From now on it is as ready as that.
    pub fn be(&self, readiness: Readiness) {
        let state = match readiness {
            Readiness::Ready => 0,
            Readiness::Absent => 1,
            Readiness::Failing => 2,
        };
        self.state.store(state, Ordering::SeqCst);
    }

    /// Ready until it is asked the next time, and failing from then on.
    pub fn fail_next(&self) {
        self.state.store(3, Ordering::SeqCst);
    }

    /// How many texts it was given.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn vector(text: &str) -> Vec<f32> {
        let mut vector = vec![0.01_f32; 26];
        for word in text.split_whitespace() {
            let initial = word.bytes().next().map(|byte| byte.to_ascii_lowercase());
            if let Some(at) = initial.and_then(|byte| byte.checked_sub(b'a')).filter(|at| *at < 26) {
                vector[usize::from(at)] += 1.0;
            }
        }
        vector
    }
}

#[async_trait]
impl Embedder for ByInitials {
    fn id(&self) -> &str {
        "by-initials:1"
    }

    fn dimensions(&self) -> Option<usize> {
        Some(26)
    }

    fn readiness(&self) -> Readiness {
        match self.state.load(Ordering::SeqCst) {
            0 | 3 => Readiness::Ready,
            1 => Readiness::Absent,
            _ => Readiness::Failing,
        }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        self.asked.fetch_add(texts.len() as u64, Ordering::SeqCst);
        if self.state.load(Ordering::SeqCst) == 3 {
            self.be(Readiness::Failing);
        }
        if self.readiness() != Readiness::Ready {
            return Err(Failure::of_extractor("away"));
        }
        // A text that cannot be read spoils the batch that it is in.
        if texts.iter().any(|text| text.contains("unreadable")) {
            return Err(Failure::of_text("unreadable"));
        }
        Ok(texts.iter().map(|text| Self::vector(text)).collect())
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
    (Arc::new(bare(store, policy, &clock)), clock)
}

/// An engine that embeds texts, and who does it.
#[must_use]
pub fn embedding_engine(store: Arc<dyn Store>) -> (Arc<Engine>, Arc<HandClock>, Arc<ByInitials>) {
    let (clock, embedder) = (Arc::new(HandClock::new()), Arc::new(ByInitials::default()));
    let engine = bare(store, Policy::builtin(), &clock).embedding_by(Arc::<ByInitials>::clone(&embedder));
    (Arc::new(engine), clock, embedder)
}

fn bare(store: Arc<dyn Store>, policy: Arc<Policy>, clock: &Arc<HandClock>) -> Engine {
    let ports = Ports {
        store,
        clock: Arc::<HandClock>::clone(clock),
        ids: Arc::new(CountingIds::default()),
        secrets: Arc::new(CountingSecrets::default()),
    };
    Engine::new(ports, policy)
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
