//! Making graphs in the background: who extracts, and the job that has it done.
//!
//! What waits is known by a key of the memory itself, so nothing is lost when a server ends, and nothing else is kept: the job looks
//! for what waits, asks the extractor, and commits the memory's next version. Two servers may ask for the same memory; one of
//! them commits. What failed has another key, under which the job looks less often, and only once its time has come.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use memoryscope_domain::graph::extract::{BUILT_IN, extract};
use memoryscope_domain::graph::extraction::{WAITING, WAITING_LONGER};
use memoryscope_domain::graph::resolve::Candidates;
use memoryscope_domain::graph::{Extraction, Schema};
use memoryscope_domain::ids::{MemoryId, RequestId, SchemaId, TenantId};
use memoryscope_domain::items::policy::GraphPlan;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;

use crate::context::Context;
use crate::engine::Engine;
use crate::op::extract::{Settle, Waiting};
use crate::op::schema::Get;
use crate::refusal::Refusal;

/// Whose fault it is that an extractor found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The text's, or of what was made of it.
    Text,
    /// The extractor's, whatever it is given.
    Extractor,
    /// Nobody can tell.
    Either,
    /// The extractor takes nothing now, and says so without being asked.
    Closed,
}

/// Why an extractor found nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A word for programs.
    pub reason: String,
    fault: Fault,
}

impl Failure {
    /// This text could not be extracted; another may be. It is tried again later, and at last given up.
    #[must_use]
    pub fn of_text(reason: &str) -> Self {
        Self { reason: reason.to_owned(), fault: Fault::Text }
    }

    /// No text can be extracted now. None is given up for it; the job pauses.
    #[must_use]
    pub fn of_extractor(reason: &str) -> Self {
        Self { reason: reason.to_owned(), fault: Fault::Extractor }
    }

    /// It may be the text and it may be the extractor: the text is given up at last, and the job pauses.
    #[must_use]
    pub fn unclear(reason: &str) -> Self {
        Self { reason: reason.to_owned(), fault: Fault::Either }
    }

    /// Whether it is one of the attempts after which a text is given up.
    #[must_use]
    pub fn counts(&self) -> bool {
        !matches!(self.fault, Fault::Extractor | Fault::Closed)
    }

    /// Whether the next text is likely to fare alike.
    #[must_use]
    pub fn ends_the_round(&self) -> bool {
        matches!(self.fault, Fault::Extractor | Fault::Either)
    }
}

/// Finds candidates for nodes and edges in a text. It is given a text only where its owner's consent allows that.
#[async_trait]
pub trait Extractor: Send + Sync + fmt::Debug {
    /// What reports call it.
    fn name(&self) -> &str;

    /// Whether what it is given leaves this process. Each memory is looked at again right before.
    fn sends_away(&self) -> bool {
        false
    }

    /// Why it takes nothing now, such as `budget_exhausted`: what waits goes on waiting then, and no attempt is counted.
    fn closed(&self) -> Option<&'static str> {
        None
    }

    /// Finds what there is.
    ///
    /// # Errors
    /// Why it could not.
    async fn extract(&self, text: &str, schema: Option<&Schema>) -> Result<Candidates, Failure>;
}

/// The built-in extractor: it waits for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

#[async_trait]
impl Extractor for BuiltIn {
    fn name(&self) -> &str {
        BUILT_IN
    }

    async fn extract(&self, text: &str, schema: Option<&Schema>) -> Result<Candidates, Failure> {
        Ok(extract(text, schema))
    }
}

/// What one look at what waits came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// How many wait no longer.
    pub settled: usize,
    /// How many were tried and wait still.
    pub failed: usize,
    /// Why it ended before it had looked at everything: whatever comes next would fare alike.
    pub ended_by: Option<String>,
}

/// Which of those that wait are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Those that were never tried.
    New,
    /// Those that failed before, or could not be tried, and whose time has come.
    Later,
}

/// When the job looks at what waits, and at how much of it: a pure function of what the looks before came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Rounds in a row that ended early.
    failed: u32,
    /// Looks since those that wait longer were looked at.
    looks: u64,
}

impl Pace {
    /// Whether this look is also at those that wait longer: at the first one, after a pause, and every now and then.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        let every = limits::EXTRACTION_LATER_INTERVAL_SECONDS * 1_000 / limits::EXTRACTION_INTERVAL_MS;
        self.failed > 0 || self.looks.is_multiple_of(every)
    }

    /// How long to wait after a round: twice as long each time that it ended early.
    #[must_use]
    pub fn after(&mut self, round: &Round) -> Duration {
        self.looks += 1;
        if round.ended_by.is_none() {
            self.failed = 0;
            return Duration::from_millis(limits::EXTRACTION_INTERVAL_MS);
        }
        self.failed = (self.failed + 1).min(16);
        Duration::from_secs((1 << self.failed).min(limits::EXTRACTION_PAUSE_SECONDS_MAX))
    }
}

/// Makes every graph that is waited for and may be made now, tenant by tenant, each memory once. Answers how many wait no longer.
///
/// # Errors
/// When a tenant's memories cannot be looked at or written: the first such refusal, once every other tenant had its turn.
pub async fn extract_all(engine: &Engine, extractor: &dyn Extractor) -> Result<usize, Refusal> {
    Ok(extract_round(engine, extractor, true).await?.settled)
}

/// The same, of those that wait longer only where `at_all`; and ends early where the extractor fails whatever it is given. Where texts
/// leave this process, each tenant has a turn of at most [`limits::EXTRACTION_BATCH_ITEMS`].
///
/// # Errors
/// As [`extract_all`].
pub async fn extract_round(
    engine: &Engine,
    extractor: &dyn Extractor,
    at_all: bool,
) -> Result<Round, Refusal> {
    let mut round = Round::default();
    let mut failed = None;
    for line in [Line::New, Line::Later] {
        // Who could not be asked before cannot be asked now.
        if line == Line::Later && (!at_all || extractor.closed().is_some()) {
            continue;
        }
        let job = match line {
            Line::New => WAITING,
            Line::Later => WAITING_LONGER,
        };
        let mut after = None;
        while round.ended_by.is_none() {
            let page = limits::TENANTS_PAGE_ITEMS;
            let tenants = engine.ports().store.tenants_with(Key::waiting(job), after.as_ref(), page).await?;
            for tenant in &tenants {
                match extract_tenant(engine, extractor, tenant, line, &mut round).await {
                    Ok(()) => {}
                    Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                    Err(refusal) => failed = failed.or(Some(refusal)),
                }
            }
            match tenants.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    failed.map_or(Ok(round), Err)
}

async fn extract_tenant(
    engine: &Engine,
    extractor: &dyn Extractor,
    tenant: &TenantId,
    line: Line,
    round: &mut Round,
) -> Result<(), Refusal> {
    let (mut after, mut asked) = (None, 0);
    while round.ended_by.is_none() {
        let look = match line {
            Line::New => Waiting::Behind(after),
            Line::Later => Waiting::Later(after),
        };
        let queue = engine.run(&context(engine, tenant), &look).await?.output;
        for memory in &queue.memories {
            settle(engine, extractor, memory, round).await?;
            asked += 1;
            if round.ended_by.is_some() {
                return Ok(());
            }
        }
        after = queue.last;
        if after.is_none() || (extractor.sends_away() && asked >= limits::EXTRACTION_BATCH_ITEMS) {
            break;
        }
    }
    Ok(())
}

/// Makes the graph that a caller gave with a memory, at once. Nothing is asked of an extractor.
///
/// # Errors
/// As every operation.
pub async fn make_given(
    engine: &Engine,
    tenant: &TenantId,
    id: MemoryId,
) -> Result<Option<Extraction>, Refusal> {
    match named(engine, tenant, id).await? {
        Some(memory) => settle(engine, &BuiltIn, &memory, &mut Round::default()).await,
        None => Ok(None),
    }
}

/// A memory, if it waits and its graph may be made now.
async fn named(engine: &Engine, tenant: &TenantId, id: MemoryId) -> Result<Option<Arc<Memory>>, Refusal> {
    let queue = engine.run(&context(engine, tenant), &Waiting::Named(id)).await?.output;
    Ok(queue.memories.into_iter().next())
}

async fn settle(
    engine: &Engine,
    extractor: &dyn Extractor,
    memory: &Arc<Memory>,
    round: &mut Round,
) -> Result<Option<Extraction>, Refusal> {
    let Some(item) = memory.item() else { return Ok(None) };
    let is_extracted = item.policy.graph() == GraphPlan::Extracted;
    let found = if is_extracted { find(engine, extractor, memory).await? } else { Some(Found::default()) };
    let Some(Found { schema, candidates }) = found else { return Ok(None) };
    let failure = candidates.as_ref().err().cloned();
    let extractor = extractor.name().to_owned();
    let op = Settle { memory: Arc::clone(memory), schema, found: candidates, extractor };
    let done = engine.run(&context(engine, &memory.tenant), &op).await?.output;
    if let Some(extraction) = &done {
        round.settled += usize::from(!extraction.waits());
        round.failed += usize::from(extraction.waits());
    }
    // One that takes nothing says so at once, and everything that waits is told.
    round.ended_by = failure.filter(Failure::ends_the_round).map(|failure| failure.reason);
    Ok(done)
}

/// What an extractor found in a memory, and by which schema.
struct Found {
    schema: Option<Schema>,
    candidates: Result<Candidates, Failure>,
}

impl Default for Found {
    fn default() -> Self {
        Self { schema: None, candidates: Ok(Candidates::default()) }
    }
}

/// Asks the extractor. Of a memory that is no longer the same by then nothing is asked.
async fn find(
    engine: &Engine,
    extractor: &dyn Extractor,
    memory: &Arc<Memory>,
) -> Result<Option<Found>, Refusal> {
    let Some(item) = memory.item() else { return Ok(None) };
    let failed = |failure| Ok(Some(Found { schema: None, candidates: Err(failure) }));
    if let Some(reason) = extractor.closed() {
        return failed(Failure { fault: Fault::Closed, ..Failure::of_extractor(reason) });
    }
    let mut schema = None;
    if let Some(wanted) = &item.policy.schema_id {
        schema = schema_of(engine, memory, wanted.value.as_str()).await?;
        if schema.is_none() {
            return failed(Failure::of_text("schema_gone"));
        }
    }
    // The others of its batch may have taken minutes, in which it was sealed, erased, or kept from being used.
    if extractor.sends_away() {
        let now = named(engine, &memory.tenant, memory.id).await?;
        if now.is_none_or(|now| now.version != memory.version) {
            return Ok(None);
        }
    }
    let content = memory.object().and_then(|object| object.content.as_ref());
    let text = content.and_then(memoryscope_domain::object::Content::as_text).unwrap_or_default();
    let candidates = extractor.extract(text, schema.as_ref()).await;
    Ok(Some(Found { schema, candidates }))
}

async fn schema_of(engine: &Engine, memory: &Memory, named: &str) -> Result<Option<Schema>, Refusal> {
    let Ok(id) = SchemaId::parse(named) else { return Ok(None) };
    let found = engine.run(&context(engine, &memory.tenant), &Get { id }).await?.output;
    Ok(found.map(|stored| stored.schema))
}

/// The server itself, in a tenant.
fn context(engine: &Engine, tenant: &TenantId) -> Context {
    let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
    engine.begin(Principal::system(tenant.clone()), name, Dialect::Items, engine.ports().clock.now())
}
