//! What a store keeps beside an entry's text (columns to find it by, the private text), held to the entry.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::json::canonical_json;
use super::keys::{AuditKey, Private, PrivateCheck};
use super::parse::Record;
use super::verify::{Reason, Verifier};
use crate::ids::UserId;
use crate::items::user;
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

/// The members by which what stands beside an entry names a person.
const NAMING: [&str; 3] = ["user_id", "scope_id", "person_id"];
/// The member by which it names the person's own record, whose id follows from their name.
const RECORD: &str = "record_id";

impl Private {
    /// Whether it names the person: as the one whom the entry is about, or as one whom the request was about.
    #[must_use]
    pub fn names(&self, person: &UserId) -> bool {
        self.object().is_ok_and(|object| {
            object.get("user_id").is_some_and(|user| user == person.as_str())
                || object.get("request").is_some_and(|request| {
                    names(request, NAMING.as_slice(), person.as_str())
                        || names(request, &[RECORD], &user::id_of(person))
                })
        })
    }

    /// The texts of which one stands in what names the person, wherever it does: JSON escapes quotes inside of texts, so that
    /// none stands there by accident.
    #[must_use]
    pub fn marks_of(person: &UserId) -> Vec<String> {
        let mark = |member: &str, name: &str| {
            let object = Map::from_iter([(member.to_owned(), Value::from(name))]);
            let text = canonical_json(&object);
            text.trim_start_matches('{').strip_suffix('}').unwrap_or_default().to_owned()
        };
        let record = std::iter::once(mark(RECORD, &user::id_of(person)));
        NAMING.into_iter().map(|member| mark(member, person.as_str())).chain(record).collect()
    }
}

fn names(value: &Value, by: &[&str], person: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (by.contains(&name.as_str()) && value == person) || names(value, by, person)
        }),
        Value::Array(members) => members.iter().any(|member| names(member, by, person)),
        _ => false,
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
