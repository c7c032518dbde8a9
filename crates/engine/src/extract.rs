//! Making graphs in the background: who extracts, and the job that has it done.
//!
//! What waits is known by a key of the memory itself, so nothing is lost when a server ends, and nothing else is kept: the job looks
//! for what waits, asks the extractor, and commits the memory's next version. Two servers may ask for the same memory; one of
//! them commits.

use std::fmt;

use async_trait::async_trait;
use memoryscope_domain::graph::extract::{BUILT_IN, extract};
use memoryscope_domain::graph::extraction::WAITING;
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

/// Finds candidates for nodes and edges in a text. It is given a text only where its owner's consent allows that.
#[async_trait]
pub trait Extractor: Send + Sync + fmt::Debug {
    /// What reports call it.
    fn name(&self) -> &str;

    /// Finds what there is.
    ///
    /// # Errors
    /// A word for programs that says why it could not: `unavailable`, `timeout`, `malformed_answer`.
    async fn extract(&self, text: &str, schema: Option<&Schema>) -> Result<Candidates, String>;
}

/// The built-in extractor: it waits for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

#[async_trait]
impl Extractor for BuiltIn {
    fn name(&self) -> &str {
        BUILT_IN
    }

    async fn extract(&self, text: &str, schema: Option<&Schema>) -> Result<Candidates, String> {
        Ok(extract(text, schema))
    }
}

/// Makes every graph that is waited for, tenant by tenant, each memory once. Answers how many were settled.
///
/// # Errors
/// When a tenant's memories cannot be looked at or written: the first such refusal, once every other tenant had its turn.
pub async fn extract_all(engine: &Engine, extractor: &dyn Extractor) -> Result<usize, Refusal> {
    let (mut settled, mut after, mut failed) = (0, None, None);
    loop {
        let page = limits::TENANTS_PAGE_ITEMS;
        let tenants = engine.ports().store.tenants_with(Key::waiting(WAITING), after.as_ref(), page).await?;
        for tenant in &tenants {
            match extract_tenant(engine, extractor, tenant, &mut settled).await {
                Ok(()) => {}
                Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        match tenants.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return failed.map_or(Ok(settled), Err),
        }
    }
}

async fn extract_tenant(
    engine: &Engine,
    extractor: &dyn Extractor,
    tenant: &TenantId,
    settled: &mut usize,
) -> Result<(), Refusal> {
    let mut after = None;
    loop {
        let waiting = engine.run(&context(engine, tenant), &Waiting::Behind(after)).await?.output;
        for memory in &waiting {
            let done = settle(engine, extractor, memory).await?;
            *settled += usize::from(done.is_some_and(|extraction| !extraction.waits()));
        }
        match waiting.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(()),
        }
    }
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
    let waiting = engine.run(&context(engine, tenant), &Waiting::Named(id)).await?.output;
    match waiting.first() {
        Some(memory) => settle(engine, &BuiltIn, memory).await,
        None => Ok(None),
    }
}

async fn settle(
    engine: &Engine,
    extractor: &dyn Extractor,
    memory: &std::sync::Arc<Memory>,
) -> Result<Option<Extraction>, Refusal> {
    let Some(item) = memory.item() else { return Ok(None) };
    let (mut schema, mut found) = (None, Ok(Candidates::default()));
    if item.policy.graph() == GraphPlan::Extracted {
        if let Some(named) = &item.policy.schema_id {
            schema = schema_of(engine, memory, named.value.as_str()).await?;
            if schema.is_none() {
                found = Err("schema_gone".to_owned());
            }
        }
        if found.is_ok() {
            let content = memory.object().and_then(|object| object.content.as_ref());
            let text = content.and_then(memoryscope_domain::object::Content::as_text).unwrap_or_default();
            found = extractor.extract(text, schema.as_ref()).await;
        }
    }
    let extractor = extractor.name().to_owned();
    let op = Settle { memory: std::sync::Arc::clone(memory), schema, found, extractor };
    Ok(engine.run(&context(engine, &memory.tenant), &op).await?.output)
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
