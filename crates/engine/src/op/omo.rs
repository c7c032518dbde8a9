//! `omo.export` and `omo.import`: items leave as Open Memory Objects, and come in as such.
//!
//! What leaves is what the caller may read by its id, and never what is sealed. What comes in is written as any item is; it
//! brings nothing back that was erased, and changes nothing that is there.

use std::collections::BTreeSet;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Hindered, Origin, Proposed, Visible};
use memoryscope_domain::ids::{IdSource, MemoryId};
use memoryscope_domain::items::omo::{self, Imported, OmoObject};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Memory, SubjectRef, persons_of};
use memoryscope_domain::object::{Derivation, Happening, HistoryEntry};
use memoryscope_domain::policy::{Effect, Trace};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// What [`Export`] declares of itself.
pub static EXPORT: Info = Info { name: "omo.export", audit: Code::literal("OMO_EXPORT"), changes: false };
/// What [`Import`] declares of itself.
pub static IMPORT: Info = Info { name: "omo.import", audit: Code::literal("OMO_IMPORT"), changes: true };

/// Shows items as objects. What the caller may not see, what is sealed or erased, and what is no item is left out.
#[derive(Debug, Clone)]
pub struct Export {
    /// Which, at most [`limits::OMO_ITEMS_MAX`].
    pub ids: Vec<MemoryId>,
    /// What for.
    pub purpose: Purpose,
}

impl Operation for Export {
    /// In the order in which they were asked for, each once.
    type Output = Vec<OmoObject>;

    fn info(&self) -> &'static Info {
        &EXPORT
    }

    fn authority(&self) -> Authority {
        Authority::ReadEach
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(self.ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn private(&self) -> Map<String, Value> {
        let ids: Vec<String> = self.ids.iter().map(|id| id.prefixed()).collect();
        Map::from_iter([("request".to_owned(), json!({"memory_ids": ids}))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut plan = Plan::answer(Vec::new());
        let mut bytes = 0;
        for id in &self.ids {
            let memory = seen.memories().iter().find(|memory| memory.id == *id);
            let shown = memory.filter(|_| !plan.memory_ids.contains(id));
            let object = shown.and_then(|memory| {
                let mut object = OmoObject::of(memory, seen.redacted_paths(*id))?;
                if !memory.is_owned_by(&cx.principal.acting_on(memory)) {
                    object.keep_to_what_is_shared();
                }
                Some(object)
            });
            let Some(object) = object else { continue };
            bytes += object.to_json().to_string().len();
            plan.memory_ids.push(*id);
            plan.output.push(object);
        }
        if bytes > limits::OMO_EXPORT_BYTES_MAX {
            let max = limits::OMO_EXPORT_BYTES_MAX as u64;
            return Err(Refusal::TooLarge { limit: "bytes of objects", max });
        }
        Ok(plan)
    }
}

/// Stores objects as items, each decided on its own. What follows from one is stored with it.
#[derive(Debug, Clone)]
pub struct Import {
    /// Where each belongs, and what it becomes; at least one.
    pub objects: Vec<(Scope, Imported)>,
}

/// Why an object was not stored.
#[derive(Debug, Clone, PartialEq)]
pub enum NotImported {
    /// The policy denies it.
    Denied(Box<Trace>),
    /// It cannot come in.
    Hindered(Hindered),
}

impl Import {
    fn memory(cx: &Context, scope: &Scope, imported: &Imported) -> Memory {
        let mut body = imported.body.clone();
        if let Some(object) = body.object_mut() {
            object.provenance.derivation = Derivation::Asserted;
            let by = cx.principal.user.clone();
            object.history.push(HistoryEntry { at: cx.now, event: Happening::Created, by, note: None });
        }
        let tenant = cx.principal.tenant.clone();
        let unnamed = MemoryId::from_uuid(uuid::Uuid::nil());
        let mut memory = Memory::new(unnamed, tenant, scope.clone(), body, imported.created, None);
        memory.state = imported.state;
        if let Some(id) = omo::ids_of(&imported.origin, memory.partition).first() {
            omo::give_id(&mut memory, *id, &imported.origin);
        }
        memory
    }

    /// Every id that one of them may have.
    fn ids(&self) -> Vec<MemoryId> {
        let ids = self.objects.iter().flat_map(|(scope, of)| omo::ids_of(&of.origin, scope.partition()));
        ids.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Operation for Import {
    /// One result for each object, in order: the id that it has.
    type Output = Vec<Result<MemoryId, NotImported>>;

    fn info(&self) -> &'static Info {
        &IMPORT
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Write)
    }

    fn origin(&self, _cx: &Context) -> Origin {
        Origin::Objects
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(self.ids())
    }

    fn persons(&self) -> Vec<SubjectRef> {
        self.objects.iter().flat_map(|(scope, of)| persons_of(scope, of.body.object())).collect()
    }

    fn scopes(&self) -> Vec<&Scope> {
        self.objects.iter().map(|(scope, _)| scope).collect()
    }

    fn propose(&self, cx: &Context, _ids: &mut IdSource) -> Vec<Memory> {
        self.objects.iter().map(|(scope, imported)| Self::memory(cx, scope, imported)).collect()
    }

    fn private(&self) -> Map<String, Value> {
        let object = |(scope, imported): &(Scope, Imported)| {
            json!({
                "id": imported.origin,
                "scope_type": scope.scope_type.name(),
                "scope_id": scope.id,
                "state": imported.state.name(),
            })
        };
        let objects: Vec<Value> = self.objects.iter().map(object).collect();
        Map::from_iter([("items".to_owned(), Value::Array(objects))])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut plan = Plan::answer(Vec::with_capacity(self.objects.len()));
        for proposed in seen.proposed() {
            plan.output.push(match proposed {
                Proposed::Accepted { memory, derived, .. } => {
                    for made in std::iter::once(memory).chain(derived) {
                        plan.memory_ids.push(made.id);
                        plan.changes.push(Change::InsertMemory(made.clone()));
                    }
                    Ok(memory.id)
                }
                Proposed::Denied(trace) => Err(NotImported::Denied(Box::new(trace.clone()))),
                Proposed::Hindered(hindered) => Err(NotImported::Hindered(hindered)),
                Proposed::UnknownParent => return Err(Refusal::Bug("an object was derived".to_owned())),
            });
        }
        if plan.output.len() != self.objects.len() {
            return Err(Refusal::Bug("an object was not decided".to_owned()));
        }
        let left_out = plan.output.iter().filter(|result| result.is_err()).count();
        plan.reason = match left_out {
            0 => None,
            all if all == self.objects.len() => Some(Code::literal("NOTHING_IMPORTED")),
            _ => Some(Code::literal("PARTLY_IMPORTED")),
        };
        Ok(plan)
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Memories(self.ids()))
    }

    /// What the key made is told as made; what it did not make is looked at as today.
    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let made: BTreeSet<MemoryId> =
            seen.idempotency().iter().flat_map(|record| record.memory_ids.iter().copied()).collect();
        let mut told = BTreeSet::new();
        let mut again = |proposed: Proposed<'_>| match proposed {
            Proposed::Hindered(Hindered::Known(id)) if made.contains(&id) && told.insert(id) => Some(Ok(id)),
            Proposed::Hindered(hindered) => Some(Err(NotImported::Hindered(hindered))),
            Proposed::Denied(trace) => Some(Err(NotImported::Denied(Box::new(trace.clone())))),
            Proposed::Accepted { .. } | Proposed::UnknownParent => None,
        };
        let output: Self::Output = seen.proposed().map(&mut again).collect::<Option<_>>()?;
        Some(Plan {
            memory_ids: made.into_iter().collect(),
            reason: Some(Code::literal("IDEMPOTENT_REPEAT")),
            ..Plan::answer(output)
        })
    }
}
