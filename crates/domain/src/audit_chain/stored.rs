//! What a store keeps beside an entry's text (columns to find it by, the private text), held to the entry.

use serde::Deserialize;

use super::keys::{AuditKey, Private, PrivateCheck};
use super::parse::Record;
use super::verify::{Reason, Verifier};
use crate::ids::UserId;
use crate::memory::SubjectRef;

impl Private {
    /// Under whose audit key its digest is, by its own words: the person's that it names, else the tenant's. None
    /// when it is no text that we write. A text that names somebody else leads to another key, under which the
    /// digest is another.
    #[must_use]
    pub fn subject(&self) -> Option<SubjectRef> {
        #[derive(Deserialize)]
        struct About {
            user_id: Option<String>,
        }
        let about: About = serde_json::from_str(self.as_str()).ok()?;
        match about.user_id {
            None => Some(SubjectRef::TENANT),
            Some(user) => UserId::parse(&user).ok().map(|user| SubjectRef::of_user(&user)),
        }
    }
}

impl Verifier {
    /// Compares the columns that a store finds the entry by with the entry that was taken last: with others it would
    /// be in the chain and in no listing.
    pub fn check_index(&mut self, record: &Record, id: &[u8], operation: &[u8]) {
        let Record { draft, .. } = record;
        if id != draft.id.uuid().as_bytes() || operation != draft.operation.as_str().as_bytes() {
            self.break_at(record.seq, Reason::IndexDiffers);
        }
    }

    /// [`Self::check_private`] for one who holds the keys: erasure takes a text with its key, so a text without a key
    /// is not one that was written.
    pub fn check_private_kept(
        &mut self,
        record: &Record,
        private: Option<&Private>,
        key: Option<&AuditKey>,
    ) -> PrivateCheck {
        let check = self.check_private(record, private, key);
        if check == PrivateCheck::Unkeyed {
            self.break_at(record.seq, Reason::PrivateDiffers);
        }
        check
    }
}
