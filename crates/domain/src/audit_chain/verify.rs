//! Walks a chain and names the first link that is not as it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::checkpoint::{Checkpoint, CheckpointChain, CheckpointPublicKey, SignedCheckpoint, Trust};
use super::entry::Entry;
use super::export::take_checkpoint;
use super::hash::{Hash32, Head, Seq, link_hash};
use super::keys::{AuditKey, Private, PrivateCheck};
use super::parse::{InvalidEntry, Record};
use crate::ids::TenantId;

/// An entry as a store or an export holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its place.
    pub seq: Seq,
    /// The hash of the entry before it.
    pub prev_hash: Hash32,
    /// Its own hash.
    pub hash: Hash32,
    /// Its canonical text.
    pub text: &'a str,
}

impl<'a> From<&'a Entry> for Row<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self { seq: entry.seq, prev_hash: entry.prev_hash, hash: entry.hash, text: &entry.text }
    }
}

/// What is wrong with a link. The names are shared with the offline verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An entry is missing.
    Gap,
    /// An entry is missing here and stands later.
    Reordered,
    /// An entry stands here that stood before.
    Duplicate,
    /// The entry belongs to another tenant's chain.
    WrongTenant,
    /// It does not name the hash of the entry before it.
    WrongPrev,
    /// Its text is not the one that was hashed, or its place is not the one in its text.
    Edited,
    /// It reads as an entry, but not in canonical form.
    NotCanonical,
    /// Its hash is right, but it is no entry of a known version.
    Unreadable,
    /// A signed checkpoint names another hash for this place: history was rewritten at or before it.
    CheckpointDiffers,
    /// The signed checkpoint for this place is itself not to be relied on (signature, key, tenant, order).
    CheckpointInvalid,
    /// Two signed checkpoints name different hashes for this place.
    SplitView,
    /// Entries from here on are missing: a checkpoint or the recorded head is further on.
    CutTail,
    /// The recorded head is not the chain's.
    HeadDiffers,
    /// The text beside the entry is not the one whose keyed digest it holds.
    PrivateDiffers,
    /// The columns that the store finds the entry by are not the entry's.
    IndexDiffers,
    /// A line of the export is not in its one canonical spelling, or not where it belongs.
    MalformedLine,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::Gap,
        Self::Reordered,
        Self::Duplicate,
        Self::WrongTenant,
        Self::WrongPrev,
        Self::Edited,
        Self::NotCanonical,
        Self::Unreadable,
        Self::CheckpointDiffers,
        Self::CheckpointInvalid,
        Self::SplitView,
        Self::CutTail,
        Self::HeadDiffers,
        Self::PrivateDiffers,
        Self::IndexDiffers,
        Self::MalformedLine,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Reordered => "reordered",
            Self::Duplicate => "duplicate",
            Self::WrongTenant => "wrong_tenant",
            Self::WrongPrev => "wrong_prev",
            Self::Edited => "edited",
            Self::NotCanonical => "not_canonical",
            Self::Unreadable => "unreadable",
            Self::CheckpointDiffers => "checkpoint_differs",
            Self::CheckpointInvalid => "checkpoint_invalid",
            Self::SplitView => "split_view",
            Self::CutTail => "cut_tail",
            Self::HeadDiffers => "head_differs",
            Self::PrivateDiffers => "private_differs",
            Self::IndexDiffers => "index_differs",
            Self::MalformedLine => "malformed_line",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first place where a chain is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The place.
    pub seq: Seq,
    /// What is wrong there.
    pub reason: Reason,
}

/// What a walk has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Nothing is wrong.
    pub ok: bool,
    /// How many entries are in order, from the start of the walk.
    pub entries: u64,
    /// The last entry that is in order.
    pub head: Head,
    /// How many checkpoints the chain agrees with.
    pub checkpoints: u64,
    /// The keys that signed them: compare them with those you know.
    pub checkpoint_keys: Vec<CheckpointPublicKey>,
    /// The first place where something is wrong.
    pub first_broken: Option<Broken>,
}

impl Serialize for Verification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &self.ok)?;
        map.serialize_entry("entries", &self.entries)?;
        map.serialize_entry("head", &self.head)?;
        map.serialize_entry("checkpoints", &self.checkpoints)?;
        map.serialize_entry("checkpoint_keys", &self.checkpoint_keys)?;
        map.serialize_entry("first_broken_seq", &self.first_broken.map(|broken| broken.seq))?;
        map.serialize_entry("reason", &self.first_broken.map(|broken| broken.reason.name()))?;
        map.end()
    }
}

/// Walks one tenant's chain, row by row, in constant memory.
#[derive(Debug, Clone)]
pub struct Verifier {
    tenant: TenantId,
    head: Head,
    entries: u64,
    /// What checkpoints say of places not yet reached, and how many say so.
    expected: BTreeMap<Seq, (Hash32, u64)>,
    recorded_head: Option<Head>,
    /// The checkpoints that it is held to: one that is kept here and elsewhere counts once.
    seen: BTreeSet<Hash32>,
    checkpoints: u64,
    checkpoint_keys: Vec<CheckpointPublicKey>,
    /// The first broken link: the walk stops there.
    broken_link: Option<Broken>,
    /// The first checkpoint that is itself wrong: the walk goes on, since a link before it may be broken too.
    broken_checkpoint: Option<Broken>,
}

impl Verifier {
    /// Before a tenant's first entry.
    #[must_use]
    pub const fn new(tenant: TenantId) -> Self {
        Self::resume(tenant, Head::GENESIS)
    }

    /// After `head`, which an earlier walk or a checkpoint vouches for.
    #[must_use]
    pub const fn resume(tenant: TenantId, head: Head) -> Self {
        Self {
            tenant,
            head,
            entries: 0,
            expected: BTreeMap::new(),
            recorded_head: None,
            seen: BTreeSet::new(),
            checkpoints: 0,
            checkpoint_keys: Vec::new(),
            broken_link: None,
            broken_checkpoint: None,
        }
    }

    /// Holds the chain to a checkpoint whose signature has been verified. Call it before the rows are given;
    /// one that lies before the start of the walk says nothing.
    pub fn expect(&mut self, checkpoint: &Checkpoint, signed_by: CheckpointPublicKey) {
        let Head { seq, hash } = checkpoint.head;
        if checkpoint.tenant != self.tenant {
            return self.refuse_checkpoint(seq, Reason::CheckpointInvalid);
        }
        if !self.checkpoint_keys.contains(&signed_by) {
            self.checkpoint_keys.push(signed_by);
        }
        if seq < self.head.seq {
            return;
        }
        if !self.seen.insert(checkpoint.hash()) {
            return;
        }
        if seq == self.head.seq {
            if hash == self.head.hash {
                self.checkpoints += 1;
            } else {
                self.refuse_checkpoint(seq, Reason::CheckpointDiffers);
            }
            return;
        }
        let (known, count) = self.expected.entry(seq).or_insert((hash, 0));
        if *known == hash {
            *count += 1;
        } else {
            self.refuse_checkpoint(seq, Reason::SplitView);
        }
    }

    /// Holds the chain to the checkpoints that are kept beside it, from the first. That shows damage; whose keys
    /// signed them is reported, not judged.
    pub fn expect_stored(&mut self, checkpoints: &[SignedCheckpoint]) {
        let mut chain = CheckpointChain::new(self.tenant.clone(), Trust::AnyKey);
        for signed in checkpoints {
            take_checkpoint(self, &mut chain, signed);
        }
    }

    /// Holds the chain to the head that is recorded beside it (the store's head row, the export's header).
    pub const fn expect_head(&mut self, head: Head) {
        self.recorded_head = Some(head);
    }

    /// Notes that the checkpoint for `seq` is not to be relied on.
    pub fn refuse_checkpoint(&mut self, seq: Seq, reason: Reason) {
        if self.broken_checkpoint.is_none_or(|broken| seq < broken.seq) {
            self.broken_checkpoint = Some(Broken { seq, reason });
        }
    }

    /// Notes that what should be the next entry cannot be taken for one. The walk stops there.
    pub fn refuse_next(&mut self, reason: Reason) {
        self.break_at(self.head.seq.next(), reason);
    }

    /// Takes the next row; gives back what it says if it is in order. After the first broken link the rows are
    /// only looked through to tell a missing entry from a moved one.
    pub fn push(&mut self, row: &Row<'_>) -> Option<Record> {
        self.push_parsed(row, None)
    }

    /// [`Self::push`] for one who has parsed the row's text already.
    pub(super) fn push_parsed(&mut self, row: &Row<'_>, parsed: Option<Record>) -> Option<Record> {
        if let Some(broken) = &mut self.broken_link {
            if broken.reason == Reason::Gap && row.seq == broken.seq {
                broken.reason = Reason::Reordered;
            }
            return None;
        }
        match self.check(row, parsed) {
            Ok(record) => {
                self.head = Head { seq: row.seq, hash: row.hash };
                self.entries += 1;
                self.compare_with_checkpoints();
                Some(record)
            }
            Err(reason) => {
                self.refuse_next(reason);
                None
            }
        }
    }

    /// Compares the text beside the entry that was taken last with the digest in it.
    pub fn check_private(
        &mut self,
        record: &Record,
        private: Option<&Private>,
        key: Option<&AuditKey>,
    ) -> PrivateCheck {
        let check = record.check_private(private, key);
        if check == PrivateCheck::Differs {
            self.break_at(record.seq, Reason::PrivateDiffers);
        }
        check
    }

    /// Where the walk has come to.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Whether a link is broken, so that more rows can be spared.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken_link.is_some()
    }

    /// Ends the walk.
    #[must_use]
    pub fn finish(mut self) -> Verification {
        if self.broken_link.is_none() {
            self.check_end();
        }
        let first_broken = match (self.broken_link, self.broken_checkpoint) {
            (Some(link), Some(checkpoint)) if checkpoint.seq < link.seq => Some(checkpoint),
            (link, checkpoint) => link.or(checkpoint),
        };
        Verification {
            ok: first_broken.is_none(),
            entries: self.entries,
            head: self.head,
            checkpoints: self.checkpoints,
            checkpoint_keys: self.checkpoint_keys,
            first_broken,
        }
    }

    fn check(&self, row: &Row<'_>, parsed: Option<Record>) -> Result<Record, Reason> {
        let due = self.head.seq.next();
        if row.seq != due {
            let moved = if row.seq == self.head.seq { Reason::Duplicate } else { Reason::Reordered };
            return Err(if row.seq > due { Reason::Gap } else { moved });
        }
        if row.prev_hash != self.head.hash {
            return Err(self.wrong_tenant(row).unwrap_or(Reason::WrongPrev));
        }
        if link_hash(&self.head.hash, row.text) != row.hash {
            return Err(self.wrong_tenant(row).unwrap_or(Reason::Edited));
        }
        let record = match parsed {
            Some(record) => record,
            None => Record::parse(row.text).map_err(|invalid| match invalid {
                InvalidEntry::Unreadable => Reason::Unreadable,
                InvalidEntry::NotCanonical => Reason::NotCanonical,
            })?,
        };
        if record.draft.tenant != self.tenant {
            return Err(Reason::WrongTenant);
        }
        if record.seq != row.seq {
            return Err(Reason::Edited);
        }
        Ok(record)
    }

    /// The better word for a row that does not fit, if it is another tenant's.
    fn wrong_tenant(&self, row: &Row<'_>) -> Option<Reason> {
        let record = Record::parse(row.text).ok()?;
        (record.draft.tenant != self.tenant).then_some(Reason::WrongTenant)
    }

    fn compare_with_checkpoints(&mut self) {
        if let Some(recorded) = self.recorded_head
            && recorded.seq == self.head.seq
            && recorded.hash != self.head.hash
        {
            self.break_at(self.head.seq, Reason::HeadDiffers);
        }
        match self.expected.remove(&self.head.seq) {
            Some((hash, count)) if hash == self.head.hash => self.checkpoints += count,
            Some(_) => self.break_at(self.head.seq, Reason::CheckpointDiffers),
            None => {}
        }
    }

    fn check_end(&mut self) {
        let recorded = self.recorded_head;
        let further_on = recorded.is_some_and(|recorded| recorded.seq > self.head.seq);
        if further_on || !self.expected.is_empty() {
            self.refuse_next(Reason::CutTail);
        } else if let Some(recorded) = recorded
            && recorded != self.head
        {
            self.break_at(recorded.seq.next(), Reason::HeadDiffers);
        }
    }

    pub(super) fn break_at(&mut self, seq: Seq, reason: Reason) {
        if self.broken_link.is_none() {
            self.broken_link = Some(Broken { seq, reason });
        }
    }
}
