//! Memories that were read before, so that they need not be read again: parsing one costs more than finding it.
//!
//! The key holds the version, and a version never changes, so nothing has to be invalidated. Erasure counts up
//! [`Erasures`], and every cache that sees it forgets everything: content leaves the process too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::scope::Partition;

use super::scope_words::ScopeWords;
use crate::common::packed::VectorCache;

/// Stored bytes of the memories in one of a cache's two generations: together they hold about what one search ranks at most.
const GENERATION_BYTES_MAX: usize = 12 * 1_024 * 1_024;

/// How many memories it is known of, in all scopes, which version is current.
const CURRENT_MAX: usize = 200_000;

/// What all scopes' words take in one reader's memory.
const WORDS_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Scopes of which it is known whether they were searched.
const SEARCHED_MAX: usize = 10_000;

/// A scope that was searched.
#[derive(Debug)]
pub(super) enum Searched {
    /// Once: most are not searched again before they are forgotten.
    Once,
    /// More often, and its words take too much.
    TooLarge,
    /// Its words.
    Words(Box<ScopeWords>),
}

/// How often something was erased.
#[derive(Debug, Default)]
pub(super) struct Erasures(AtomicU64);

impl Erasures {
    /// Something was.
    pub(super) fn count_up(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What remembers, and is told when something is to be forgotten.
#[derive(Debug, Clone)]
pub(super) struct Forgetting {
    pub(super) erasures: Arc<Erasures>,
    pub(super) vectors: Arc<VectorCache>,
}

/// By tenant, then by id and version: looking one up copies nothing.
type Versions = BTreeMap<TenantId, BTreeMap<(MemoryId, u64), Arc<Memory>>>;

/// Which versions of a scope's memories were current as of a commit, as far as that was looked up. Only what was replaced since has
/// to be looked up again, and that is told by where former versions end.
#[derive(Debug, Default)]
pub(super) struct Current {
    pub(super) seq: i64,
    pub(super) versions: BTreeMap<MemoryId, u64>,
}

/// One reader's cache. When the young generation is full it becomes the old one, and the old one is dropped; whatever
/// is used in between is young again.
#[derive(Debug)]
pub(super) struct Cache {
    young: Versions,
    young_bytes: usize,
    old: Versions,
    current: BTreeMap<(TenantId, Partition), Current>,
    searched: BTreeMap<(TenantId, Partition), Searched>,
    erasures: Arc<Erasures>,
    erasures_seen: u64,
}

impl Cache {
    /// An empty cache.
    pub(super) fn new(erasures: Arc<Erasures>) -> Self {
        let erasures_seen = erasures.count();
        Self {
            young: Versions::new(),
            young_bytes: 0,
            old: Versions::new(),
            current: BTreeMap::new(),
            searched: BTreeMap::new(),
            erasures,
            erasures_seen,
        }
    }

    /// Forgets everything if something was erased meanwhile.
    pub(super) fn follow_erasures(&mut self) {
        let count = self.erasures.count();
        if count != self.erasures_seen {
            self.erasures_seen = count;
            self.young.clear();
            self.old.clear();
            self.current.clear();
            self.searched.clear();
            self.young_bytes = 0;
        }
    }

    /// The words of a scope that is searched, to be brought up to date and given back; none where they are not to be kept.
    pub(super) fn take_words(&mut self, whose: &(TenantId, Partition)) -> Option<ScopeWords> {
        match self.searched.remove(whose) {
            Some(Searched::Words(words)) => Some(*words),
            Some(Searched::Once) => Some(ScopeWords::default()),
            Some(Searched::TooLarge) => {
                self.searched.insert(whose.clone(), Searched::TooLarge);
                None
            }
            None => {
                if self.searched.len() >= SEARCHED_MAX {
                    self.searched.clear();
                }
                self.searched.insert(whose.clone(), Searched::Once);
                None
            }
        }
    }

    /// Keeps a scope's words, and no others where all of them take too much.
    pub(super) fn keep_words(&mut self, whose: (TenantId, Partition), words: ScopeWords) {
        let bytes = |searched: &Searched| match searched {
            Searched::Words(words) => words.bytes(),
            Searched::Once | Searched::TooLarge => 0,
        };
        let others: usize = self.searched.values().map(bytes).sum();
        if words.bytes() > WORDS_BYTES_MAX {
            self.searched.insert(whose, Searched::TooLarge);
            return;
        }
        if others + words.bytes() > WORDS_BYTES_MAX {
            self.searched.clear();
        }
        self.searched.insert(whose, Searched::Words(Box::new(words)));
    }

    /// What is known of a scope. It is to be given back.
    pub(super) fn take_current(&mut self, whose: &(TenantId, Partition)) -> Current {
        self.current.remove(whose).unwrap_or_default()
    }

    /// Keeps what is known of a scope, and nothing of others where that is much.
    pub(super) fn keep_current(&mut self, whose: (TenantId, Partition), known: Current) {
        let others: usize = self.current.values().map(|known| known.versions.len()).sum();
        if others + known.versions.len() > CURRENT_MAX {
            self.current.clear();
        }
        if known.versions.len() <= CURRENT_MAX {
            self.current.insert(whose, known);
        }
    }

    /// A version, if it is here.
    pub(super) fn get(&mut self, tenant: &TenantId, id: MemoryId, version: u64) -> Option<Arc<Memory>> {
        let key = (id, version);
        if let Some(memory) = self.young.get(tenant).and_then(|of_tenant| of_tenant.get(&key)) {
            return Some(Arc::clone(memory));
        }
        let memory = self.old.get_mut(tenant)?.remove(&key)?;
        self.keep(&memory);
        Some(memory)
    }

    /// Keeps a version that was stored in so many bytes.
    pub(super) fn put(&mut self, memory: &Arc<Memory>, bytes: usize) {
        if self.young_bytes + bytes > GENERATION_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.keep(memory);
    }

    fn keep(&mut self, memory: &Arc<Memory>) {
        let of_tenant = match self.young.get_mut(&memory.tenant) {
            Some(of_tenant) => of_tenant,
            None => self.young.entry(memory.tenant.clone()).or_default(),
        };
        of_tenant.insert((memory.id, memory.version), Arc::clone(memory));
    }
}
