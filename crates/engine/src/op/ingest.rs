//! `memory.ingest`: events, impacts and seeds are stored, with what follows from them.

use std::collections::BTreeMap;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Proposed, Visible};
use memoryscope_domain::ids::{IdSource, MemoryId};
use memoryscope_domain::memory::{Body, Memory, MemoryType, State, SubjectRef, persons_of};
use memoryscope_domain::object::{Derivation, Happening, HistoryEntry};
use memoryscope_domain::policy::{Effect, Trace};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan, SpiralUse};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.ingest", audit: Code::MEMORY_INGEST, changes: true };

/// Stores events, impacts and seeds, each decided on its own. What follows from an event is stored with it.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// What to store, in order; at least one.
    pub items: Vec<NewObject>,
}

/// An event, an impact or a seed to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewObject {
    /// Where it belongs.
    pub scope: Scope,
    /// What it says: an event, an impact or a seed without [`Body::faults`]. What it was derived from is the client's
    /// word, whatever it says of that.
    pub body: Body,
    /// The state that its writer asks for: active, restricted or sealed. The policy only tightens it.
    pub state: State,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    /// Its id.
    pub id: MemoryId,
    /// The state that it is in.
    pub state: State,
    /// When it was stored.
    pub created: Timestamp,
    /// What was derived from it, and stored with it.
    pub derived: Vec<(MemoryId, MemoryType)>,
    /// How the policy decided.
    pub trace: Trace,
}

/// Why one was not stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Rejected {
    /// The policy denies it.
    Denied(Box<Trace>),
    /// `provenance.derived_from` names a memory that there is not, or not for this caller: the two are never told apart.
    UnknownParent,
}

impl NewObject {
    /// As it is proposed.
    fn memory(&self, cx: &Context, id: MemoryId) -> Memory {
        let mut body = self.body.clone();
        if let Some(object) = body.object_mut() {
            object.provenance.derivation = Derivation::Asserted;
            let by = cx.principal.user.clone();
            object.history.push(HistoryEntry { at: cx.now, event: Happening::Created, by, note: None });
        }
        if let Body::Impact(impact) = &mut body {
            impact.name_constraints(id);
        }
        let memory = Memory::new(id, cx.principal.tenant.clone(), self.scope.clone(), body, cx.now, None);
        Memory { state: self.state, ..memory }
    }

    fn parents(&self) -> &[MemoryId] {
        self.body.object().map_or(&[], |object| &object.provenance.derived_from)
    }
}

impl Operation for Ingest {
    /// One result for each item, in order.
    type Output = Vec<Result<Ingested, Rejected>>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Write)
    }

    fn select(&self, _cx: &Context) -> Select {
        let mut parents: Vec<MemoryId> = self.items.iter().flat_map(NewObject::parents).copied().collect();
        parents.sort_unstable();
        parents.dedup();
        if parents.is_empty() { Select::Nothing } else { Select::Memories(parents) }
    }

    fn persons(&self) -> Vec<SubjectRef> {
        self.items.iter().flat_map(|item| persons_of(&item.scope, item.body.object())).collect()
    }

    fn scopes(&self) -> Vec<&Scope> {
        self.items.iter().map(|item| &item.scope).collect()
    }

    fn spirals(&self) -> SpiralUse {
        let is_on = |item: &&NewObject| {
            item.body.object().is_some_and(|object| object.flags.get("spiral") == Some(true))
        };
        SpiralUse::ToFind(self.items.iter().filter(is_on).map(|item| item.scope.partition()).collect())
    }

    fn propose(&self, cx: &Context, ids: &mut IdSource) -> Vec<Memory> {
        self.items.iter().map(|item| item.memory(cx, MemoryId::from_uuid(ids.next_uuid()))).collect()
    }

    fn private(&self) -> Map<String, Value> {
        let item = |item: &NewObject| {
            json!({
                "type": item.body.memory_type().name(),
                "scope_type": item.scope.scope_type.name(),
                "scope_id": item.scope.id,
                "state": item.state.name(),
            })
        };
        let items: Vec<Value> = self.items.iter().map(item).collect();
        Map::from_iter([("items".to_owned(), Value::Array(items))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut plan = Plan::answer(Vec::with_capacity(self.items.len()));
        for proposed in seen.proposed() {
            plan.output.push(match proposed {
                Proposed::Accepted { memory, derived, trace } => {
                    for made in std::iter::once(memory).chain(derived) {
                        plan.memory_ids.push(made.id);
                        plan.changes.push(Change::InsertMemory(made.clone()));
                    }
                    Ok(ingested(memory, derived, trace))
                }
                Proposed::Denied(trace) => Err(Rejected::Denied(Box::new(trace.clone()))),
                Proposed::UnknownParent => Err(Rejected::UnknownParent),
                Proposed::Hindered(_) => return Err(Refusal::Bug("an import was ingested".to_owned())),
            });
        }
        plan.changes.extend(seen.spirals_found().iter().cloned().map(Change::InsertSpiral));
        let made: Vec<MemoryId> = plan.output.iter().flatten().map(|stored| stored.id).collect();
        plan.changes.extend(super::told::beside(cx, &made, mint)?);
        if plan.output.len() != self.items.len() {
            return Err(Refusal::Bug("an item was not decided".to_owned()));
        }
        let refused = plan.output.iter().filter(|result| result.is_err()).count();
        plan.reason = match refused {
            0 => None,
            all if all == self.items.len() => Some(Code::literal("ALL_REFUSED")),
            _ => Some(Code::literal("PARTLY_REFUSED")),
        };
        Ok(plan)
    }

    fn select_repeat(&self, record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Memories(record.memory_ids.clone()))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let mut derived: BTreeMap<MemoryId, Vec<&Memory>> = BTreeMap::new();
        let mut made = BTreeMap::new();
        for memory in seen.memories() {
            let provenance = &memory.object()?.provenance;
            match (provenance.derivation, provenance.derived_from.first()) {
                (Derivation::Computed, Some(parent)) => derived.entry(*parent).or_default().push(memory),
                _ => _ = made.insert(memory.id.count_in_request(), memory),
            }
        }
        // Ids of one request count up, and a repeat proposes the same items: an item has the count that it had.
        let again =
            self.items.iter().zip(seen.proposed()).zip(seen.proposed_ids()).map(|((item, proposed), id)| {
                match (made.remove(&id.count_in_request()), proposed) {
                    (Some(memory), Proposed::Accepted { trace, .. }) => {
                        let children = derived.remove(&memory.id).unwrap_or_default();
                        let mut ingested = ingested(memory, &[], trace);
                        ingested.derived =
                            children.iter().map(|made| (made.id, made.body.memory_type())).collect();
                        Some(Ok(ingested))
                    }
                    (None, Proposed::Denied(trace)) => Some(Err(Rejected::Denied(Box::new(trace.clone())))),
                    (None, _) if !item.parents().is_empty() => Some(Err(Rejected::UnknownParent)),
                    _ => None,
                }
            });
        let output: Self::Output = again.collect::<Option<_>>()?;
        if !made.is_empty() {
            return None;
        }
        Some(Plan {
            memory_ids: seen.memories().iter().map(|memory| memory.id).collect(),
            reason: Some(Code::literal("IDEMPOTENT_REPEAT")),
            ..Plan::answer(output)
        })
    }
}

fn ingested(memory: &Memory, derived: &[Memory], trace: &Trace) -> Ingested {
    Ingested {
        id: memory.id,
        state: memory.state,
        created: memory.created,
        derived: derived.iter().map(|made| (made.id, made.body.memory_type())).collect(),
        trace: trace.clone(),
    }
}
