//! One file per operation, and the closed list of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{About, Authority, Facts, Origin, Visible};
use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::{BridgeId, GrantId, IdSource, MemoryId, UserId};
use memoryscope_domain::lifecycle::{PendingMark, Step};
use memoryscope_domain::memory::{Memory, State, SubjectRef};
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::subject::Deed;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::port::{Select, WantedRecords};
use crate::refusal::Refusal;

pub mod audit;
pub mod batch;
pub mod bridge;
pub mod checkpoint;
pub mod continue_read;
pub mod create;
pub mod delete;
pub mod deliver;
pub mod embed;
pub mod expire;
pub mod explain;
pub mod extract;
pub mod feedback;
pub mod gate;
pub mod get;
pub mod graph;
pub mod ingest;
pub mod items;
pub mod job;
pub mod list;
pub mod namespace;
pub mod omo;
pub mod order;
pub mod page;
pub mod policy;
pub mod propagate;
pub mod query;
pub mod read;
pub mod reconstruct;
pub mod replay;
pub mod review;
pub mod revoke;
pub mod schema;
pub mod search;
pub mod seek;
pub mod session;
pub mod spiral;
pub mod step;
pub mod subject;
pub mod told;
pub mod user;

/// What every operation declares of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its name in policies (`request.operation`), metrics and the audit's private part.
    pub name: &'static str,
    /// What its audit entries are called.
    pub audit: Code,
    /// Whether it changes a record: then it honours idempotency keys over HTTP.
    pub changes: bool,
}

/// Every operation there is. Tests walk this list: each has an authorisation row and an audit row, or a test fails.
pub static ALL: &[&Info] = &[
    &create::INFO,
    &read::INFO,
    &continue_read::INFO,
    &revoke::INFO,
    &list::INFO,
    &delete::INFO,
    &step::SEAL,
    &step::RELEASE,
    &step::REVOKE,
    &step::REINFORCE,
    &step::RECALL,
    &step::REVISE,
    &step::DISPUTE,
    &step::ATTEST,
    &step::ERASE,
    &seek::INFO,
    &step::APPROVE,
    &step::REJECT,
    &review::LIST,
    &ingest::INFO,
    &get::GET,
    &get::HISTORY,
    &query::INFO,
    &items::SEARCH,
    &session::HISTORY,
    &session::STATUS,
    &session::PROCESS,
    &session::COMPRESS,
    &session::NAME,
    &feedback::GIVE,
    &feedback::GET,
    &omo::EXPORT,
    &omo::IMPORT,
    &reconstruct::INFO,
    &gate::INFO,
    &replay::INFO,
    &explain::INFO,
    &spiral::INFO,
    &expire::INFO,
    &propagate::INFO,
    &audit::LIST,
    &audit::VERIFY,
    &audit::EXPORT,
    &audit::LOGS,
    &audit::LOG,
    &checkpoint::INFO,
    &policy::ACTIVATE,
    &policy::CREATE,
    &policy::LIST,
    &policy::GET,
    &policy::SWITCH,
    &policy::ROLL_BACK,
    &bridge::MAKE,
    &bridge::END,
    &bridge::LIST,
    &schema::CREATE,
    &schema::LIST,
    &schema::GET,
    &schema::UPDATE,
    &schema::DELETE,
    &graph::NODE,
    &graph::AROUND,
    &graph::SEARCH,
    &extract::WAIT,
    &extract::INFO,
    &user::CREATE,
    &user::LIST,
    &user::GET,
    &user::UPDATE,
    &user::DELETE,
    &namespace::CREATE,
    &namespace::LIST,
    &namespace::GET,
    &namespace::UPDATE,
    &namespace::DELETE,
    &subject::ERASE,
    &subject::EXPORT,
    &subject::CONSENT,
    &subject::UPKEEP,
    &embed::INFO,
    &job::LIST,
    &job::GET,
    &job::CANCEL,
    &job::RETRY,
    &job::DELIVERIES,
    &deliver::INFO,
    &told::KEEP,
    &told::GET,
    &told::STATUS,
];

/// What an operation has to know of spirals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpiralUse {
    /// Whatever the policy asks about.
    ForPolicy,
    /// Which one holds: it changes what is done.
    ForEffects,
    /// Which one holds, and what happened lately: new ones are looked for in these scopes, or in all of its scopes where
    /// the policy says so.
    ToFind(BTreeSet<Partition>),
}

/// How an operation goes behind bridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bridging {
    /// It lists a scope and what is bridged to it, page by page.
    Paged,
    /// It looks at a scope and what is bridged to it, all at once.
    Whole,
    /// It names a memory by its id.
    Named,
    /// It is about memories that are named by their ids, each for itself.
    Each,
}

/// One thing that can be asked of MemoryScope. It is given what is visible, never what was loaded.
pub trait Operation: Send + Sync {
    /// What it answers with.
    type Output: Send;

    /// What it declares of itself.
    fn info(&self) -> &'static Info;

    /// By what right it is done.
    fn authority(&self) -> Authority;

    /// What for.
    fn purpose(&self) -> Option<Purpose> {
        None
    }

    /// The kind of preference it is about.
    fn kind(&self) -> Option<Kind> {
        None
    }

    /// What it is about, as far as that is known before anything is loaded.
    fn about(&self) -> About {
        self.kind().map_or(About::Anything, About::Preferences)
    }

    /// Whether references to events are asked for.
    fn include_events(&self) -> bool {
        false
    }

    /// Whether its answer shows what a memory was derived from: then references to what the caller may not see are
    /// left out first.
    fn shows_references(&self) -> bool {
        false
    }

    /// What is to happen to the memory that it names.
    fn step(&self) -> Option<&Step> {
        None
    }

    /// The tool whose gate it asks, and the memories that are to be its evidence.
    fn tool(&self) -> Option<(&str, &[MemoryId])> {
        None
    }

    /// The person whom it is about, where it is about everything that is about a person.
    fn person(&self) -> Option<&UserId> {
        None
    }

    /// What is to happen to all of that.
    fn deed(&self) -> Option<&Deed> {
        None
    }

    /// The persons whose consents it has to know: those whom what it makes is about.
    fn persons(&self) -> Vec<SubjectRef> {
        Vec::new()
    }

    /// Whether it shows the policy in force, with its text: the engine knows it, so no store is asked.
    fn shows_policy_in_force(&self) -> bool {
        false
    }

    /// The scopes that it is about, where it names them. What is named by an id is in a scope of its own.
    fn scopes(&self) -> Vec<&Scope> {
        Vec::new()
    }

    /// What it has to know of the spirals of its scopes.
    fn spirals(&self) -> SpiralUse {
        SpiralUse::ForPolicy
    }

    /// How it goes behind bridges; `None` where it does not.
    fn bridging(&self) -> Option<Bridging> {
        None
    }

    /// The bridge that it wants to make, before it is decided.
    fn propose_bridge(&self, _cx: &Context, _ids: &mut IdSource) -> Option<Bridge> {
        None
    }

    /// Whether seeds sprout in it, which then rest.
    fn wakes_seeds(&self) -> bool {
        false
    }

    /// Whether it gives out a token.
    fn gives_token(&self) -> bool {
        false
    }

    /// Where what it wants to make comes from: where its request does, unless it is an import itself.
    fn origin(&self, cx: &Context) -> Origin {
        cx.origin
    }

    /// Whether the store is asked only for what the policy may let through. Where it is not, every row counts for how far is
    /// looked, so that where a page ends says nothing of what is hidden.
    fn is_narrowed(&self) -> bool {
        true
    }

    /// What it needs to be loaded.
    fn select(&self, cx: &Context) -> Select;

    /// The records that it needs beside that ([`Visible::records`]).
    fn records(&self, _cx: &Context) -> WantedRecords {
        WantedRecords::nothing()
    }

    /// What it needs where what it was shown is too little, for the `times`-th time: more of the same, from the same
    /// beginning, so that all of an answer is of one commit. None where that was all that may be looked at.
    fn select_wider(&self, _cx: &Context, _times: u32) -> Option<Select> {
        None
    }

    /// Whether what it was shown is too little, though there was more to look at.
    fn is_short(&self, _cx: &Context, _seen: &Visible<Facts>) -> bool {
        false
    }

    /// Whether it looks at what memories are looked up by now: asked again later, it may miss what has changed since.
    fn is_of_current_keys(&self) -> bool {
        false
    }

    /// Whether what it was shown leads to something else that it needs, whether or not there was more to look at.
    fn leads_on(&self, _cx: &Context, _seen: &Visible<Facts>) -> bool {
        false
    }

    /// Puts what it may see into the order of its answer, and leaves out what it does not show: only what is left can
    /// refer to other memories.
    fn arrange(&self, _cx: &Context, _seen: &mut Visible<Facts>) {}

    /// What it wants to make, before it is decided.
    fn propose(&self, _cx: &Context, _ids: &mut IdSource) -> Vec<Memory> {
        Vec::new()
    }

    /// Versions that it has in hand already, to be shown of what the caller may see now: see [`crate::replay`].
    fn recalled(&self) -> Vec<Arc<Memory>> {
        Vec::new()
    }

    /// What it answered, as bytes that are the same each time it answers the same: a replay compares their digest. None
    /// where it is not replayed.
    fn canonical(&self, _seen: &Visible<Facts>, _output: &Self::Output) -> Option<Vec<u8>> {
        None
    }

    /// As which operation the policy is asked: itself, unless it is about a request that is only described.
    fn asks_as(&self) -> &'static str {
        self.info().name
    }

    /// What it says of itself in the erasable part of its audit entry: free text, names, the request.
    fn private(&self) -> Map<String, Value> {
        Map::new()
    }

    /// What it does with what is visible. Pure.
    ///
    /// # Errors
    /// When what is visible is more than a limit allows.
    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal>;

    /// What has to be loaded to show again what an idempotency key did; `None` where it takes no such keys.
    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        None
    }

    /// Shows again what an idempotency key did, out of what is visible today; `None` where it is gone.
    fn plan_repeat(&self, _seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        None
    }
}

/// Where a plan's new identifiers and its token come from.
#[derive(Debug)]
pub struct Mint {
    /// The request's identifiers.
    pub ids: IdSource,
    /// A fresh token, for an operation that gives one.
    pub token: Option<Token>,
}

/// What an operation does and answers.
#[derive(Debug)]
pub struct Plan<T> {
    /// What it changes.
    pub changes: Vec<Change>,
    /// What it answers.
    pub output: T,
    /// The memories it returns, makes or changes, in order.
    pub memory_ids: Vec<MemoryId>,
    /// The grant it uses, makes or takes back.
    pub grant: Option<GrantId>,
    /// The bridge it makes or removes.
    pub bridge: Option<BridgeId>,
    /// A word on how it came about, such as `CONTINUE`.
    pub reason: Option<Code>,
    /// Whether nothing came of it that an idempotency key could stand for: sent again, it is looked at anew.
    pub came_to_nothing: bool,
}

/// What keeps next versions, those that are erased as such, and new memories.
fn kept(versions: &[Memory], made: &[Memory]) -> impl Iterator<Item = Change> {
    let next = |memory: &Memory| match memory.state {
        State::Tombstoned => Change::EraseMemory(memory.clone()),
        _ => Change::ReplaceMemory(memory.clone()),
    };
    versions.iter().map(next).chain(made.iter().cloned().map(Change::InsertMemory))
}

/// What sets marks.
fn marked(marks: &[PendingMark]) -> impl Iterator<Item = Change> {
    marks.iter().copied().map(Change::MarkPending)
}

impl<T> Plan<T> {
    /// A plan that only answers.
    #[must_use]
    pub const fn answer(output: T) -> Self {
        Self {
            changes: Vec::new(),
            output,
            memory_ids: Vec::new(),
            grant: None,
            bridge: None,
            reason: None,
            came_to_nothing: false,
        }
    }

    /// What it does, and what it answers.
    pub(crate) fn split(self) -> (Plan<()>, Option<T>) {
        let Self { changes, output, memory_ids, grant, bridge, reason, came_to_nothing } = self;
        (Plan { changes, output: (), memory_ids, grant, bridge, reason, came_to_nothing }, Some(output))
    }
}
