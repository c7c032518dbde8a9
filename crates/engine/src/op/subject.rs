//! `subject.erase`, `subject.consent` and `subject.export`: everything that is about a person.
//!
//! The first two only admit: what follows is done by the server in steps of [`Upkeep`], which [`crate::subjects`] takes one after
//! the other. Those name nobody, so that nothing of them has to be erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::{Code, Private, Seq};
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::change::{Change, Forgotten, IdempotencyKey, IdempotencyRecord, Last};
use memoryscope_domain::consent::Consents;
use memoryscope_domain::govern::{Authority, Facts, StoredEntry, Visible};
use memoryscope_domain::grant::ReadGrant;
use memoryscope_domain::ids::{BridgeId, GrantId, MemoryId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Memory, SubjectRef};
use memoryscope_domain::object::Note;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_domain::subject::{Counts, Deed};
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan, kept, marked};
use crate::context::Context;
use crate::port::{PersonSelect, Select, With};
use crate::refusal::Refusal;

/// A person's erasure is admitted.
pub static ERASE: Info = Info { name: "subject.erase", audit: Code::literal("SUBJECT_ERASE"), changes: true };
/// A person's word about their consent is admitted: it is withdrawn, or granted again.
pub static CONSENT: Info =
    Info { name: "subject.consent", audit: Code::literal("SUBJECT_CONSENT"), changes: true };
/// Everything about a person is shown.
pub static EXPORT: Info =
    Info { name: "subject.export", audit: Code::literal("SUBJECT_EXPORT"), changes: false };
/// The server carries out what was admitted.
pub static UPKEEP: Info =
    Info { name: "subject.upkeep", audit: Code::literal("SUBJECT_UPKEEP"), changes: true };

/// Admits what is to happen to everything that is about a person.
#[derive(Debug, Clone)]
pub struct Admit {
    /// Who.
    pub person: UserId,
    /// What.
    pub deed: Deed,
    /// Why.
    pub reason: Option<Note>,
}

fn request(person: &UserId, reason: Option<&Note>) -> Map<String, Value> {
    let mut request = json!({ "person_id": person.as_str() });
    if let Some(reason) = reason {
        request["reason"] = json!(reason.as_str());
    }
    Map::from_iter([("request".to_owned(), request)])
}

impl Operation for Admit {
    /// Where the chain ended when it was admitted.
    type Output = Seq;

    fn info(&self) -> &'static Info {
        match self.deed {
            Deed::Erase => &ERASE,
            Deed::Withdraw { .. } | Deed::Consent(_) => &CONSENT,
        }
    }

    fn authority(&self) -> Authority {
        Authority::Person
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::SubjectAccess)
    }

    fn person(&self) -> Option<&UserId> {
        Some(&self.person)
    }

    fn deed(&self) -> Option<&Deed> {
        Some(&self.deed)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    /// The person's own consent, where it is about that.
    fn persons(&self) -> Vec<SubjectRef> {
        match self.deed {
            Deed::Consent(_) => vec![SubjectRef::of_user(&self.person)],
            Deed::Erase | Deed::Withdraw { .. } => Vec::new(),
        }
    }

    fn private(&self) -> Map<String, Value> {
        let mut private = request(&self.person, self.reason.as_ref());
        if let (Deed::Consent(said), Some(request)) = (&self.deed, private.get_mut("request")) {
            request["decision"] = json!(if said.is_grant { "grant" } else { "withdraw" });
            request["purposes"] = json!(said.purposes);
            request["scopes"] = json!(said.scopes);
        }
        private
    }

    fn plan(&self, _cx: &Context, seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<Seq>, Refusal> {
        if seen.is_over_scopes() {
            let max = limits::CONSENT_SCOPES_MAX as u64;
            return Err(Refusal::TooLarge { limit: "scopes that one person's consent tells apart", max });
        }
        let changes = seen.consent().cloned().map(Change::KeepConsent).into_iter().collect();
        Ok(Plan { changes, ..Plan::answer(seen.as_of()) })
    }

    fn select_repeat(&self, _record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Nothing)
    }

    /// What was left undone is done now; what was done has nothing left to do.
    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Seq>> {
        Some(Plan { reason: Some(Code::literal("IDEMPOTENT_REPEAT")), ..Plan::answer(seen.as_of()) })
    }
}

/// One step of carrying out what was admitted.
#[derive(Debug, Clone)]
pub enum Upkeep {
    /// Finds memories that are about the person.
    Find {
        /// Who.
        person: UserId,
        /// Behind which.
        after: Option<MemoryId>,
    },
    /// Forgets what idempotency keys did with those memories, the grants that were given for the person, and the bridges from
    /// and to their scope.
    Belongings {
        /// Who.
        person: UserId,
        /// Which memories.
        memories: Arc<BTreeSet<MemoryId>>,
        /// Behind which key.
        after: Option<IdempotencyKey>,
    },
    /// Forgets what stands beside audit entries that name the person or one of those memories.
    Entries {
        /// Who.
        person: UserId,
        /// Which memories.
        memories: Arc<BTreeSet<MemoryId>>,
        /// Behind which entry.
        after: Seq,
        /// Up to which.
        until: Seq,
    },
    /// Does it to memories, and to what follows them.
    Memories {
        /// Who.
        person: UserId,
        /// What.
        deed: Deed,
        /// Behind which.
        after: Option<MemoryId>,
    },
    /// Destroys the person's audit key, and what stands beside later entries that name the person.
    Finish {
        /// Who.
        person: UserId,
        /// Behind which entry.
        after: Seq,
        /// The key that the request itself came with: its name is the client's choice.
        key: Option<IdempotencyKey>,
    },
    /// Says that it is done.
    Close,
}

/// What a step did, and where the next one goes on.
#[derive(Debug, Default)]
pub struct Stepped {
    /// The memories that were found.
    pub found: Vec<MemoryId>,
    /// What befell memories.
    pub counts: Counts,
    /// How many grants were forgotten.
    pub grants: u64,
    /// How many bridges were.
    pub bridges: u64,
    /// How many idempotency records were.
    pub idempotency: u64,
    /// Beside how many audit entries nothing stands any more.
    pub audit_private: u64,
    /// Whether more is to follow than was done in one commit; it is hidden until it has.
    pub pending: bool,
    /// Behind which memory to go on, if there may be more.
    pub after: Option<MemoryId>,
    /// Behind which idempotency key.
    pub after_key: Option<IdempotencyKey>,
    /// Behind which entry.
    pub after_entry: Option<Seq>,
}

fn one(forgotten: Forgotten) -> Vec<Change> {
    if forgotten == Forgotten::default() { Vec::new() } else { vec![Change::Forget(Box::new(forgotten))] }
}

/// Behind which memory to go on: the last of these, where there were more; else where looking stopped.
fn next_of(seen: &Visible<Facts>, last: Option<MemoryId>) -> Option<MemoryId> {
    if seen.more() { last } else { seen.looked_to() }
}

fn found(seen: &Visible<Facts>) -> Plan<Stepped> {
    let found: Vec<MemoryId> = seen.memories().iter().map(|memory| memory.id).collect();
    let after = next_of(seen, found.last().copied());
    Plan::answer(Stepped { found, after, ..Stepped::default() })
}

fn belongings(seen: &Visible<Facts>, memories: &BTreeSet<MemoryId>) -> Plan<Stepped> {
    let mut grants: Vec<GrantId> = seen.grants().iter().map(|grant| grant.id).collect();
    let mut bridges: Vec<BridgeId> = seen.bridges().iter().map(|bridge| bridge.id).collect();
    let is_about = |record: &&IdempotencyRecord| {
        record.memory_ids.iter().any(|id| memories.contains(id))
            || record.grant.is_some_and(|grant| grants.contains(&grant))
            || record.bridge.is_some_and(|bridge| bridges.contains(&bridge))
    };
    let keys: Vec<IdempotencyKey> =
        seen.idempotency().iter().filter(is_about).map(|record| record.key.clone()).collect();
    // The grants and the bridges stay as long as keys have to be compared with them.
    if seen.more() {
        grants.clear();
        bridges.clear();
    }
    let after_key = seen.idempotency().last().filter(|_| seen.more()).map(|record| record.key.clone());
    let stepped = Stepped {
        grants: grants.len() as u64,
        bridges: bridges.len() as u64,
        idempotency: keys.len() as u64,
        after_key,
        ..Stepped::default()
    };
    Plan {
        changes: one(Forgotten { grants, bridges, keys, ..Forgotten::default() }),
        ..Plan::answer(stepped)
    }
}

fn entries(
    seen: &Visible<Facts>,
    person: &UserId,
    memories: &BTreeSet<MemoryId>,
    until: Seq,
) -> Plan<Stepped> {
    let subject = Some(SubjectRef::of_user(person));
    let is_about = |stored: &&StoredEntry| {
        let Some(private) = stored.private.as_ref().filter(|_| stored.entry.seq <= until) else {
            return false;
        };
        private.subject() == subject
            || private.names(person)
            || stored
                .entry
                .parse()
                .is_ok_and(|record| record.draft.memories.listed().iter().any(|id| memories.contains(id)))
    };
    let entries: Vec<Seq> = seen.entries().iter().filter(is_about).map(|stored| stored.entry.seq).collect();
    let last = seen.entries().last().map(|stored| stored.entry.seq);
    let after_entry = last.filter(|last| seen.more() && *last < until);
    let stepped = Stepped { audit_private: entries.len() as u64, after_entry, ..Stepped::default() };
    Plan { changes: one(Forgotten { entries, ..Forgotten::default() }), ..Plan::answer(stepped) }
}

fn memories(seen: &Visible<Facts>, deed: &Deed) -> Result<Plan<Stepped>, Refusal> {
    let done = seen.done().ok_or_else(|| Refusal::Bug("nothing was decided of a person".to_owned()))?;
    let mut changes: Vec<Change> = kept(&done.versions, &done.made).collect();
    // A spiral may have been found in what they said, and nobody may know of that any more. What is said of purposes leaves it.
    let partitions: BTreeSet<Partition> = done.versions.iter().map(|memory| memory.partition).collect();
    let forgets = !matches!(deed, Deed::Consent(_));
    changes.extend(partitions.into_iter().filter(|_| forgets).map(Change::ForgetSpiral));
    changes.extend(one(Forgotten { versions: done.wiped.clone(), ..Forgotten::default() }));
    let after = if done.is_cut_short { done.until } else { next_of(seen, done.until) };
    changes.extend(marked(&done.marks));
    let pending = !done.marks.is_empty();
    let stepped = Stepped { counts: done.counts, after, pending, ..Stepped::default() };
    Ok(Plan { changes, memory_ids: done.ids(), ..Plan::answer(stepped) })
}

impl Operation for Upkeep {
    type Output = Stepped;

    fn info(&self) -> &'static Info {
        &UPKEEP
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::Maintenance)
    }

    fn person(&self) -> Option<&UserId> {
        match self {
            Self::Memories { person, .. } | Self::Find { person, .. } => Some(person),
            _ => None,
        }
    }

    fn deed(&self) -> Option<&Deed> {
        match self {
            Self::Memories { deed, .. } => Some(deed),
            _ => None,
        }
    }

    fn select(&self, _cx: &Context) -> Select {
        let of = |person: &UserId, after: &Option<MemoryId>, limit, with| {
            let scan = Some(limits::PERSON_SCAN_ITEMS);
            Select::Person(PersonSelect { user: person.clone(), after: *after, scan, limit, with })
        };
        match self {
            Self::Find { person, after } => of(person, after, limits::PERSON_PAGE_ITEMS, With::Nothing),
            Self::Memories { person, after, .. } => {
                of(person, after, limits::PERSON_BATCH_ITEMS, With::Kin(limits::PROPAGATION_ROWS))
            }
            Self::Belongings { person, after, .. } => Select::Belongings {
                user: person.clone(),
                after: after.clone(),
                limit: limits::PERSON_PAGE_ITEMS,
            },
            Self::Entries { after, .. } => {
                Select::Entries { after: *after, operations: Vec::new(), limit: limits::PERSON_PAGE_ITEMS }
            }
            Self::Finish { .. } | Self::Close => Select::Nothing,
        }
    }

    fn plan(&self, _cx: &Context, seen: &Visible<Facts>, _mint: &mut Mint) -> Result<Plan<Stepped>, Refusal> {
        Ok(match self {
            Self::Find { .. } => found(seen),
            Self::Belongings { memories, .. } => belongings(seen, memories),
            Self::Entries { person, memories, until, .. } => entries(seen, person, memories, *until),
            Self::Memories { deed, .. } => memories(seen, deed)?,
            Self::Finish { person, after, key } => {
                let last = Last {
                    subject: SubjectRef::of_user(person),
                    marks: Private::marks_of(person),
                    after: *after,
                };
                let keys = key.iter().cloned().collect();
                let changes = one(Forgotten { keys, last: Some(last), ..Forgotten::default() });
                Plan { changes, ..Plan::answer(Stepped::default()) }
            }
            Self::Close => Plan::answer(Stepped::default()),
        })
    }
}

/// Shows everything that is about a person.
#[derive(Debug, Clone)]
pub struct Export {
    /// Who.
    pub person: UserId,
    /// The person's own scope.
    pub scope: Scope,
}

impl Export {
    /// Of that person.
    #[must_use]
    pub fn of(person: UserId) -> Self {
        let scope = Scope::of_user(&person);
        Self { person, scope }
    }
}

/// Everything that is about a person, as of one commit.
#[derive(Debug)]
pub struct Exported {
    /// Each memory with its earlier versions, oldest first.
    pub memories: Vec<(Arc<Memory>, Vec<Arc<Memory>>)>,
    /// The grants that were given for them.
    pub grants: Vec<ReadGrant>,
    /// The bridges from and to their scope, whether or not they stand.
    pub bridges: Vec<Bridge>,
    /// The audit entries about them.
    pub entries: Vec<StoredEntry>,
    /// What they said about purposes, if anything.
    pub consents: Option<Consents>,
    /// The spiral that holds in their own scope, if one does.
    pub spiral: Option<ThoughtPatternArtifact>,
}

impl Operation for Export {
    type Output = Exported;

    fn info(&self) -> &'static Info {
        &EXPORT
    }

    fn authority(&self) -> Authority {
        Authority::Person
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(Purpose::SubjectAccess)
    }

    fn person(&self) -> Option<&UserId> {
        Some(&self.person)
    }

    fn persons(&self) -> Vec<SubjectRef> {
        vec![SubjectRef::of_user(&self.person)]
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    /// Nothing is looked up for whom it is not shown.
    fn select(&self, cx: &Context) -> Select {
        if !cx.principal.may_answer_for(&self.person) {
            return Select::Nothing;
        }
        let (user, limit) = (self.person.clone(), limits::EXPORT_ITEMS_MAX);
        Select::Person(PersonSelect { user, after: None, scan: None, limit, with: With::Everything })
    }

    fn private(&self) -> Map<String, Value> {
        request(&self.person, None)
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Exported>, Refusal> {
        if seen.more() {
            let max = limits::EXPORT_ITEMS_MAX as u64;
            return Err(Refusal::TooLarge {
                limit: "memories, grants, bridges or audit entries of one person",
                max,
            });
        }
        let memories: Vec<_> = (seen.memories().iter())
            .map(|memory| (Arc::clone(memory), seen.earlier(memory.id).to_vec()))
            .collect();
        let memory_ids = memories.iter().map(|(memory, _)| memory.id).collect();
        let exported = Exported {
            memories,
            grants: seen.grants().to_vec(),
            bridges: seen.bridges().to_vec(),
            entries: seen.entries().to_vec(),
            consents: seen.consents().first().filter(|consents| !consents.withdraws_nothing()).cloned(),
            spiral: seen.spiral().cloned(),
        };
        Ok(Plan { memory_ids, ..Plan::answer(exported) })
    }
}
