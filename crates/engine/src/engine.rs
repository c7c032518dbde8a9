//! `run`: the one function that everything passes through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use memoryscope_domain::audit_chain::{AuditKey, Code, Draft, MemoryRefs, Private};
use memoryscope_domain::change::{Change, ChangeSet, Expect, IdempotencyKey, IdempotencyRecord};
use memoryscope_domain::govern::{
    self, Ask, Authority, Denial, Facts, Origin, Reason, Ruling, Verdict, Visible,
};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{AuditId, BridgeId, IdSource, MemoryId, RequestId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::{Dialect, Filter, Policy, Trace};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::scope::ScopeType;
use memoryscope_domain::spiral::Lexicon;
use memoryscope_domain::time::Timestamp;
use tracing::{Instrument as _, info_span};

use crate::bridges::Crossed;
use crate::context::{Context, Idempotency};
use crate::embedding::Embedding;
use crate::entry::{ask, child_ids, private_part};
use crate::load::{loading, loading_for, own_subject, selection};
use crate::op::{Mint, Operation, Plan};
use crate::policies::{Policies, Ready};
use crate::port::{Decision, Load, Meter, NoMeter, Ports, Receipt, Select, Snapshot, StoreError};
use crate::refusal::{Conflict, Denied, Gone, Refusal};
use crate::replay::inputs;
use crate::{spirals, traces};
use serde_json::{Map, Value};

/// The governed pipeline over its ports.
#[derive(Debug)]
pub struct Engine {
    ports: Ports,
    meter: Arc<dyn Meter>,
    policies: Policies,
    lexicon: Option<Arc<Lexicon>>,
    pub(crate) embedding: Option<Embedding>,
    in_flight: Mutex<BTreeSet<(TenantId, IdempotencyKey)>>,
}

/// What an operation answered, and under which name it stands in the audit chain.
#[derive(Debug)]
pub struct Done<T> {
    /// The answer.
    pub output: T,
    /// The audit entry's id.
    pub access_log: AuditId,
    /// The policy's trace, where the policy was asked.
    pub trace: Option<Trace>,
    /// What of the answer was read behind which bridge.
    pub bridged: BTreeMap<BridgeId, Vec<MemoryId>>,
}

/// Why an attempt did not come to an answer.
enum Stopped {
    /// Something changed meanwhile: load and decide again.
    Again,
    /// The policy let through too little of what was looked at: look at more.
    Wider,
    /// The request is refused.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// What an attempt has in hand once the facts are loaded.
struct Loaded {
    policy: Ready,
    active_policy: Option<String>,
    head: memoryscope_domain::audit_chain::Seq,
    subject: SubjectRef,
    subject_key: Option<AuditKey>,
    ids: IdSource,
    access_log: AuditId,
    repeats: bool,
    /// What the decision went by and cannot be loaded again, for its entry's private part.
    inputs: Map<String, Value>,
}

/// A subject's audit key.
pub(crate) struct Key {
    pub(crate) key: AuditKey,
    is_new: bool,
}

impl Engine {
    /// An engine on these ports; `default_policy` decides for tenants that have activated none of their own.
    #[must_use]
    pub fn new(ports: Ports, default_policy: Arc<Policy>) -> Self {
        let (meter, policies) = (Arc::new(NoMeter), Policies::new(default_policy));
        Self { ports, meter, policies, lexicon: None, embedding: None, in_flight: Mutex::default() }
    }

    /// The same, measured.
    #[must_use]
    pub fn measured_by(self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self }
    }

    /// The same, telling spirals by this lexicon and not by the built-in one.
    #[must_use]
    pub fn telling_spirals_by(self, lexicon: Arc<Lexicon>) -> Self {
        Self { lexicon: Some(lexicon), ..self }
    }

    pub(crate) fn lexicon(&self) -> Option<Arc<Lexicon>> {
        self.lexicon.clone()
    }

    /// Where its measurements go.
    #[must_use]
    pub fn meter(&self) -> &dyn Meter {
        &*self.meter
    }

    /// The policies in force.
    pub(crate) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The ports it stands on.
    #[must_use]
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Begins a request at the time of its arrival; its identifiers are seeded once.
    #[must_use]
    pub fn begin(
        &self,
        principal: Principal,
        request_id: RequestId,
        dialect: Dialect,
        now: Timestamp,
    ) -> Context {
        let id_seed = self.ports.ids.seed();
        let (idempotency, origin, tells) = (None, Origin::Live, None);
        Context { principal, request_id, dialect, now, id_seed, idempotency, origin, tells }
    }

    /// Runs an operation: narrow, load, decide, plan, commit. No answer leaves before its audit entry is durable.
    ///
    /// # Errors
    /// See [`Refusal`]; denials are in the audit chain too.
    pub async fn run<O: Operation>(&self, cx: &Context, op: &O) -> Result<Done<O::Output>, Refusal> {
        let _guard = self.claim(cx, op)?;
        let (mut attempts, mut width) = (0, 0);
        while attempts < limits::COMMIT_ATTEMPTS_MAX {
            match self.attempt(cx, op, width).await {
                Ok(done) => return Ok(done),
                Err(Stopped::Again) => attempts += 1,
                Err(Stopped::Wider) => width += 1,
                Err(Stopped::Refused(refusal)) => return Err(refusal),
            }
        }
        Err(Refusal::Conflict(Conflict::Contended))
    }

    /// Marks the request's idempotency key as being worked on, until the guard is dropped.
    fn claim<O: Operation>(&self, cx: &Context, op: &O) -> Result<Option<Claim<'_>>, Refusal> {
        let Some(given) = idempotency(cx, op) else { return Ok(None) };
        let key = (cx.principal.tenant.clone(), given.key.clone());
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_flight.insert(key.clone()) {
            return Err(Refusal::Conflict(Conflict::InProgress));
        }
        Ok(Some(Claim { in_flight: &self.in_flight, key }))
    }

    async fn attempt<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        width: u32,
    ) -> Result<Done<O::Output>, Stopped> {
        let tenant = &cx.principal.tenant;
        let asks_policy =
            !matches!(op.authority(), Authority::Roles(_) | Authority::Operator | Authority::System);
        let (active_policy, policy) = self.policies.of(tenant, &*self.ports.store, asks_policy).await?;
        let mut spirals = self.spirals_before(cx, op, &policy.policy).await?;
        let narrowed = govern::narrow(&policy.policy, &ask(cx, op, false, &spirals));
        let is_told = ask(cx, op, false, &spirals).tells_withheld();
        let load = loading_for(cx, op, selection(cx, op, width, (narrowed.as_ref(), is_told)));
        let mut snapshot = self.load_of(&load).await?;
        if snapshot.active_policy != active_policy {
            self.policies.learn_active(tenant, snapshot.active_policy);
            return Err(Stopped::Again);
        }
        self.learn_spirals(cx, op, &policy.policy, &mut snapshot, &mut spirals).await?;
        let asked = (&*policy.policy, &ask(cx, op, false, &spirals));
        if self.cross(op, asked, load, &mut snapshot).await? == Crossed::Changed {
            return Err(Stopped::Again);
        }
        let repeat = self.repeat_of(cx, op, &snapshot)?;
        let repeats = repeat.is_some();
        let snapshot = match repeat {
            Some(select) => self.load_repeat(cx, op, select, snapshot.idempotency).await?,
            None => snapshot,
        };
        let mut ids = IdSource::new(cx.id_seed, cx.now);
        let access_log = AuditId::from_uuid(ids.next_uuid());
        let Snapshot { head, subject, subject_key, mut facts, .. } = snapshot;
        let (head, inputs) = (head.seq, inputs::of(&spirals, &facts, op.bridging().is_some()));
        let mut loaded =
            Loaded { policy, active_policy, head, subject, subject_key, ids, access_log, repeats, inputs };
        facts.as_of = head;
        facts.versions.extend(op.recalled());
        facts.active_policy = Some(loaded.policy.reference.clone());
        if op.shows_policy_in_force() {
            facts.policies.push(loaded.policy.document());
        }
        facts.proposed = op.propose(cx, &mut loaded.ids);
        facts.proposed_bridge = op.propose_bridge(cx, &mut loaded.ids);
        self.learn_rights(cx, &mut facts).await?;
        facts.child_ids = child_ids(&facts, &mut loaded.ids);
        spirals::name(&mut spirals, &mut loaded.ids);
        let ask = ask(cx, op, repeats, &spirals);
        match govern::decide(&loaded.policy.policy, &ask, narrowed, facts) {
            Verdict::Allowed(mut seen) => {
                let wants_more = (seen.more() && op.is_short(cx, &seen)) || op.leads_on(cx, &seen);
                if wants_more && op.select_wider(cx, width + 1).is_some() {
                    return Err(Stopped::Wider);
                }
                op.arrange(cx, &mut seen);
                if op.shows_references() {
                    self.settle_references(cx, &loaded, &ask, &mut seen).await?;
                }
                self.carry_out(cx, op, loaded, *seen).await
            }
            Verdict::Refused(denial) => {
                if denial.grant().is_none() && loaded.subject != own_subject(cx) {
                    // The token is somebody else's: its person has no part in this entry, nor has their key.
                    let own = self.load(cx, Select::Nothing, Filter::Everything).await?;
                    (loaded.subject, loaded.subject_key) = (own.subject, own.subject_key);
                }
                Err(self.refuse(cx, op, loaded, *denial).await)
            }
        }
    }

    /// Asks who may see what is referred to, as of the commit that everything else is of.
    async fn settle_references(
        &self,
        cx: &Context,
        loaded: &Loaded,
        ask: &Ask<'_>,
        seen: &mut Visible<Facts>,
    ) -> Result<(), Stopped> {
        let references = seen.references();
        if !references.is_empty() {
            let mut referred =
                self.load(cx, Select::Memories(references.clone()), Filter::Everything).await?;
            // What has not followed yet is hidden now, whatever is looked at.
            let pending = std::mem::take(&mut referred.facts.pending);
            if referred.head.seq != loaded.head {
                let select = Select::Memories(references);
                let load = Load { as_of: Some(loaded.head), ..loading(cx, select, Filter::Everything) };
                referred = self.ports.store.load(&load).await?;
            }
            referred.facts.memories.retain(|memory| !pending.contains(&memory.id));
            seen.settle_references(&loaded.policy.policy, ask, &referred.facts.memories);
        }
        Ok(())
    }

    /// What to load to answer a repeat, if this is one.
    fn repeat_of<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        snapshot: &Snapshot,
    ) -> Result<Option<Select>, Refusal> {
        let (Some(given), Some(record)) = (idempotency(cx, op), &snapshot.idempotency) else {
            return Ok(None);
        };
        let same = record.request_digest == given.request_digest && record.operation == op.info().name;
        match op.select_repeat(record).filter(|_| same) {
            Some(select) => Ok(Some(select)),
            None => Err(Refusal::Conflict(Conflict::KeyReused)),
        }
    }

    async fn carry_out<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        mut loaded: Loaded,
        mut seen: Visible<Facts>,
    ) -> Result<Done<O::Output>, Stopped> {
        let token = op.gives_token().then(|| self.ports.secrets.token());
        let key = self.key(&loaded);
        seen.seal_scan_end(&key.key);
        let mut mint = Mint { ids: loaded.ids.clone(), token };
        let plan = if loaded.repeats { op.plan_repeat(&seen) } else { Some(op.plan(cx, &seen, &mut mint)?) };
        let (Plan { changes, memory_ids, grant, bridge, reason, came_to_nothing, .. }, output) = match plan {
            Some(plan) => plan.split(),
            None => (Plan { reason: Some(Code::literal("RESULT_GONE")), ..Plan::answer(()) }, None),
        };
        let canonical = output.as_ref().and_then(|output| op.canonical(&seen, output));
        seen.count_shown(&memory_ids);
        let bridged = seen.bridged(&memory_ids);
        let named: Vec<BridgeId> = bridge.into_iter().chain(bridged.keys().copied()).collect();
        if op.wakes_seeds() {
            loaded.inputs.extend(inputs::of_resting(cx, &seen));
        }
        let digest = canonical.map(|bytes| key.key.value(&bytes));
        let (expects, suppressed) = self.suppress(op, &mut seen, &changes, (loaded.subject, &key));
        let mut set = self.change_set(cx, op, &loaded, key, seen.ruling(), (seen.grant(), &named));
        set.entry.value_digest = digest;
        set.expects.extend(expects);
        set.changes.extend(suppressed);
        set.entry.memories = MemoryRefs::of(&memory_ids);
        set.entry.grant = grant;
        set.entry.reason_code = reason;
        if let Some(held) = seen.grant() {
            set.expects.push(Expect::Grant { id: held.id, version: held.version });
        }
        for change in &changes {
            if let Change::ReplaceMemory(memory) | Change::EraseMemory(memory) = change {
                set.expects.push(Expect::Memory { id: memory.id, version: memory.version - 1 });
            }
            if let Change::KeepVectors(vectors) = change {
                set.expects.extend(vectors.iter().filter_map(|kept| seen.expect_unchanged(kept.memory)));
            }
        }
        let texts = self.embedding.as_ref().map(|_| Embedding::wanted(&changes));
        if !changes.is_empty() {
            set.expects.extend(seen.relied_on());
        }
        set.changes.extend(changes);
        if let (Some(given), false) = (idempotency(cx, op), loaded.repeats || came_to_nothing) {
            set.expects.push(Expect::NoIdempotencyKey(given.key.clone()));
            set.changes.push(Change::InsertIdempotency(IdempotencyRecord {
                key: given.key.clone(),
                request_digest: given.request_digest,
                operation: op.info().name.to_owned(),
                memory_ids,
                grant,
                bridge,
                used: cx.now,
            }));
        }
        let (trace, purpose) = (seen.ruling().trace.clone(), set.entry.purpose);
        let receipt = self.commit(seen.decided(set)?).await?;
        if let (Some(embedding), Some(texts)) = (&self.embedding, texts) {
            embedding.add(&cx.principal.tenant, texts);
        }
        self.measure(cx, op, receipt, memoryscope_domain::audit_chain::Verdict::Allowed, purpose);
        self.policies.learn_kept(&cx.principal.tenant, &loaded.policy);
        let output = output.ok_or(Refusal::Conflict(Conflict::ResultGone))?;
        Ok(Done { output, access_log: loaded.access_log, trace, bridged })
    }

    /// Writes a denial to the chain; if that can't be done, the request fails for that reason instead.
    async fn refuse<O: Operation>(&self, cx: &Context, op: &O, loaded: Loaded, denial: Denial) -> Stopped {
        let access_log = loaded.access_log;
        let key = self.key(&loaded);
        let mut set = self.change_set(cx, op, &loaded, key, denial.ruling(), (denial.grant(), &[]));
        set.entry.decision = denial.reason().outcome();
        set.entry.reason_code = Some(Code::literal(denial.reason().code()));
        set.entry.grant = denial.grant().map(|grant| grant.id);
        let reason = denial.reason();
        let purpose = set.entry.purpose;
        let kind = kind_of(op, denial.grant());
        let trace = denial.ruling().trace.clone();
        let committed = match denial.decided(set) {
            Ok(decided) => self.commit(decided).await,
            Err(beyond) => Err(beyond.into()),
        };
        match committed {
            Ok(receipt) => self.measure(cx, op, receipt, reason.outcome(), purpose),
            Err(stopped) => return stopped,
        }
        self.policies.learn_kept(&cx.principal.tenant, &loaded.policy);
        Stopped::Refused(match reason {
            Reason::Unknown | Reason::UnknownToken => Refusal::Hidden { access_log },
            Reason::Revoked => Refusal::Gone { gone: Gone::Revoked, access_log },
            Reason::Expired => Refusal::Gone { gone: Gone::Expired, access_log },
            Reason::Erased => Refusal::Erased { access_log },
            Reason::PolicyDenied | Reason::RoleDenied => {
                let denied = Denied { reason, operation: op.info().name, purpose, kind, trace };
                Refusal::Denied { denied: Box::new(denied), access_log }
            }
        })
    }

    async fn commit(
        &self,
        decided: memoryscope_domain::govern::Decided<ChangeSet>,
    ) -> Result<Receipt, Stopped> {
        let commit = self.ports.store.commit(decided);
        match commit.instrument(info_span!(target: traces::TARGET, traces::COMMIT)).await {
            Ok(receipt) => Ok(receipt),
            Err(StoreError::Conflict(_)) => Err(Stopped::Again),
            Err(error) => Err(Stopped::Refused(error.into())),
        }
    }

    fn measure<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        receipt: Receipt,
        outcome: memoryscope_domain::audit_chain::Verdict,
        purpose: Option<memoryscope_domain::purpose::Purpose>,
    ) {
        let (tenant, operation) = (&cx.principal.tenant, op.info().name);
        self.meter.decided(&Decision { tenant, seq: receipt.seq, operation, outcome, purpose });
    }

    /// The audit key of whom a request is about; a new one where there was none.
    fn key(&self, loaded: &Loaded) -> Key {
        let is_new = loaded.subject_key.is_none();
        Key { key: loaded.subject_key.clone().unwrap_or_else(|| self.ports.secrets.audit_key()), is_new }
    }

    /// A change set that says nothing yet but who, when, what for and by which policy.
    fn change_set<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        loaded: &Loaded,
        Key { key, is_new }: Key,
        ruling: &Ruling,
        (grant, bridges): (Option<&ReadGrant>, &[BridgeId]),
    ) -> ChangeSet {
        let tenant = cx.principal.tenant.clone();
        let mut expects = vec![Expect::ActivePolicy(loaded.active_policy.clone())];
        let mut changes = Vec::new();
        if is_new {
            expects.push(Expect::NoSubjectKey(loaded.subject));
            changes.push(Change::InsertSubjectKey { subject: loaded.subject, key: key.clone() });
        }
        // Erasure destroys a person's key: nothing may be written under it afterwards.
        if !is_new && loaded.subject != SubjectRef::TENANT {
            expects.push(Expect::SubjectKey { subject: loaded.subject, mark: key.mark() });
        }
        let policy = &loaded.policy;
        if !self.policies.is_kept(&tenant, policy) {
            changes.push(Change::KeepPolicy(policy.document()));
        }
        let user = grant.map(|grant| &grant.user).or(cx.principal.user.as_ref());
        let beside = (&loaded.inputs, bridges);
        let private = Private::of(&private_part(cx, op, user.map(|user| user.as_str()), beside));
        let entry = Draft {
            id: loaded.access_log,
            tenant: tenant.clone(),
            time: cx.now,
            operation: op.info().audit.clone(),
            actor: Some(key.actor(&cx.principal.client)),
            subject: user.map(|user| key.subject(user.as_str())),
            purpose: op.purpose().or(grant.map(|grant| grant.purpose)),
            scope_type: user.map(|_| ScopeType::User),
            kind: kind_of(op, grant).map(|kind| Code::literal(kind.name())),
            decision: memoryscope_domain::audit_chain::Verdict::Allowed,
            reason_code: None,
            rules: ruling.rules.iter().map(|(rule, count)| (Arc::clone(rule), count)).collect(),
            as_of: loaded.head,
            policy: policy.reference.clone(),
            memories: MemoryRefs::none(),
            grant: None,
            private_digest: Some(key.private(&private)),
            value_digest: None,
        };
        ChangeSet { tenant, expects, changes, entry, private }
    }
}

/// An idempotency key that is being worked on; dropping it frees the key.
#[derive(Debug)]
struct Claim<'a> {
    in_flight: &'a Mutex<BTreeSet<(TenantId, IdempotencyKey)>>,
    key: (TenantId, IdempotencyKey),
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// The request's idempotency key; what changes nothing needs none.
fn idempotency<'a, O: Operation>(cx: &'a Context, op: &O) -> Option<&'a Idempotency> {
    cx.idempotency.as_ref().filter(|_| op.info().changes)
}

/// The kind of preference that an operation is about, by itself or by the grant it uses.
fn kind_of<O: Operation>(op: &O, grant: Option<&ReadGrant>) -> Option<Kind> {
    op.kind().or(grant.map(|grant| grant.kind))
}
