//! Deciding: from facts to what a caller may see, and from there to what a store may be told.
//!
//! The types are the rule. [`decide`] is the only maker of [`Visible`]; [`Visible::decided`] and
//! [`Denial::decided`] are the only makers of [`Decided`], and both consume what they are called on. So an operation
//! cannot look at facts that were not decided, a store cannot be given changes that were not decided, and no decision
//! can be used twice: each of these does not compile (`crates/engine/tests/ui`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::audit_chain::{Entry, KeyedDigest, PolicyRef, Private, Seq, SignedCheckpoint, Verification};
use crate::bridge::Bridge;
use crate::change::{IdempotencyRecord, PolicyDocument};
use crate::consent::Consents;
use crate::grant::ReadGrant;
use crate::graph::schema::StoredSchema;
use crate::ids::{BridgeId, MemoryId, UserId};
use crate::lifecycle::{Barred, Family, Following};
use crate::memory::{Memory, MemoryType, SubjectRef};
use crate::object::Unit;
use crate::place::{Place, SealedPlace};
use crate::policy::{Effect, Narrowed, Policy, RuleCounts, Trace};
use crate::preference::Kind;
use crate::principal::{Caller, Role};
use crate::record::Records;
use crate::retrieval::Why;
use crate::spiral::ThoughtPatternArtifact;
use crate::time::Timestamp;
use crate::vector::Nearest;
use crate::words::Score;

mod ask;
mod bridging;
mod changing;
mod decided;
mod feedback;
mod following;
mod gating;
mod importing;
mod listing;
mod logged;
mod own;
mod person;
mod propose;
mod ranking;
mod reading;
mod reason;
mod records;
mod rights;
mod ruling;
mod schemas;
mod spiralling;
#[cfg(test)]
mod tests;
mod view;
mod visible;

pub use ask::Ask;
pub use bridging::{Crossing, crossings};
pub use changing::Changed;
pub use decided::{BeyondDecision, Decided};
pub use feedback::subject_of;
pub use gating::{Evidence, Gate};
pub use importing::Hindered;
pub use listing::Withheld;
pub use logged::{Explained, Looking, WhyWithheld, explained, is_shown_by_id, spiral_told};
pub use person::Done;
pub use propose::Proposed;
pub use reading::{REVIEW_LIST, is_read_directly};
pub use reason::Reason;
pub use rights::ErasedValues;
pub use view::MemoryView;

/// An audit entry with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry in its place.
    pub entry: Entry,
    /// What stands beside it, unless it was erased.
    pub private: Option<Private>,
}

/// What was loaded, and what is proposed, before anybody decided anything.
#[derive(Debug, Default)]
pub struct Facts {
    /// The head of the tenant's chain when they were loaded.
    pub as_of: Seq,
    /// Stored memories.
    pub memories: Vec<Arc<Memory>>,
    /// Whether the selection went on behind its limit.
    pub more: bool,
    /// When those of the memories that are seeds last sprouted; only listings of a scope bring it.
    pub activated: BTreeMap<MemoryId, Timestamp>,
    /// Where a listing stopped looking, if there are rows behind.
    pub scan_end: Option<Place>,
    /// Where what a scope holds itself stops in a listing that what is shared stands among, if more of it follows.
    pub own_end: Option<Place>,
    /// Earlier versions of the one memory that was asked for, oldest first.
    pub versions: Vec<Arc<Memory>>,
    /// Memories that the operation wants to make.
    pub proposed: Vec<Memory>,
    /// For each event among them, in order, an id for its impact and one for its seed.
    pub child_ids: Vec<[MemoryId; 2]>,
    /// The grant of the token that was shown.
    pub grant: Option<ReadGrant>,
    /// Audit entries.
    pub entries: Vec<StoredEntry>,
    /// What a walk of the chain found.
    pub verification: Option<Verification>,
    /// The checkpoints that the store keeps, oldest first.
    pub checkpoints: Vec<SignedCheckpoint>,
    /// The kin of the one memory that is to change.
    pub family: Family,
    /// Those of the memories and of the evidence that were derived, in whatever way, from one whose change they have not followed yet.
    pub pending: BTreeSet<MemoryId>,
    /// Whether something of the tenant is still to follow, and was left out where it was met.
    pub has_pending: bool,
    /// Whether something is left to follow of what began with the first of the memories.
    pub is_unfinished: bool,
    /// Where the first of the memories is one that others are to follow now: how far.
    pub following: Option<Following>,
    /// The memories that are shown to a tool's gate.
    pub evidence: Vec<Arc<Memory>>,
    /// Where they are wanted as of an earlier commit: memories that were there then, might have been asked for, and
    /// were erased since.
    pub erased: BTreeSet<MemoryId>,
    /// What is about a person, each with its kin, in order of their ids.
    pub kindred: Vec<(Arc<Memory>, Family)>,
    /// Earlier versions of memories that are about a person, oldest first.
    pub earlier: BTreeMap<MemoryId, Vec<Arc<Memory>>>,
    /// Grants that were given for a person.
    pub grants: Vec<ReadGrant>,
    /// What idempotency keys did.
    pub idempotency: Vec<IdempotencyRecord>,
    /// Bridges: those behind which there may be something to read, or those that are asked about.
    pub bridges: Vec<Bridge>,
    /// The bridge that the operation wants to make.
    pub proposed_bridge: Option<Bridge>,
    /// What persons said about purposes, of those who were asked about and said anything.
    pub consents: Vec<Consents>,
    /// What is left of erased values, where that was asked.
    pub suppressed: ErasedValues,
    /// Policies that are kept for the tenant.
    pub policies: Vec<PolicyDocument>,
    /// Schemas of graphs.
    pub schemas: Vec<StoredSchema>,
    /// Records beside the memories.
    pub records: Records,
    /// How near those of the memories that have vectors are to what is asked by meaning.
    pub nearest: Nearest,
    /// Whether something beside an anchor ([`crate::retrieval::Anchor`]) was turned down, so that there may be more behind it.
    pub is_cut: bool,
    /// The policy that is in force, once it is known.
    pub active_policy: Option<PolicyRef>,
}

/// Where something that is proposed comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody says it now.
    #[default]
    Live,
    /// It was said elsewhere, or before: what was erased since does not come back so, and nothing of what came with it.
    Import,
    /// The same, of objects that are each for itself and come with ids of their own: see [`Hindered`].
    Objects,
}

/// By what right an operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The policy grants this effect.
    Policy(Effect),
    /// The policy grants writing, and the memory is the caller's own.
    Owner,
    /// The caller names a memory by its id, and the policy grants reading it; it is hidden where it does not.
    ReadNamed,
    /// The caller names memories by their ids, each for itself: those that the policy does not grant are left out, as those that
    /// there are not.
    ReadEach,
    /// The caller names a memory that it may know of, and the policy grants the step.
    ChangeNamed,
    /// The caller looks for what it may know of, to change it one by one.
    Seek,
    /// The caller asks whether a tool may be called, and on what evidence: that is answered, never refused.
    Gate,
    /// The caller names a decision that was made before; it is hidden where it is not theirs to look at.
    Logged,
    /// The caller names memories and describes a request: of those that it may know of, it is told how they would be
    /// decided.
    Explain,
    /// The caller holds a token, and the policy still grants reading.
    Continue,
    /// The caller holds a token.
    Revoke,
    /// The caller has one of these roles.
    Roles(&'static [Role]),
    /// The caller gives what is its own to another scope, and the policy grants it.
    MakeBridge,
    /// The caller names a bridge by its id, and is at one of its ends.
    EndBridge,
    /// Anybody may ask for bridges, and is told of those at one of whose ends it is.
    SeeBridges,
    /// Anybody may ask about a scope's spiral, and whoever could read a plain event there is told of one.
    AskSpiral,
    /// The caller answers for the person whom the operation is about: the person themself, or an admin. That is no matter of
    /// policy: nobody's rule keeps a person's own from them.
    Person,
    /// The caller looks at schemas; those that it may not read are not there.
    ReadSchemas,
    /// The caller makes a schema, or changes one that it may change; what it may not read is hidden.
    ChangeSchemas,
    /// The caller looks at records; those that it may not read are not there.
    ReadRecords,
    /// The caller keeps records, or forgets those that it may change; what it may not read is hidden.
    ChangeRecords,
    /// The same of records that whoever manages the tenant keeps: who acts for nobody, or is an admin.
    ManageRecords,
    /// The caller names a session by messages of it that the policy grants, and keeps what it is called.
    KeepSession,
    /// The caller names a decision of its own about a search, and says what it thinks of what was found.
    GiveFeedback,
    /// The caller runs the tenant: an admin, or, where no keys are in force, whoever reaches the server.
    Operator,
    /// The caller is the server itself.
    System,
}

impl Authority {
    /// Whether it is a right to make or change memories. Giving a grant back is not.
    fn writes(self) -> bool {
        match self {
            Self::Policy(effect) => effect != Effect::Read,
            Self::Owner | Self::Seek | Self::ChangeNamed | Self::MakeBridge | Self::EndBridge => true,
            Self::ChangeSchemas | Self::ChangeRecords | Self::ManageRecords => true,
            Self::KeepSession | Self::GiveFeedback => true,
            Self::ReadNamed
            | Self::ReadEach
            | Self::Gate
            | Self::Logged
            | Self::Explain
            | Self::Continue
            | Self::Revoke
            | Self::Person
            | Self::Roles(_)
            | Self::AskSpiral
            | Self::SeeBridges
            | Self::ReadSchemas
            | Self::ReadRecords
            | Self::Operator
            | Self::System => false,
        }
    }
}

/// What a request is about, as far as it says before anything is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// It does not say.
    Anything,
    /// One kind of preferences.
    Preferences(Kind),
    /// Events, impacts or seeds: these of them. At least one.
    Objects(&'static [MemoryType]),
}

/// How it was ruled: which rules decided, how often, and the trace.
#[derive(Debug, Clone, Default)]
pub struct Ruling {
    /// Deciding rules with the number of records they let through.
    pub rules: RuleCounts,
    /// The policy's trace, where the policy was asked.
    pub trace: Option<Trace>,
}

/// What the caller may see. Made by [`decide`] alone.
#[derive(Debug)]
pub struct Visible<F> {
    facts: F,
    refused: BTreeMap<usize, Trace>,
    details: Details,
    authority: Authority,
    client: String,
    user: Option<UserId>,
    ruling: Ruling,
}

/// What was decided of events, impacts and seeds beside whether they are seen.
#[derive(Debug, Default)]
struct Details {
    /// Those that may be put into a prompt.
    for_prompts: BTreeSet<MemoryId>,
    /// Those that are weaker than the policy's threshold.
    dormant: BTreeSet<MemoryId>,
    /// What was removed from them, where something was.
    redacted: BTreeMap<MemoryId, Vec<Arc<str>>>,
    /// How each that is seen was decided.
    read: BTreeMap<MemoryId, Trace>,
    /// Those that are not seen, where the caller is told of them.
    withheld: Vec<Withheld>,
    /// Where the listing stopped looking.
    scan_end: Option<SealedPlace>,
    /// How well each that is seen answers what was asked, and why.
    scores: BTreeMap<MemoryId, (Score, Why)>,
    /// Whether something that was loaded is not seen.
    hides: bool,
    /// Those that are other scopes', each with the bridge behind which it is read.
    bridged: BTreeMap<MemoryId, BridgeId>,
    /// The limit that leaves no room for the bridge that is proposed, and its value.
    crowded: Option<(&'static str, usize)>,
    /// By proposal: what follows from it.
    derived: BTreeMap<usize, Vec<Memory>>,
    /// By proposal: how it was decided.
    traces: BTreeMap<usize, Trace>,
    /// The proposals that name an unknown parent.
    orphans: BTreeSet<usize>,
    /// The proposals that are imported, and cannot be.
    hindered: BTreeMap<usize, Hindered>,
    /// The versions of the memories that accepted proposals were derived from.
    parents: BTreeMap<MemoryId, u64>,
    /// What a step came to.
    changed: Option<Result<Changed, Barred>>,
    /// The spirals that are found with what is proposed.
    spirals: Vec<ThoughtPatternArtifact>,
    /// The spiral that was asked about.
    spiral: Option<ThoughtPatternArtifact>,
    /// By how much seeds are harder to wake, where a spiral holds.
    raised_activation: Option<Unit>,
    /// What was decided about a tool.
    gate: Option<Gate>,
    /// How named memories are decided.
    explained: Vec<Explained>,
    /// What befell what is about a person.
    done: Option<Done>,
    /// The versions of the consents that were looked at.
    consents: BTreeMap<SubjectRef, u64>,
    /// What a person's consent is from now on, where they changed it.
    consent: Option<Consents>,
    /// Whether it would tell too many scopes apart.
    is_over_scopes: bool,
    /// What is left of what is erased.
    suppressed: Vec<KeyedDigest>,
}

/// A refusal. Made by [`decide`] alone.
#[derive(Debug)]
pub struct Denial {
    reason: Reason,
    ruling: Ruling,
    grant: Option<ReadGrant>,
}

/// What [`decide`] says.
#[derive(Debug)]
pub enum Verdict {
    /// Go on with this.
    Allowed(Box<Visible<Facts>>),
    /// Stop.
    Refused(Box<Denial>),
}

/// What the policy makes of a read before anything is loaded: a filter for the store. Operations that are not reads
/// by policy load by id or token, and are not narrowed.
#[must_use]
pub fn narrow(policy: &Policy, ask: &Ask<'_>) -> Option<Narrowed> {
    match ask.authority {
        Authority::Policy(Effect::Read) => Some(view::narrowed(policy, &ask.request(), ask.about)),
        _ => None,
    }
}

/// Decides every record, in full.
///
/// Hard rules come first (tenant, liveness, who holds the token), then who may read the memory at all, then the
/// policy; each only ever narrows. Denied or hidden is chosen here and nowhere else: what the caller named by an id or
/// a token and may not have is hidden, everything else is denied.
///
/// `narrowed` is what [`narrow`] made of the same policy and the same ask, if it was asked already.
#[must_use]
pub fn decide(policy: &Policy, ask: &Ask<'_>, narrowed: Option<Narrowed>, mut facts: Facts) -> Verdict {
    facts.memories.retain(|memory| memory.tenant == ask.principal.tenant);
    records::leave_what_is_readable(ask, &mut facts.records);
    // What has not followed yet is nobody's to see, but for the server, which makes it follow.
    if !matches!(ask.authority, Authority::System | Authority::ChangeNamed | Authority::Seek) {
        let Facts { memories, evidence, pending, .. } = &mut facts;
        memories.retain(|memory| !pending.contains(&memory.id));
        evidence.retain(|memory| !pending.contains(&memory.id));
    }
    let changes_a_person = ask.authority == Authority::Person && ask.deed.is_some();
    if (ask.authority.writes() || changes_a_person) && ask.principal.roles.iter().eq([&Role::Reader]) {
        return refused(Reason::RoleDenied, Ruling::default(), None);
    }
    match ask.authority {
        Authority::Policy(Effect::Read) => reading::decide(policy, ask, narrowed, facts),
        Authority::ReadNamed => reading::decide_named(policy, ask, facts),
        Authority::ReadEach | Authority::KeepSession => reading::decide_each(policy, ask, facts),
        Authority::Logged => logged::decide(policy, ask, facts),
        Authority::Explain => logged::decide_explained(policy, ask, facts),
        Authority::Policy(effect) => propose::decide(policy, ask, effect, facts),
        Authority::Owner => own::decide(policy, ask, facts),
        Authority::Gate => gating::decide(policy, ask, facts),
        Authority::ChangeNamed => changing::decide(policy, ask, facts),
        Authority::Seek => changing::decide_sought(policy, ask, facts),
        Authority::Continue => own::decide_continue(policy, ask, facts),
        Authority::Revoke => {
            match own::held(ask, facts.grant.take()).filter(|g| ask.repeat || g.revoked.is_none()) {
                Some(grant) => allowed(ask, Facts { grant: Some(grant), ..facts }, Ruling::default()),
                None => refused(Reason::UnknownToken, Ruling::default(), None),
            }
        }
        Authority::Roles(roles) => {
            let has_role = roles.iter().any(|role| ask.principal.roles.contains(role));
            if has_role || ask.principal.caller == Caller::System {
                allowed(ask, facts, Ruling::default())
            } else {
                refused(Reason::RoleDenied, Ruling::default(), None)
            }
        }
        Authority::AskSpiral => {
            let details =
                Details { spiral: spiralling::shown(policy, ask, &facts.consents), ..Details::default() };
            partly_allowed(ask, facts, BTreeMap::new(), details, Ruling::default())
        }
        Authority::MakeBridge => bridging::decide_made(policy, ask, facts),
        Authority::EndBridge => bridging::decide_named(ask, facts),
        Authority::SeeBridges => bridging::decide_seen(ask, facts),
        Authority::Person => match ask.person.filter(|person| ask.principal.may_answer_for(person)) {
            Some(person) => person::decide_own(person, ask, facts),
            None => refused(Reason::RoleDenied, Ruling::default(), None),
        },
        Authority::ReadSchemas | Authority::ChangeSchemas => schemas::decide(ask, facts),
        Authority::ReadRecords | Authority::ChangeRecords | Authority::ManageRecords => {
            records::decide(ask, facts)
        }
        Authority::GiveFeedback => feedback::decide(policy, ask, facts),
        Authority::Operator if records::runs(ask.principal) => allowed(ask, facts, Ruling::default()),
        Authority::System if ask.principal.caller == Caller::System => match facts.following {
            Some(_) => following::decide(policy, ask, facts),
            None => person::decide(policy, ask, facts),
        },
        Authority::Operator | Authority::System => refused(Reason::RoleDenied, Ruling::default(), None),
    }
}

fn allowed(ask: &Ask<'_>, facts: Facts, ruling: Ruling) -> Verdict {
    partly_allowed(ask, facts, BTreeMap::new(), Details::default(), ruling)
}

fn partly_allowed(
    ask: &Ask<'_>,
    facts: Facts,
    refused: BTreeMap<usize, Trace>,
    details: Details,
    ruling: Ruling,
) -> Verdict {
    let (authority, client, user) = (ask.authority, ask.principal.client.clone(), ask.principal.user.clone());
    Verdict::Allowed(Box::new(Visible { facts, refused, details, authority, client, user, ruling }))
}

fn refused(reason: Reason, ruling: Ruling, grant: Option<ReadGrant>) -> Verdict {
    Verdict::Refused(Box::new(Denial { reason, ruling, grant }))
}

/// A memory as this policy sees it.
fn view_of<'a>(policy: &Policy, ask: &Ask<'a>, memory: &'a Memory) -> MemoryView<'a> {
    MemoryView::new(memory, ask.principal, ask.now).dormant_below(policy.globals().dormancy_threshold)
}
