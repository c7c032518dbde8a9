//! The pipeline without its ends: narrow, load as of a commit, decide, plan. Nothing is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memoryscope_domain::audit_chain::{AuditKey, Code, MemoryRefs, Verdict as Outcome};
use memoryscope_domain::govern::{self, Ask, Explained, Facts, Gate, Looking, Verdict, Visible};
use memoryscope_domain::ids::{BridgeId, IdSource, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::policy::{Filter, Policy, Trace};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Reconstruction;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::spiral::Spirals;

use super::Recorded;
use super::request::Request;
use crate::bridges::{self, Crossed};
use crate::context::Context;
use crate::engine::Engine;
use crate::entry::ask;
use crate::load::selection;
use crate::op::get::Versions;
use crate::op::query::{HeldConstraint, Item, Shown};
use crate::op::replay::purpose_of_looking;
use crate::op::{Mint, Operation, gate, query, reconstruct};
use crate::port::{BridgesTo, Load, Rights, Select, Snapshot, StoreError, WantedRecords};

/// What a request came to when it was asked again.
#[derive(Debug)]
pub struct Again {
    /// How it ended.
    pub decision: Outcome,
    /// Why it ended so.
    pub reason: Option<Code>,
    /// The memories it returned, in order.
    pub memory_ids: Vec<MemoryId>,
    /// The rules that decided, each with how many records it let through.
    pub rules: BTreeMap<Arc<str>, u64>,
    /// The policy's trace.
    pub trace: Option<Trace>,
    /// What it answered, where it was allowed.
    pub answer: Option<Answer>,
    /// Whether something that it may have looked at was erased since.
    pub is_short_of_inputs: bool,
    /// Whether it was ranked by vectors of which some are gone.
    pub is_of_another_index: bool,
    /// How everything that it looked at was decided, where that was asked for.
    pub(crate) looked_at: Vec<Explained>,
    pub(crate) canonical: Option<Vec<u8>>,
    pub(crate) subject_key: Option<AuditKey>,
}

impl Again {
    pub(crate) fn memories(&self) -> MemoryRefs {
        MemoryRefs::of(&self.memory_ids)
    }

    /// The memories that it showed, as they were shown.
    pub(crate) fn items(&self) -> Vec<&Item> {
        match &self.answer {
            Some(Answer::Items(items)) => items.iter().collect(),
            Some(Answer::Queried(answer)) => answer.items.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The constraints that held.
    pub(crate) fn constraints(&self) -> &[HeldConstraint] {
        match &self.answer {
            Some(Answer::Queried(answer)) => &answer.constraints,
            Some(Answer::Gate(answer)) => &answer.constraints,
            Some(Answer::Reconstructed(answer)) => &answer.constraints,
            _ => &[],
        }
    }

    pub(crate) fn reconstruction(&self) -> Option<&Reconstruction> {
        match &self.answer {
            Some(Answer::Reconstructed(answer)) => Some(&answer.reconstruction),
            _ => None,
        }
    }

    pub(crate) fn gate(&self) -> Option<&Gate> {
        match &self.answer {
            Some(Answer::Gate(answer)) => Some(&answer.gate),
            _ => None,
        }
    }
}

/// What a request answered.
#[derive(Debug)]
pub enum Answer {
    /// A memory, or its versions, the oldest first.
    Items(Vec<Item>),
    /// A page of memories.
    Queried(Box<query::Answer>),
    /// A context.
    Reconstructed(Box<reconstruct::Reconstructed>),
    /// What a tool's gate said.
    Gate(Box<gate::Answer>),
}

fn versions(cx: &Context, versions: Versions) -> Answer {
    let is_dormant = versions.is_dormant;
    let last = versions.versions.len().saturating_sub(1);
    let item = |(at, memory): (usize, Arc<Memory>)| Item {
        bridge: None,
        state: Shown::of(memory.state, is_dormant && at == last),
        include_in_prompt: false,
        strength: memory.strength(cx.now),
        memory,
        score: None,
        why: None,
    };
    Answer::Items(versions.versions.into_iter().enumerate().map(item).collect())
}

/// What is asked again, and of what.
struct Asking<'a> {
    recorded: &'a Recorded,
    cx: &'a Context,
    policy: &'a Policy,
    /// Only of what this caller may see now.
    among: Option<&'a Context>,
    explains: Explains,
}

impl Asking<'_> {
    /// A load as of the commit that the recorded decision saw.
    fn load(&self, select: Select, filter: Filter) -> Load {
        Load {
            tenant: self.recorded.draft.tenant.clone(),
            now: self.cx.now,
            select,
            filter,
            subject: self.recorded.subject,
            idempotency: None,
            as_of: Some(self.recorded.draft.as_of),
            spirals: Vec::new(),
            bridges: BridgesTo::default(),
            rights: Rights::default(),
            records: WantedRecords::nothing(),
        }
    }
}

/// Of what it is explained how it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explains {
    /// Of nothing.
    Nothing,
    /// Of what was loaded: that is what the policy may let through.
    Seen,
    /// Of what was asked for too, whatever the policy makes of it.
    All,
}

impl Engine {
    /// Asks a request as of the commit that a recorded decision saw.
    pub(super) async fn again(
        &self,
        recorded: &Recorded,
        cx: &Context,
        request: &Request,
        policy: &Policy,
        among: Option<&Context>,
        explains: Explains,
    ) -> Result<Again, StoreError> {
        let asking = Asking { recorded, cx, policy, among, explains };
        match request {
            Request::Get(op) => self.ask_again(&asking, op, |item| Answer::Items(vec![item])).await,
            Request::History(op) => self.ask_again(&asking, op, |all| versions(cx, all)).await,
            Request::Query(op) => {
                self.ask_again(&asking, &**op, |answer| Answer::Queried(Box::new(answer))).await
            }
            Request::SearchItems(op) => {
                self.ask_again(&asking, &**op, |answer| Answer::Queried(Box::new(answer))).await
            }
            Request::Reconstruct(op) => {
                self.ask_again(&asking, &**op, |answer| Answer::Reconstructed(Box::new(answer))).await
            }
            Request::Gate(op) => {
                self.ask_again(&asking, &**op, |answer| Answer::Gate(Box::new(answer))).await
            }
        }
    }

    async fn ask_again<O: Operation>(
        &self,
        asking: &Asking<'_>,
        op: &O,
        answered: impl Fn(O::Output) -> Answer + Send,
    ) -> Result<Again, StoreError> {
        let (cx, policy) = (asking.cx, asking.policy);
        let inputs = &asking.recorded.inputs;
        let mut spirals = inputs.spirals.clone();
        spirals.live.retain(|_, spiral| spiral.is_live(cx.now));
        let ask = ask(cx, op, false, &spirals);
        let mut width = 0;
        loop {
            let narrowed = govern::narrow(policy, &ask);
            let (select, filter) = selection(cx, op, width, (narrowed.as_ref(), ask.tells_withheld()));
            let load = Load { bridges: bridges::to(op), ..asking.load(select, filter) };
            let mut snapshot = self.load_of(&load).await?;
            if self.cross(op, (policy, &ask), load, &mut snapshot).await? == Crossed::Changed {
                continue;
            }
            let Snapshot { subject_key, mut facts, .. } = snapshot;
            facts.as_of = asking.recorded.draft.as_of;
            facts.activated.clone_from(&inputs.resting);
            let is_there = |id: &BridgeId| facts.bridges.iter().any(|bridge| bridge.id == *id);
            let is_short_of_inputs = !facts.erased.is_empty() || !inputs.bridges.iter().all(is_there);
            if let Some(caller) = asking.among {
                self.keep_what_is_visible_now(caller, op.purpose(), &mut facts).await?;
            }
            let looked_at = self.looked_at(asking, op, &ask, &facts).await?;
            let mut again = Again { looked_at, is_short_of_inputs, subject_key, ..Again::of_nothing() };
            let mut seen = match govern::decide(policy, &ask, narrowed, facts) {
                Verdict::Allowed(seen) => seen,
                Verdict::Refused(denial) => {
                    again.decision = denial.reason().outcome();
                    again.reason = Some(Code::literal(denial.reason().code()));
                    again.ruled(denial.ruling());
                    return Ok(again);
                }
            };
            let wants_more = (seen.more() && op.is_short(cx, &seen)) || op.leads_on(cx, &seen);
            if wants_more && op.select_wider(cx, width + 1).is_some() {
                width += 1;
                continue;
            }
            again.is_of_another_index = seen.nearest().changed;
            op.arrange(cx, &mut seen);
            if op.shows_references() {
                again.is_short_of_inputs |= self.settle_again(asking, &ask, &mut seen).await?;
            }
            if let Some(key) = &again.subject_key {
                seen.seal_scan_end(key);
            }
            let mut mint = Mint { ids: IdSource::new(cx.id_seed, cx.now), token: None };
            let plan = op.plan(cx, &seen, &mut mint).map_err(|why| StoreError::Corrupt(why.to_string()))?;
            again.canonical = op.canonical(&seen, &plan.output);
            seen.count_shown(&plan.memory_ids);
            again.ruled(seen.ruling());
            again.memory_ids = plan.memory_ids;
            again.reason = plan.reason;
            again.answer = Some(answered(plan.output));
            return Ok(again);
        }
    }

    /// How what was looked at is decided, as far as that is asked for.
    async fn looked_at<O: Operation>(
        &self,
        asking: &Asking<'_>,
        op: &O,
        ask: &Ask<'_>,
        facts: &Facts,
    ) -> Result<Vec<Explained>, StoreError> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        let mut explain = |facts: &Facts| {
            let memories = facts.evidence.iter().chain(&facts.memories);
            let new = memories.filter(|memory| seen.insert(memory.id));
            all.extend(new.map(|memory| govern::explained(asking.policy, ask, memory, &facts.bridges)));
        };
        if asking.explains != Explains::Nothing {
            explain(facts);
        }
        if asking.explains == Explains::All {
            let select = op.select(asking.cx);
            let own = self.load_as_of(asking, select, Filter::Everything).await?.facts;
            explain(&Facts { bridges: facts.bridges.clone(), ..own });
        }
        Ok(all)
    }

    /// Decides who may see what is referred to; whether something that is referred to was erased since.
    async fn settle_again(
        &self,
        asking: &Asking<'_>,
        ask: &Ask<'_>,
        seen: &mut Visible<Facts>,
    ) -> Result<bool, StoreError> {
        let references = seen.references();
        if references.is_empty() {
            return Ok(false);
        }
        let select = Select::Memories(references);
        let mut referred = self.load_as_of(asking, select, Filter::Everything).await?.facts;
        if let Some(caller) = asking.among {
            self.keep_what_is_visible_now(caller, ask.purpose, &mut referred).await?;
        }
        seen.settle_references(asking.policy, ask, &referred.memories);
        Ok(!referred.erased.is_empty())
    }

    async fn load_as_of(
        &self,
        asking: &Asking<'_>,
        select: Select,
        filter: Filter,
    ) -> Result<Snapshot, StoreError> {
        self.load_of(&asking.load(select, filter)).await
    }

    /// Forgets whatever the caller would not be shown now.
    async fn keep_what_is_visible_now(
        &self,
        caller: &Context,
        purpose: Option<Purpose>,
        facts: &mut Facts,
    ) -> Result<(), StoreError> {
        let purpose = purpose.map(|asked_for| purpose_of_looking(caller, asked_for));
        let ids: Vec<MemoryId> =
            facts.memories.iter().chain(&facts.evidence).map(|memory| memory.id).collect();
        let visible = self.visible_now(caller, purpose, ids).await?;
        for memories in [&mut facts.memories, &mut facts.versions, &mut facts.evidence] {
            memories.retain(|memory| visible.contains(&memory.id));
        }
        Ok(())
    }

    /// Which of these memories the caller would be shown now.
    pub(super) async fn visible_now(
        &self,
        caller: &Context,
        purpose: Option<Purpose>,
        ids: Vec<MemoryId>,
    ) -> Result<BTreeSet<MemoryId>, StoreError> {
        let tenant = &caller.principal.tenant;
        let store = &*self.ports().store;
        let mut visible = BTreeSet::new();
        for some in ids.chunks(limits::LIST_SCAN_ITEMS) {
            let load = super::as_of_now(tenant, caller.now, Select::Memories(some.to_vec()));
            let snapshot = store.load(&load).await?;
            let policy = self.policies().active(tenant, snapshot.active_policy.as_deref(), store).await?;
            // What has not followed yet is hidden.
            let pending = &snapshot.facts.pending;
            let spirals = self.spirals_now(caller, &policy, &snapshot.facts.memories).await?;
            let looking =
                Looking { principal: &caller.principal, purpose, dialect: caller.dialect, now: caller.now };
            let is_direct =
                |memory: &&Arc<Memory>| govern::is_shown_by_id(&policy, looking, &spirals, memory, &[]);
            let hidden = snapshot.facts.memories.iter().filter(|memory| !is_direct(memory));
            let scopes: BTreeSet<Partition> = hidden.map(|memory| memory.partition).collect();
            let bridges = self.bridges_from(scopes, &load).await?;
            let shown =
                |memory: &&Arc<Memory>| govern::is_shown_by_id(&policy, looking, &spirals, memory, &bridges);
            let followed = snapshot.facts.memories.iter().filter(|memory| !pending.contains(&memory.id));
            visible.extend(followed.filter(shown).map(|memory| memory.id));
        }
        Ok(visible)
    }
}

impl Engine {
    /// The spirals that hold now where these memories are, if the policy asks about any.
    async fn spirals_now(
        &self,
        caller: &Context,
        policy: &Policy,
        memories: &[Arc<Memory>],
    ) -> Result<Spirals, StoreError> {
        let mut spirals = Spirals::default();
        if policy.asks_about_spirals() {
            let scopes: BTreeSet<Partition> = memories.iter().map(|memory| memory.partition).collect();
            let scopes = scopes.into_iter().collect();
            let held = self
                .load_with(caller, Select::Nothing, Filter::Everything, scopes, Rights::default())
                .await?
                .spirals;
            spirals.live = held.into_iter().map(|spiral| (spiral.partition, spiral)).collect();
        }
        Ok(spirals)
    }
}

impl Again {
    const fn of_nothing() -> Self {
        Self {
            decision: Outcome::Allowed,
            reason: None,
            memory_ids: Vec::new(),
            rules: BTreeMap::new(),
            trace: None,
            answer: None,
            is_short_of_inputs: false,
            is_of_another_index: false,
            looked_at: Vec::new(),
            canonical: None,
            subject_key: None,
        }
    }

    fn ruled(&mut self, ruling: &govern::Ruling) {
        self.rules = ruling.rules.iter().map(|(rule, count)| (Arc::clone(rule), count)).collect();
        self.trace.clone_from(&ruling.trace);
    }
}
