//! `memory.reconstruct`: a context for a purpose, out of what impacts ask for and the seeds that sprout.

use std::collections::BTreeMap;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::Change;
use memoryscope_domain::constraint::MergeReport;
use memoryscope_domain::govern::{About, Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, MemoryType};
use memoryscope_domain::object::Unit;
use memoryscope_domain::policy::Effect;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{
    Dormant, EventReference, Format, Held, Material, Reconstruction, Support, Wanted, reconstruct,
};
use memoryscope_domain::scope::Scope;
use serde_json::{Map, Value};

use super::query::{HeldConstraint, findable, merged, of_types, types};
use super::search::Search;
use super::{Bridging, Info, Mint, Operation, Plan, SpiralUse};
use crate::context::Context;
use crate::port::{Around, ObjectSelect, Select};
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_reconstruct;

/// What it declares of itself. That a seed sprouted is kept beside it, which is nothing that a repeat would do twice.
pub static INFO: Info = Info { name: "memory.reconstruct", audit: Code::MEMORY_RECONSTRUCT, changes: false };

/// Puts a context together of what may be put into a prompt.
#[derive(Debug, Clone)]
pub struct Reconstruct {
    /// Whose.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// In what form.
    pub format: Format,
    /// The most tokens, by estimate; unbounded where none is named.
    pub max_tokens: Option<usize>,
    /// Whether to refer to events.
    pub include_events: bool,
    /// What the request is about; where nothing is named, every seed counts as met that asks for half a match at most.
    pub cues: Vec<String>,
    /// Only events that answer this are referred to, the best first.
    pub search: Option<Search>,
}

/// A context, and how it came to be.
#[derive(Debug, Clone)]
pub struct Reconstructed {
    /// The context and where it comes from.
    pub reconstruction: Reconstruction,
    /// The constraints that held, whether or not there was room for them.
    pub constraints: Vec<HeldConstraint>,
    /// What of the constraints was dropped, and for what.
    pub merge_report: Vec<MergeReport>,
}

impl Reconstruct {
    fn types(&self) -> &'static [MemoryType] {
        let seeds_and_impacts = [MemoryType::Impact, MemoryType::Seed];
        types(if self.include_events { &[] } else { &seeds_and_impacts })
    }
}

/// How much a memory supports what it says.
fn support(cx: &Context, memory: &Memory) -> Support {
    let object = memory.object();
    Support {
        strength: memory.strength(cx.now),
        confidence: object.map_or(Unit::ONE, |object| object.provenance.confidence),
        reinforced_at: object.and_then(|object| object.strength.last_reinforced).unwrap_or(memory.created),
    }
}

impl Operation for Reconstruct {
    type Output = Reconstructed;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    fn spirals(&self) -> SpiralUse {
        SpiralUse::ForEffects
    }

    fn wakes_seeds(&self) -> bool {
        true
    }

    fn about(&self) -> About {
        About::Objects(self.types())
    }

    fn include_events(&self) -> bool {
        self.include_events
    }

    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Whole)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Objects(ObjectSelect {
            partition: self.scope.partition(),
            among: of_types(self.types()),
            wanted: findable(self.purpose),
            since: None,
            until: None,
            after: None,
            scan: Some(limits::LIST_SCAN_ITEMS),
            words: None,
            near: self.search.as_ref().and_then(Search::near),
            around: Around::nothing(),
            limit: limits::LIST_SCAN_ITEMS,
        })
    }

    fn private(&self) -> Map<String, Value> {
        of_reconstruct(self)
    }

    fn canonical(&self, _seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.reconstruction(&output.reconstruction).constraints(&[], &output.merge_report);
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let is_for_context =
            |memory: &&Arc<Memory>| seen.is_for_prompts(memory.id) && !seen.is_dormant(memory.id);
        let memories: Vec<&Memory> =
            seen.memories().iter().filter(is_for_context).map(|memory| &**memory).collect();
        let by_id: BTreeMap<MemoryId, &Memory> = memories.iter().map(|memory| (memory.id, *memory)).collect();
        let (constraints, merge_report) = merged(cx, memories.iter().copied());
        let held = constraints.iter().filter_map(|held| {
            let support = support(cx, by_id.get(&held.impact)?);
            Some(Held { constraint: &held.constraint, impact: held.impact, support })
        });
        let seeds = memories.iter().filter_map(|memory| match &memory.body {
            Body::Seed(seed) => Some(Dormant {
                seed: memory.id,
                cues: &seed.cues,
                activation: seed.activation,
                last_activated_at: seen.activated(memory),
                support: support(cx, memory),
            }),
            _ => None,
        });
        let ranks = self.search.as_ref().map(|search| search.ranks(&memories, seen, cx.now));
        let events = memories.iter().filter_map(|memory| match &memory.body {
            Body::Event(_) => {
                let rank = ranks.as_ref().map_or(Some(0), |ranks| ranks.get(&memory.id).copied())?;
                Some(EventReference { event: memory.id, occurred_at: memory.placed?, rank })
            }
            _ => None,
        });
        let (held, seeds, events): (Vec<_>, Vec<_>, Vec<_>) =
            (held.collect(), seeds.collect(), events.collect());
        let cues: Vec<&str> = self.cues.iter().map(String::as_str).collect();
        let wanted = Wanted {
            purpose: self.purpose,
            format: self.format,
            max_tokens: self.max_tokens,
            include_events: self.include_events,
            cues: &cues,
            raise_activation_by: seen.raised_activation(),
            now: cx.now,
        };
        let material = Material { constraints: &held, seeds: &seeds, events: &events };
        let reconstruction = reconstruct(&material, &wanted);
        let sources = &reconstruction.sources;
        // What rests between two activations begins to; what need not leaves a read a read.
        // A seed of another scope rests by what happens there.
        let rests = |id: &&MemoryId| {
            seen.bridge_to(**id).is_none()
                && matches!(by_id.get(id).map(|memory| &memory.body), Some(Body::Seed(seed)) if seed.activation.cooldown_seconds() > 0)
        };
        let ids: Vec<MemoryId> = sources.seeds.iter().filter(rests).copied().collect();
        let touched = (!ids.is_empty()).then_some(Change::TouchSeeds { ids, at: cx.now });
        let memory_ids = [&sources.impacts, &sources.seeds, &sources.events];
        Ok(Plan {
            changes: touched.into_iter().collect(),
            memory_ids: memory_ids.into_iter().flatten().copied().collect(),
            ..Plan::answer(Reconstructed { reconstruction, constraints, merge_report })
        })
    }
}
