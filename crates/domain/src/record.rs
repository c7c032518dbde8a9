//! Records: the small things that are kept beside memories, each under a kind and an id. A record's document is a type of its own,
//! which reads and writes the text; a store knows only what stands beside it.

use serde::{Deserialize, Serialize};

use crate::constraint::closed_list;
use crate::limits;
use crate::memory::SubjectRef;
use crate::time::Timestamp;

closed_list!(
    /// What a record is of.
    RecordKind {
        /// Somebody whom a client remembers things for.
        User "user",
        /// A part of an organization.
        Namespace "namespace",
        /// A conversation.
        Session "session",
        /// What somebody said of an answer.
        Feedback "feedback",
        /// What somebody said of one memory in an answer.
        Opinion "opinion",
        /// Work that is done behind a request.
        Job "job",
        /// Several memories that came in one request.
        Batch "batch",
        /// What is told to a client's own server.
        Delivery "delivery",
    }
);

impl RecordKind {
    /// Whether persons' words may stand in it: forgetting one is then an erasure, after which a store leaves none of it in its files.
    #[must_use]
    pub const fn holds_content(self) -> bool {
        !matches!(self, Self::Job | Self::Batch | Self::Delivery)
    }
}

/// One record, in its current version. No earlier one is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub kind: RecordKind,
    /// Its name among those of its kind: 1 to [`limits::RECORD_NAME_BYTES`] bytes, without the character NUL.
    pub id: String,
    /// What it is listed under; empty where it is under nothing. At most as long as an id.
    pub group: String,
    /// Whose it is: with that person it is forgotten.
    pub subject: Option<SubjectRef>,
    /// From when on there is something to do with it.
    pub due: Option<Timestamp>,
    /// Counts its versions, from 1.
    pub version: u64,
    /// When its first version was kept.
    pub created: Timestamp,
    /// What it says: JSON, at most [`limits::RECORD_BYTES`] bytes.
    pub document: String,
}

impl Record {
    /// What keeps it from being kept, if anything: a defect of the operation that made it.
    #[must_use]
    pub fn flaw(&self) -> Option<&'static str> {
        let is_name = |text: &str| text.len() <= limits::RECORD_NAME_BYTES && !text.contains('\0');
        if self.id.is_empty() || !is_name(&self.id) || !is_name(&self.group) {
            return Some("a record's name is too long, empty or no text");
        }
        if self.document.len() > limits::RECORD_BYTES || self.document.contains('\0') {
            return Some("a record's document is too long or no text");
        }
        (self.version == 0).then_some("a record's version is none")
    }
}

/// Records that were asked for beside memories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Those that were named, in the order in which they were; the others are not there.
    pub named: Vec<Record>,
    /// A page of a kind.
    pub page: Vec<Record>,
    /// Whether there are more behind the page.
    pub more: bool,
    /// How many there are on all pages, where that was asked: whoever may see them, so an answer may only say it to who may see all.
    pub count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_told() {
        let fine = Record {
            kind: RecordKind::Job,
            id: "a".to_owned(),
            group: String::new(),
            subject: None,
            due: None,
            version: 1,
            created: Timestamp::from_unix_micros(0),
            document: "{}".to_owned(),
        };
        let check = |record: Record, expect: bool| assert_eq!(record.flaw().is_some(), expect, "{record:?}");
        let long = |bytes| "a".repeat(bytes);
        check(fine.clone(), false);
        check(Record { id: long(limits::RECORD_NAME_BYTES), ..fine.clone() }, false);
        check(Record { id: long(limits::RECORD_NAME_BYTES + 1), ..fine.clone() }, true);
        check(Record { group: long(limits::RECORD_NAME_BYTES + 1), ..fine.clone() }, true);
        check(Record { id: String::new(), ..fine.clone() }, true);
        check(Record { id: "a\0".to_owned(), ..fine.clone() }, true);
        check(Record { document: long(limits::RECORD_BYTES), ..fine.clone() }, false);
        check(Record { document: long(limits::RECORD_BYTES + 1), ..fine.clone() }, true);
        check(Record { version: 0, ..fine }, true);
    }
}
