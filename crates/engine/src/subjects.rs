//! Carrying out what was admitted of a person: in steps, each whole, so that a person with however many memories is erased.
//!
//! A crash or a timeout between two steps leaves what was done done. The request is sent again then: it begins at the beginning
//! and finds what is left.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::change::IdempotencyKey;
use memoryscope_domain::ids::{AuditId, MemoryId, RequestId, UserId};
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;
use memoryscope_domain::subject::{Counts, Deed};
use memoryscope_domain::time::Timestamp;

use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::jobs::follow_tenant;
use crate::op::subject::{Admit, Stepped, Upkeep};
use crate::refusal::Refusal;

/// What befell everything that is about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The audit entry of the last step, which says that all of it is done.
    pub closed: AuditId,
    /// The audit entry that admitted it.
    pub access_log: AuditId,
    /// What befell memories.
    pub counts: Counts,
    /// How many grants were forgotten.
    pub grants: u64,
    /// How many bridges from and to the person's scope were.
    pub bridges: u64,
    /// How many idempotency records were.
    pub idempotency: u64,
    /// Beside how many audit entries nothing stands any more.
    pub audit_private: u64,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Does it, if the caller may ask for it.
///
/// # Errors
/// When it is refused, or a step is: what was done before stays done.
pub async fn carry_out(engine: &Engine, cx: &Context, admit: &Admit) -> Result<Receipt, Refusal> {
    let Done { output: head, access_log, .. } = engine.run(cx, admit).await?;
    let mut work = Work { engine, cx, person: &admit.person, sum: Stepped::default() };
    if admit.deed == Deed::Erase {
        let memories = Arc::new(work.find().await?);
        work.belongings(&memories).await?;
        work.entries(&memories, head).await?;
    }
    work.memories(&admit.deed).await?;
    let last = match admit.deed {
        Deed::Erase => {
            let key = cx.idempotency.as_ref().map(|given| given.key.clone());
            Upkeep::Finish { person: admit.person.clone(), after: head, key }
        }
        Deed::Withdraw { .. } | Deed::Consent(_) => Upkeep::Close,
    };
    let closed = work.step(&last).await?.access_log;
    let Stepped { counts, grants, bridges, idempotency, audit_private, .. } = work.sum;
    Ok(Receipt { closed, access_log, counts, grants, bridges, idempotency, audit_private, at: cx.now })
}

struct Work<'a> {
    engine: &'a Engine,
    cx: &'a Context,
    person: &'a UserId,
    sum: Stepped,
}

impl Work<'_> {
    /// Takes one step, as the server: its entry names nobody.
    async fn step(&mut self, step: &Upkeep) -> Result<Done<Stepped>, Refusal> {
        let name = RequestId::minted(uuid::Uuid::from_bytes(self.engine.ports().ids.seed().0));
        let server = Principal::system(self.cx.principal.tenant.clone());
        let cx = self.engine.begin(server, name, Dialect::Core, self.cx.now);
        let done = self.engine.run(&cx, step).await?;
        self.sum.counts.merge(&done.output.counts);
        self.sum.pending |= done.output.pending;
        self.sum.grants += done.output.grants;
        self.sum.bridges += done.output.bridges;
        self.sum.idempotency += done.output.idempotency;
        self.sum.audit_private += done.output.audit_private;
        Ok(done)
    }

    async fn find(&mut self) -> Result<BTreeSet<MemoryId>, Refusal> {
        let (mut all, mut after) = (BTreeSet::new(), None);
        loop {
            let found = self.step(&Upkeep::Find { person: self.person.clone(), after }).await?.output;
            all.extend(found.found);
            after = found.after;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// All keys once for each lot of grants and bridges, of which there are rarely two.
    async fn belongings(&mut self, memories: &Arc<BTreeSet<MemoryId>>) -> Result<(), Refusal> {
        let mut after: Option<IdempotencyKey> = None;
        loop {
            let (person, memories) = (self.person.clone(), Arc::clone(memories));
            let stepped = self.step(&Upkeep::Belongings { person, memories, after }).await?.output;
            after = stepped.after_key;
            if after.is_none() && stepped.grants == 0 && stepped.bridges == 0 {
                return Ok(());
            }
        }
    }

    async fn entries(&mut self, memories: &Arc<BTreeSet<MemoryId>>, until: Seq) -> Result<(), Refusal> {
        let mut after = Some(Seq::ZERO);
        while let Some(behind) = after {
            let (person, memories) = (self.person.clone(), Arc::clone(memories));
            let step = Upkeep::Entries { person, memories, after: behind, until };
            after = self.step(&step).await?.output.after_entry;
        }
        Ok(())
    }

    async fn memories(&mut self, deed: &Deed) -> Result<(), Refusal> {
        let mut after = None;
        loop {
            let (person, deed) = (self.person.clone(), deed.clone());
            after = self.step(&Upkeep::Memories { person, deed, after }).await?.output.after;
            if after.is_none() {
                break;
            }
        }
        // A receipt says that all of it is done, also what was too much for one commit.
        if self.sum.pending {
            self.sum.counts.derived += follow_tenant(self.engine, &self.cx.principal.tenant).await? as u64;
        }
        Ok(())
    }
}
