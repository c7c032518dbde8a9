//! The walk of a whole chain, whatever engine brings the rows. What it cannot read is what it is there to find: nothing
//! here fails.

use std::collections::{BTreeMap, BTreeSet};
use std::str::from_utf8;

use memoryscope_domain::audit_chain::{
    AuditKey, Head, Private, Reason, Record, Row, Seq, SignedCheckpoint, Verifier,
};
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{BridgesTo, Load, Rights, Select, WantedRecords};

use super::row;

/// Subjects' keys that a walk keeps at hand.
const KEYS_KEPT_MAX: usize = 4_096;

/// A row of `audit_events` as it stands there. A column that holds no bytes at all counts as an empty one.
pub(crate) struct Stored<'a> {
    pub(crate) seq: i64,
    pub(crate) prev_hash: &'a [u8],
    pub(crate) hash: &'a [u8],
    pub(crate) text: &'a [u8],
    pub(crate) id: &'a [u8],
    pub(crate) operation: &'a [u8],
    private: Option<Private>,
    subject: Option<SubjectRef>,
}

impl<'a> Stored<'a> {
    /// A row but for its private text, which [`Stored::with_private`] adds.
    pub(crate) const fn new(seq: i64, prev_hash: &'a [u8], hash: &'a [u8], text: &'a [u8]) -> Self {
        Self { seq, prev_hash, hash, text, id: &[], operation: &[], private: None, subject: None }
    }

    /// The columns that it is found by.
    pub(crate) fn with_index(self, id: &'a [u8], operation: &'a [u8]) -> Self {
        Self { id, operation, ..self }
    }

    /// The private text beside it, if there is one. Bytes that are no text get a digest of their own.
    pub(crate) fn with_private(self, private: Option<&[u8]>) -> Self {
        let private = private.map(|text| Private::from_stored(String::from_utf8_lossy(text).into_owned()));
        Self { subject: private.as_ref().and_then(Private::subject), private, ..self }
    }
}

/// A walk of one tenant's chain: first its checkpoints and its head, then its rows in the order of their places.
pub(crate) struct Walk {
    verifier: Verifier,
    checkpoints: Vec<SignedCheckpoint>,
    keys: BTreeMap<SubjectRef, Option<AuditKey>>,
    has_head: bool,
    has_strays: bool,
}

impl Walk {
    /// Of that tenant, in constant memory.
    pub(crate) const fn new(tenant: TenantId) -> Self {
        Self {
            verifier: Verifier::new(tenant),
            checkpoints: Vec::new(),
            keys: BTreeMap::new(),
            has_head: false,
            has_strays: false,
        }
    }

    /// Takes a row of `checkpoints`, in the order of their numbers.
    pub(crate) fn checkpoint(&mut self, seq: i64, text: &[u8]) {
        let signed = from_utf8(text).ok().and_then(|text| SignedCheckpoint::parse(text).ok());
        match signed {
            Some(checkpoint) => self.checkpoints.push(checkpoint),
            None => {
                let seq = Seq(row::count(seq).unwrap_or_default());
                self.verifier.refuse_checkpoint(seq, Reason::CheckpointInvalid);
            }
        }
    }

    /// Holds the rows to the checkpoints that were taken, and to the head that is recorded: the genesis where none is,
    /// none where what is recorded cannot be read.
    pub(crate) fn begin(&mut self, head: Option<Head>) {
        self.verifier.expect_stored(&self.checkpoints);
        if let Some(head) = head {
            self.verifier.expect_head(head);
            self.has_head = true;
        }
    }

    /// Whose keys have to be kept ([`Walk::keep_key`]) before these rows are pushed.
    pub(crate) fn keys_missing(&mut self, rows: &[Stored<'_>]) -> Vec<SubjectRef> {
        if self.verifier.is_broken() {
            return Vec::new();
        }
        let wanted: BTreeSet<SubjectRef> = rows.iter().filter_map(|row| row.subject).collect();
        if self.keys.len() + wanted.len() > KEYS_KEPT_MAX {
            self.keys.clear();
        }
        wanted.into_iter().filter(|subject| !self.keys.contains_key(subject)).collect()
    }

    /// Keeps a subject's key: none where there is none, or none that can be read.
    pub(crate) fn keep_key(&mut self, subject: SubjectRef, key: Option<AuditKey>) {
        self.keys.insert(subject, key);
    }

    /// Takes the next row.
    pub(crate) fn push(&mut self, stored: &Stored<'_>) {
        let Ok(seq @ 1..) = row::count(stored.seq) else {
            // No entry has such a place: it is missing from its own, or was never one.
            self.has_strays = true;
            return;
        };
        if let Some(record) = self.take(Seq(seq), stored) {
            self.verifier.check_index(&record, stored.id, stored.operation);
            let key = stored.subject.and_then(|subject| self.keys.get(&subject)).and_then(Option::as_ref);
            self.verifier.check_private_kept(&record, stored.private.as_ref(), key);
        }
    }

    /// Gives the verifier the row; answers what it says if it is in order.
    fn take(&mut self, seq: Seq, stored: &Stored<'_>) -> Option<Record> {
        // A hash of another length and a text that is none are not what was hashed.
        let (Ok(prev_hash), Ok(hash), Ok(text)) =
            (row::hash(stored.prev_hash), row::hash(stored.hash), from_utf8(stored.text))
        else {
            self.verifier.refuse_next(Reason::Edited);
            return None;
        };
        self.verifier.push(&Row { seq, prev_hash, hash, text })
    }

    /// Ends the walk and says what it has found.
    pub(crate) fn finish(mut self, facts: &mut Facts) {
        if self.has_strays {
            self.verifier.refuse_next(Reason::Reordered);
        }
        if !self.has_head {
            self.verifier.refuse_next(Reason::HeadDiffers);
        }
        facts.checkpoints = self.checkpoints;
        facts.verification = Some(self.verifier.finish());
    }
}

/// A load that walks a tenant's chain and reads nothing else.
pub(crate) fn verification(tenant: &TenantId) -> Load {
    Load {
        tenant: tenant.clone(),
        now: Timestamp::from_unix_micros(0),
        select: Select::Verification,
        filter: Filter::Nothing,
        subject: SubjectRef::TENANT,
        idempotency: None,
        as_of: None,
        spirals: Vec::new(),
        bridges: BridgesTo::default(),
        rights: Rights::default(),
        records: WantedRecords::nothing(),
    }
}
