//! The built-in embedder: all-MiniLM-L6-v2 in this process, on threads of its own.
//!
//! Nothing is read before something is asked for; then the model is read once, and kept. Texts of equal length go through it
//! together, which is faster and changes no bit; texts of different lengths never do, for they would have to be filled up.

mod files;
mod model;
mod pull;
mod queue;
#[cfg(test)]
mod tests;
mod tokenizer;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use memoryscope_engine::embed::{Embedder, Readiness};
use memoryscope_engine::extract::Failure;
use rten::ThreadPool;

pub use files::{FILES, Found, ModelFile};
pub use pull::{PullError, pull};

use model::{DIMENSIONS, Transformer};
use queue::Queue;
use tokenizer::Tokenizer;

/// What its vectors are stored with: the model, the beginning of its digest, and the version of what is done around it here. That one
/// is counted up when anything else makes the same text another vector.
pub const ID: &str = "local:all-MiniLM-L6-v2:8199be6f:1";
/// Texts go through the model together up to so many tokens: more gain nothing.
const LOT_TOKENS: usize = 128;

/// Where the model is, and what it may take.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The folder of its files.
    pub folder: PathBuf,
    /// How many threads embed.
    pub threads: usize,
}

/// The built-in embedder.
#[derive(Debug)]
pub struct LocalEmbedder {
    threads: usize,
    started: OnceLock<bool>,
    shared: Arc<Shared>,
}

/// What its threads share.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    queue: Queue<Work>,
    loaded: OnceLock<Loaded>,
    /// Held by who reads the model.
    reading: Mutex<()>,
    /// Whether the model could not be read though it is there, or did not work.
    is_failing: AtomicBool,
}

#[derive(Debug)]
struct Loaded {
    tokenizer: Tokenizer,
    transformer: Transformer,
}

/// One thing to do for someone.
#[derive(Debug)]
enum Work {
    /// Read the texts.
    Read(Vec<String>),
    /// Embed these, which are all of one length, each with its place in the answer.
    Embed(Vec<(usize, Vec<u32>)>),
}

impl LocalEmbedder {
    /// An embedder that has read nothing yet.
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        let shared = Shared {
            folder: config.folder,
            queue: Queue::new(),
            loaded: OnceLock::new(),
            reading: Mutex::new(()),
            is_failing: AtomicBool::new(false),
        };
        Self { threads: config.threads.max(1), started: OnceLock::new(), shared: Arc::new(shared) }
    }

    /// Starts its threads, once. Whether there is at least one.
    fn start(&self) -> bool {
        let start = |number: usize| {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name(format!("embed-{number}"));
            thread.spawn(move || shared.work()).is_ok()
        };
        *self.started.get_or_init(|| (0..self.threads).filter(|number| start(*number)).count() > 0)
    }
}

impl Drop for LocalEmbedder {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn id(&self) -> &str {
        ID
    }

    fn dimensions(&self) -> Option<usize> {
        Some(DIMENSIONS)
    }

    fn readiness(&self) -> Readiness {
        let found = FILES.each_ref().map(|file| file.glance(&self.shared.folder));
        let is_failing = self.shared.is_failing.load(Ordering::SeqCst);
        match (is_failing, self.shared.loaded.get().is_some()) {
            (false, true) => Readiness::Ready,
            _ if found.contains(&Found::Absent) => Readiness::Absent,
            _ if is_failing || found.contains(&Found::Other) => Readiness::Failing,
            _ => Readiness::Ready,
        }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failure> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        if !self.start() {
            return Err(Failure::of_extractor("no_thread"));
        }
        let said = self.shared.queue.add(texts.len(), Work::Read(texts.to_vec()));
        said.await.unwrap_or_else(|_| Err(Failure::of_extractor("stopped")))
    }
}

impl Shared {
    /// What each thread does until the embedder is dropped.
    fn work(&self) {
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        while let Some((whose, work)) = self.queue.take() {
            // What the model's code does not expect ends this job, and not the thread.
            let done = catch_unwind(AssertUnwindSafe(|| self.step(work, &pool)));
            match done.unwrap_or_else(|_| Err(Failure::unclear("model_failed"))) {
                Ok(Step::Found(lots)) => self.queue.more(whose, lots),
                Ok(Step::Made(vectors)) => self.finish(whose, Ok(vectors)),
                Err(failure) => self.finish(whose, Err(failure)),
            }
        }
    }

    fn finish(&self, whose: usize, made: Result<Vec<(usize, Vec<f32>)>, Failure>) {
        let is_failing = made.as_ref().err().is_some_and(|failure| failure.reason != ABSENT);
        self.is_failing.store(is_failing, Ordering::SeqCst);
        self.queue.done(whose, made);
    }

    fn step(&self, work: Work, pool: &Arc<ThreadPool>) -> Result<Step, Failure> {
        let model = self.load()?;
        let lot = match work {
            Work::Read(texts) => {
                let read = texts.iter().map(|text| model.tokenizer.tokens(text)).collect();
                return Ok(Step::Found(lots(read)));
            }
            Work::Embed(lot) => lot,
        };
        let batch: Vec<&[u32]> = lot.iter().map(|(_, tokens)| tokens.as_slice()).collect();
        let vectors =
            model.transformer.embed(&batch, pool).ok_or_else(|| Failure::unclear("model_failed"))?;
        Ok(Step::Made(lot.iter().map(|(at, _)| *at).zip(vectors).collect()))
    }

    /// The model, read from its files where it has not been yet: by one thread, while the others wait.
    fn load(&self) -> Result<&Loaded, Failure> {
        if let Some(model) = self.loaded.get() {
            return Ok(model);
        }
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = self.loaded.get() {
            return Ok(model);
        }
        let read = |file: &ModelFile| {
            file.read(&self.folder).map_err(|found| match found {
                Found::Absent => Failure::of_extractor(ABSENT),
                _ => damaged(),
            })
        };
        let [onnx, tokenizer] = &FILES;
        let (onnx, tokenizer) = (read(onnx)?, read(tokenizer)?);
        let tokenizer = Tokenizer::read(&tokenizer).ok_or_else(damaged)?;
        let transformer = Transformer::read(onnx).ok_or_else(damaged)?;
        tracing::info!(model = ID, "the model that embeds texts was read");
        Ok(self.loaded.get_or_init(|| Loaded { tokenizer, transformer }))
    }
}

/// What a step came to.
enum Step {
    Found(Vec<Work>),
    Made(Vec<(usize, Vec<f32>)>),
}

const ABSENT: &str = "model_absent";

fn damaged() -> Failure {
    Failure::of_extractor("model_damaged")
}

/// What goes through the model together: the shortest first, and of one length only.
fn lots(read: Vec<Vec<u32>>) -> Vec<Work> {
    let mut by_length: BTreeMap<usize, Vec<(usize, Vec<u32>)>> = BTreeMap::new();
    for (at, tokens) in read.into_iter().enumerate() {
        by_length.entry(tokens.len()).or_default().push((at, tokens));
    }
    let mut lots = Vec::new();
    for (length, mut same) in by_length {
        let together = (LOT_TOKENS / length.max(1)).max(1);
        while !same.is_empty() {
            let rest = same.split_off(together.min(same.len()));
            lots.push(Work::Embed(std::mem::replace(&mut same, rest)));
        }
    }
    lots
}
