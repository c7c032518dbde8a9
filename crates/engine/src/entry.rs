//! What a request comes with: what it asks of the policy, identifiers for what may follow, and what its audit entry keeps of it.

use memoryscope_domain::govern::{Ask, Facts};
use memoryscope_domain::ids::{BridgeId, IdSource, MemoryId};
use memoryscope_domain::memory::Body;
use memoryscope_domain::spiral::Spirals;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::op::Operation;
use crate::replay::inputs::INPUTS;
use crate::replay::request::push_principal;

/// For each event that is proposed, or may be derived from again, an id for its impact and one for its seed, whether or
/// not there will be any.
pub(crate) fn child_ids(facts: &Facts, ids: &mut IdSource) -> Vec<[MemoryId; 2]> {
    let proposed = facts.proposed.iter().filter(|memory| matches!(memory.body, Body::Event(_))).count();
    let changing = match facts.memories.first() {
        Some(memory) if facts.following.is_some() || !facts.family.children.is_empty() => {
            facts.family.events(memory).count()
        }
        _ => 0,
    };
    let befalling: usize = facts.kindred.iter().map(|(memory, family)| family.events(memory).count()).sum();
    let next = |_| [ids.next_uuid(), ids.next_uuid()].map(MemoryId::from_uuid);
    (0..proposed + changing + befalling).map(next).collect()
}

/// The erasable part of an entry: names, free text, the request, and what a replay starts from.
/// It says which bridges were made, removed or read behind. Beside it stand `inputs`: what the decision went by and cannot be loaded again.
pub(crate) fn private_part<O: Operation>(
    cx: &Context,
    op: &O,
    user: Option<&str>,
    (inputs, bridges): (&Map<String, Value>, &[BridgeId]),
) -> Map<String, Value> {
    let mut private = op.private();
    if !inputs.is_empty() {
        private.insert(INPUTS.to_owned(), Value::Object(inputs.clone()));
    }
    if !bridges.is_empty() {
        let bridges: Vec<String> = bridges.iter().map(|bridge| bridge.prefixed()).collect();
        private.insert("bridges".to_owned(), json!(bridges));
    }
    let seed: String = cx.id_seed.0.iter().map(|byte| format!("{byte:02x}")).collect();
    private.insert("operation".to_owned(), json!(op.info().name));
    private.insert("request_id".to_owned(), json!(cx.request_id.as_str()));
    private.insert("client".to_owned(), json!(cx.principal.client));
    private.insert("dialect".to_owned(), json!(cx.dialect.name()));
    private.insert("id_seed".to_owned(), json!(seed));
    push_principal(&cx.principal, &mut private);
    if let Some(user) = user {
        private.insert("user_id".to_owned(), json!(user));
    }
    private
}

/// What is asked of the policy for an operation.
pub(crate) fn ask<'a, O: Operation>(
    cx: &'a Context,
    op: &'a O,
    repeat: bool,
    spirals: &'a Spirals,
) -> Ask<'a> {
    Ask {
        principal: &cx.principal,
        purpose: op.purpose(),
        operation: op.asks_as(),
        dialect: cx.dialect,
        now: cx.now,
        authority: op.authority(),
        about: op.about(),
        include_events: op.include_events(),
        repeat,
        step: op.step(),
        tool: op.tool(),
        scope: op.scopes().into_iter().next(),
        spirals,
        person: op.person(),
        deed: op.deed(),
        origin: op.origin(cx),
    }
}
