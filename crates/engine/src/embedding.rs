//! Making vectors of memories in the background.
//!
//! What is written is remembered here until its vectors are made, and no commit waits for that. Nothing of it is durable, for nothing
//! need be: a memory without a vector is known by that, and whenever something may have been missed (at the start, after a failure,
//! where too much waited) all scopes are looked through.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use memoryscope_domain::change::Change;
use memoryscope_domain::ids::{MemoryId, RequestId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::{Dialect, Filter};
use memoryscope_domain::principal::Principal;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::vector::{KeptVector, ModelKey, TextKey, Vector};

use crate::context::Context;
use crate::embed::{Embedder, Readiness};
use crate::engine::Engine;
use crate::extract::Failure;
use crate::op::embed::Embed;
use crate::op::search::Meaning;
use crate::port::Select;
use crate::refusal::Refusal;

/// Who makes vectors, and what waits for them.
#[derive(Debug)]
pub(crate) struct Embedding {
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) model: ModelKey,
    waiting: Mutex<Waiting>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<(TenantId, MemoryId)>,
    in_hand: Option<(TenantId, BTreeSet<MemoryId>)>,
    /// Whether there may be memories without vectors that are not in the queue.
    has_missed: bool,
}

/// Why a question is searched for by its words alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordsOnly {
    /// Nobody makes vectors here, or the model has not been brought.
    NoModel,
    /// Who makes them could not.
    ModelFailed,
}

impl WordsOnly {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NoModel, Self::ModelFailed];

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoModel => "no_model",
            Self::ModelFailed => "model_failed",
        }
    }
}

/// What an embedder that failed is asked, so that it is known when it can again. It is nobody's text.
const PROBE: &str = "ready";

/// What [`Embedded::ended_by`] says where the model has not been brought.
pub const MODEL_ABSENT: &str = "model_absent";

/// What making vectors came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Embedded {
    /// Vectors that were kept.
    pub kept: usize,
    /// Texts of which none could be made.
    pub failed: usize,
    /// Why it ended before it was through: whatever comes next would fare alike.
    pub ended_by: Option<String>,
}

impl Embedding {
    pub(crate) fn new(embedder: Arc<dyn Embedder>) -> Self {
        let model = ModelKey::of(embedder.id());
        let waiting = Waiting { has_missed: true, ..Waiting::default() };
        Self { embedder, model, waiting: Mutex::new(waiting), waker: AtomicWaker::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a change set makes that is to have a vector.
    pub(crate) fn wanted(changes: &[Change]) -> Vec<MemoryId> {
        let made = changes.iter().filter_map(|change| match change {
            Change::InsertMemory(memory) | Change::ReplaceMemory(memory) => Some(memory),
            _ => None,
        });
        made.filter(|memory| memory.may_be_embedded()).map(|memory| memory.id).collect()
    }

    /// Remembers what was written.
    pub(crate) fn add(&self, tenant: &TenantId, ids: Vec<MemoryId>) {
        if ids.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        if waiting.queue.len() + ids.len() > limits::EMBED_QUEUE_ITEMS {
            waiting.has_missed = true;
        } else {
            waiting.queue.extend(ids.into_iter().map(|id| (tenant.clone(), id)));
        }
        drop(waiting);
        self.waker.wake();
    }

    /// Has the job look whether something was missed.
    fn look_again(&self) {
        self.lock().has_missed = true;
        self.waker.wake();
    }

    /// Asks an embedder that failed whether it can again; and if it cannot, why.
    async fn probe(&self) -> Option<String> {
        if self.embedder.readiness() != Readiness::Failing {
            return None;
        }
        let failure = self.embedder.embed(&[PROBE.to_owned()]).await.err()?;
        Some(failure.reason)
    }

    /// The next of one tenant's.
    fn take(&self) -> Option<(TenantId, BTreeSet<MemoryId>)> {
        let mut waiting = self.lock();
        let (tenant, _) = waiting.queue.front()?.clone();
        let mut ids = BTreeSet::new();
        while ids.len() < limits::EMBED_BATCH_ITEMS
            && waiting.queue.front().is_some_and(|(of, _)| *of == tenant)
            && let Some((_, id)) = waiting.queue.pop_front()
        {
            ids.insert(id);
        }
        waiting.in_hand = Some((tenant.clone(), ids.clone()));
        Some((tenant, ids))
    }

    /// Whether anything waits or may have been missed.
    fn pending(&self) -> usize {
        let waiting = self.lock();
        let in_hand = waiting.in_hand.as_ref().map_or(0, |(_, ids)| ids.len());
        waiting.queue.len() + in_hand + usize::from(waiting.has_missed)
    }
}

impl Engine {
    /// How many memories wait for their vectors, as far as that is known: where some may have been missed, one more. None where
    /// nobody makes vectors.
    #[must_use]
    pub fn embeddings_pending(&self) -> Option<usize> {
        self.embedding().map(Embedding::pending)
    }

    /// Whether a memory waits for its vector, as far as this server knows: what another one was told, and what was there when this one
    /// started, it does not.
    #[must_use]
    pub fn awaits_vector(&self, tenant: &TenantId, id: MemoryId) -> bool {
        self.embedding().is_some_and(|embedding| {
            let waiting = embedding.lock();
            let is_held = waiting.in_hand.as_ref().is_some_and(|(of, ids)| of == tenant && ids.contains(&id));
            is_held || waiting.queue.iter().any(|(of, queued)| *queued == id && of == tenant)
        })
    }

    /// Ready when something waits for its vector, or may have been missed. For one waiter.
    pub async fn wait_for_texts(&self) {
        let Some(embedding) = self.embedding() else { return std::future::pending().await };
        poll_fn(|cx| {
            embedding.waker.register(cx.waker());
            let waiting = embedding.lock();
            if waiting.queue.is_empty() && !waiting.has_missed { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// What a question means; none where nobody can tell now, and then it is found by its words alone.
    pub async fn meaning(&self, text: &str) -> Option<Meaning> {
        self.meaning_or_why_not(text).await.ok()
    }

    /// What a question means.
    ///
    /// # Errors
    /// Why nobody can tell now: the question is searched for by its words alone then.
    pub async fn meaning_or_why_not(&self, text: &str) -> Result<Meaning, WordsOnly> {
        let embedding = self.embedding().ok_or(WordsOnly::NoModel)?;
        match embedding.embedder.readiness() {
            Readiness::Ready => {}
            Readiness::Absent => return Err(WordsOnly::NoModel),
            Readiness::Failing => return Err(WordsOnly::ModelFailed),
        }
        let text: String = text.chars().take(limits::EMBED_TEXT_CHARS_MAX).collect();
        match embedding.embedder.embed(&[text]).await {
            Ok(vectors) => {
                let vector = vectors.first().and_then(|vector| Vector::quantise(vector));
                let meaning = vector.map(|vector| Meaning { model: embedding.model, vector });
                meaning.ok_or(WordsOnly::ModelFailed)
            }
            Err(failure) => {
                tracing::warn!(reason = failure.reason, "a question is searched for by its words alone");
                // No question asks one that fails: the job finds out when it can again.
                if embedding.embedder.readiness() == Readiness::Failing {
                    embedding.look_again();
                }
                Err(WordsOnly::ModelFailed)
            }
        }
    }

    /// Makes vectors of what waits, and of what may have been missed; ends where the embedder fails whatever it is given.
    ///
    /// # Errors
    /// When memories cannot be read or vectors not kept. What was missed so is looked for the next time.
    pub async fn embed_waiting(&self) -> Result<Embedded, Refusal> {
        let mut done = Embedded::default();
        let Some(embedding) = self.embedding() else { return Ok(done) };
        if embedding.embedder.readiness() == Readiness::Absent {
            // Kept texts would only grow: they are looked for when there is a model.
            let mut waiting = embedding.lock();
            (waiting.has_missed, waiting.queue) = (true, VecDeque::new());
            done.ended_by = Some(MODEL_ABSENT.to_owned());
            return Ok(done);
        }
        while let Some((tenant, ids)) = embedding.take() {
            let result = self.embed_named(&tenant, ids.into_iter().collect(), &mut done).await;
            let mut waiting = embedding.lock();
            waiting.in_hand = None;
            waiting.has_missed |= result.is_err() || done.ended_by.is_some();
            drop(waiting);
            result?;
            if done.ended_by.is_some() {
                return Ok(done);
            }
        }
        if std::mem::take(&mut embedding.lock().has_missed) {
            let result = self.embed_all(&mut done, &mut |_| {}).await;
            if result.is_ok() && done.ended_by.is_none() {
                // Where nothing was without a vector nobody was asked.
                done.ended_by = embedding.probe().await;
            }
            if result.is_err() || done.ended_by.is_some() {
                embedding.lock().has_missed = true;
            }
            result?;
        }
        Ok(done)
    }

    /// Looks through all scopes for what has no vector of the model, and makes them; `each` is told what was done so far.
    ///
    /// # Errors
    /// As [`Engine::embed_waiting`].
    pub async fn embed_all(
        &self,
        done: &mut Embedded,
        each: &mut (dyn FnMut(&Embedded) + Send),
    ) -> Result<(), Refusal> {
        let mut after = None;
        loop {
            let store = &self.ports().store;
            let tenants = store.tenants(after.as_ref(), limits::TENANTS_PAGE_ITEMS).await?;
            let Some(last) = tenants.last().cloned() else { return Ok(()) };
            for tenant in &tenants {
                self.embed_tenant(tenant, done, each).await?;
                if done.ended_by.is_some() {
                    return Ok(());
                }
            }
            after = Some(last);
        }
    }

    /// The same of one tenant.
    ///
    /// # Errors
    /// As [`Engine::embed_waiting`].
    pub async fn embed_tenant(
        &self,
        tenant: &TenantId,
        done: &mut Embedded,
        each: &mut (dyn FnMut(&Embedded) + Send),
    ) -> Result<(), Refusal> {
        let Some(embedding) = self.embedding() else { return Ok(()) };
        let mut after: Option<(Partition, Place)> = None;
        loop {
            let limit = limits::EMBED_BATCH_ITEMS;
            let select = Select::Unembedded { model: embedding.model, after, limit };
            let found = self.load(&self.system(tenant), select, Filter::Everything).await?.facts.memories;
            let Some(last) = found.last() else { return Ok(()) };
            after = Some((last.partition, (last.placed.unwrap_or(last.created), last.id)));
            self.embed_memories(tenant, &found, done).await?;
            each(done);
            if done.ended_by.is_some() {
                return Ok(());
            }
        }
    }

    async fn embed_named(
        &self,
        tenant: &TenantId,
        ids: Vec<MemoryId>,
        done: &mut Embedded,
    ) -> Result<(), Refusal> {
        // Each is looked at right before: what was sealed meanwhile is given to nobody.
        let found = self.load(&self.system(tenant), Select::Memories(ids), Filter::Everything).await?.facts;
        self.embed_memories(tenant, &found.memories, done).await
    }

    /// Makes and keeps the vectors of these, of which there are no more than a batch.
    async fn embed_memories(
        &self,
        tenant: &TenantId,
        memories: &[Arc<Memory>],
        done: &mut Embedded,
    ) -> Result<(), Refusal> {
        let Some(embedding) = self.embedding() else { return Ok(()) };
        let now = self.ports().clock.now();
        let living = memories.iter().filter(|memory| memory.is_live(now));
        let (ids, texts): (Vec<MemoryId>, Vec<String>) =
            living.filter_map(|memory| Some((memory.id, memory.embedded_text()?))).unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let made = self.vectors_of(embedding, &texts, done).await;
        let kept = ids.into_iter().zip(&texts).zip(made).filter_map(|((memory, text), numbers)| {
            let vector = Vector::quantise(&numbers?)?;
            Some(KeptVector { memory, text: TextKey::of(text), model: embedding.model, vector })
        });
        let vectors: Vec<KeptVector> = kept.collect();
        if !vectors.is_empty() {
            done.kept += self.run(&self.system(tenant), &Embed { vectors }).await?.output;
        }
        Ok(())
    }

    /// A vector for each text of which one can be made. Where a text of the batch is at fault, each is tried alone.
    async fn vectors_of(
        &self,
        embedding: &Embedding,
        texts: &[String],
        done: &mut Embedded,
    ) -> Vec<Option<Vec<f32>>> {
        let ends = |failure: &Failure, done: &mut Embedded| {
            done.failed += 1;
            if failure.ends_the_round() {
                done.ended_by = Some(failure.reason.clone());
            }
        };
        match embedding.embedder.embed(texts).await {
            Ok(vectors) => return vectors.into_iter().map(Some).collect(),
            Err(failure) if failure.ends_the_round() || !failure.counts() || texts.len() == 1 => {
                ends(&failure, done);
                return texts.iter().map(|_| None).collect();
            }
            Err(_) => {}
        }
        let mut made = Vec::with_capacity(texts.len());
        for text in texts {
            let alone = match embedding.embedder.embed(std::slice::from_ref(text)).await {
                Ok(vectors) => vectors.into_iter().next(),
                Err(failure) => {
                    ends(&failure, done);
                    None
                }
            };
            made.push(alone);
        }
        made
    }

    fn system(&self, tenant: &TenantId) -> Context {
        let name = RequestId::minted(uuid::Uuid::from_bytes(self.ports().ids.seed().0));
        self.begin(Principal::system(tenant.clone()), name, Dialect::Core, self.ports().clock.now())
    }
}

/// When the job looks again: a pure function of what it came to before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    failed: u32,
}

impl Pace {
    /// How long to wait before what waits is looked at: not at all, or, where the embedder failed, twice as long each time.
    #[must_use]
    pub fn after(&mut self, done: Option<&Embedded>) -> Duration {
        let failed = done.is_none_or(|done| done.ended_by.is_some());
        self.failed = if failed { (self.failed + 1).min(16) } else { 0 };
        if failed {
            Duration::from_secs((1 << self.failed).min(limits::EMBED_PAUSE_SECONDS_MAX))
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut pace = Pace::default();
        let failed = Embedded { ended_by: Some("away".to_owned()), ..Embedded::default() };
        let pauses: Vec<u64> = (0..7).map(|_| pace.after(Some(&failed)).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pace.after(Some(&Embedded::default())), Duration::ZERO);
        assert_eq!(pace.after(None), Duration::from_secs(2));
    }
}
