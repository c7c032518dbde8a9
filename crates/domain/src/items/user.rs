//! Users, as an application tells the server of them: whom it remembers things for, under which name, and what it wants to know of
//! them beside that.
//!
//! A user's id follows from the name that the application gives them. So one name has one user however often and by however many
//! requests at once it is told, and what names a user by the one finds them by the other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::request::Reading;
use crate::constraint::closed_list;
use crate::fields::{At, Fault, Faults, Members, Notes, Read, Unknown, object_within};
use crate::ids::UserId;
use crate::limits;
use crate::memory::SubjectRef;
use crate::record::{Record, RecordKind};
use crate::time::Timestamp;

closed_list!(
    /// What sort of user it is. It says nothing of what they may.
    UserType {
        /// Somebody who uses an application.
        DeveloperUser "developerUser",
        /// A person.
        User "user",
        /// An agent.
        Agent "agent",
    }
);

/// What is told of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What the application calls them.
    pub external_id: UserId,
    /// Where mail reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What else the application wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// What sort of user it is.
    pub user_type: UserType,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What is told of them.
    pub profile: Profile,
    /// When they were told of first.
    pub created: Timestamp,
    /// When last.
    pub updated: Timestamp,
    /// Counts the versions, from 1.
    pub version: u64,
}

/// A user's document.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    profile: Profile,
    updated: Timestamp,
}

/// How a user's id begins. It does not look like an application's own ([`super::request::is_application_id`]).
const PREFIX: &str = "u_";

/// The id of the user whom an application calls so: `u_` and 32 hexadecimal digits.
#[must_use]
pub fn id_of(external_id: &UserId) -> String {
    let digest =
        Sha256::new().chain_update(b"memoryscope-user-v1\0").chain_update(external_id.as_str()).finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{hex}")
}

/// Whether a text is shaped like a user's id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What users with a mail address are listed under.
#[must_use]
pub fn group_of(email: Option<&str>) -> String {
    let Some(email) = email else { return String::new() };
    let digest = Sha256::digest(email.to_lowercase().as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl User {
    /// Somebody who was not known yet.
    #[must_use]
    pub const fn new(profile: Profile, now: Timestamp) -> Self {
        Self { profile, created: now, updated: now, version: 1 }
    }

    /// Their id.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(&self.profile.external_id)
    }

    /// As they are from now on.
    #[must_use]
    pub fn changed_by(&self, change: &ProfileChange, now: Timestamp) -> Self {
        let ProfileChange { external_id: _, email, metadata, user_type } = change.clone();
        let profile = Profile {
            external_id: self.profile.external_id.clone(),
            email: email.unwrap_or_else(|| self.profile.email.clone()),
            metadata: metadata.unwrap_or_else(|| self.profile.metadata.clone()),
            user_type: user_type.unwrap_or(self.profile.user_type),
        };
        Self { profile, updated: now, version: self.version + 1, ..*self }
    }

    /// The record that they are kept as. It goes when the person is erased.
    #[must_use]
    pub fn record(&self) -> Record {
        let document = Document { profile: self.profile.clone(), updated: self.updated };
        Record {
            kind: RecordKind::User,
            id: self.id(),
            group: group_of(self.profile.email.as_deref()),
            subject: Some(SubjectRef::of_user(&self.profile.external_id)),
            due: None,
            version: self.version,
            created: self.created,
            // Texts and numbers can always be written.
            document: serde_json::to_string(&document).unwrap_or_default(),
        }
    }

    /// The user that a record is; `None` where it is none.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let Document { profile, updated } = serde_json::from_str(&record.document).ok()?;
        let user = Self { profile, created: record.created, updated, version: record.version };
        (record.kind == RecordKind::User && user.id() == record.id).then_some(user)
    }
}

/// What a request changes of a user; what it leaves out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// What the application calls them: it can be sent, and does not change.
    pub external_id: Option<UserId>,
    /// Where mail reaches them from now on.
    pub email: Option<Option<String>>,
    /// What else there is to know from now on.
    pub metadata: Option<Option<Map<String, Value>>>,
    /// What sort of user it is.
    pub user_type: Option<UserType>,
}

/// One of several users, right or wrong by itself.
pub type ReadProfile = Result<Read<Profile>, Faults>;

impl Profile {
    /// Reads what `POST /v1/user` is sent.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(reading.is_strict);
        let read = read_profile(body, &At::Root("body"), &mut notes);
        notes.finish(read)
    }

    /// Reads what `POST /v1/user/batch` is sent: each user right or wrong by itself.
    ///
    /// # Errors
    /// When `users` is no list of 1 to [`limits::USERS_BATCH_ITEMS`].
    pub fn read_batch(body: &Value, reading: &Reading) -> Result<Read<Vec<ReadProfile>>, Faults> {
        let root = At::Root("body");
        let mut notes = Notes::new(reading.is_strict);
        let users = Members::open(body, &root, &mut notes).and_then(|mut members| {
            let users = members.required("users", &mut notes, |value, at, notes| match value {
                Value::Array(users) if (1..=limits::USERS_BATCH_ITEMS).contains(&users.len()) => {
                    Some(users.clone())
                }
                Value::Array(_) => {
                    let message = format!("must have 1 to {} members", limits::USERS_BATCH_ITEMS);
                    notes.wrong(at, Fault::OutOfRange, message)
                }
                _ => notes.wrong(at, Fault::WrongType, "must be a list"),
            });
            members.close(Unknown::Warn, &mut notes);
            users
        });
        let list = At::Key(&root, "users");
        let each = |(index, user): (usize, &Value)| {
            let mut notes = Notes::new(reading.is_strict);
            let read = read_profile(user, &At::Index(&list, index), &mut notes);
            notes.finish(read)
        };
        let read = users.map(|users| users.iter().enumerate().map(each).collect());
        notes.finish(read)
    }
}

fn read_profile(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Profile> {
    let mut members = Members::open(value, at, notes)?;
    let external_id = members.required("external_id", notes, read_name);
    let email = members.optional("email", notes, read_email);
    let metadata = members.optional("metadata", notes, read_metadata);
    let user_type = members.optional("type", notes, read_type);
    let is_clean = notes.is_clean_at(&members.at());
    members.close(Unknown::Warn, notes);
    let user_type = user_type.unwrap_or(UserType::DeveloperUser);
    Some(Profile { external_id: external_id?, email, metadata, user_type }).filter(|_| is_clean)
}

impl ProfileChange {
    /// Reads what `PUT /v1/user/{user_id}` is sent. Null takes an address, or what else there is to know, away.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(body: &Value, reading: &Reading) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::new(reading.is_strict);
        let read = Members::open(body, &At::Root("body"), &mut notes).and_then(|mut members| {
            let is_null = |name: &str| body.get(name).is_some_and(Value::is_null);
            let external_id = members.optional("external_id", &mut notes, read_name);
            let email = members.optional("email", &mut notes, read_email).map(Some);
            let metadata = members.optional("metadata", &mut notes, read_metadata).map(Some);
            let user_type = members.optional("type", &mut notes, read_type);
            let is_clean = notes.is_clean_at(&members.at());
            members.close(Unknown::Warn, &mut notes);
            let email = email.or_else(|| is_null("email").then_some(None));
            let metadata = metadata.or_else(|| is_null("metadata").then_some(None));
            is_clean.then_some(Self { external_id, email, metadata, user_type })
        });
        notes.finish(read)
    }
}

fn read_name(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<UserId> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    UserId::parse(text).map_err(|error| notes.wrong::<()>(at, Fault::Invalid, error.to_string())).ok()
}

/// Something with an at in it: whether mail arrives there, only mail can tell.
fn read_email(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let Some(email) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    if email.chars().count() > limits::EMAIL_CHARS_MAX {
        let message = format!("must be at most {} characters", limits::EMAIL_CHARS_MAX);
        return notes.wrong(at, Fault::TooLong, message);
    }
    let is_part = |part: &str| !part.is_empty() && !part.contains(['@']);
    let is_address = email.split_once('@').is_some_and(|(local, host)| is_part(local) && is_part(host));
    if is_address && !email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some(email.to_owned());
    }
    notes.wrong(at, Fault::Invalid, "must be an address such as ana@example.org")
}

fn read_metadata(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Map<String, Value>> {
    object_within(limits::CUSTOM_KEYS_MAX, limits::USER_METADATA_BYTES_MAX)(value, at, notes)
}

fn read_type(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<UserType> {
    crate::fields::one_of(UserType::NAMES, UserType::from_name)(value, at, notes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::items::request::is_application_id;

    fn read(body: &Value) -> Result<Profile, Vec<String>> {
        Profile::read(body, &Reading::default()).map(|read| read.value).map_err(|faults| {
            faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect()
        })
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: Value, expect: &[&str]| {
            assert_eq!(read(&body).err().unwrap_or_default(), expect, "{body}");
        };
        let most = json!({"external_id": "ana", "email": "ana@example.org", "metadata": {"a": [1]}, "type": "agent"});
        check(most, &[]);
        check(json!({"external_id": " "}), &["body.external_id: must not be empty or blank"]);
        let address = "body.email: must be an address such as ana@example.org";
        for email in ["ana", "@x", "ana@", "a b@c", "a@b@c", " a@b", "a@b\n", ""] {
            check(json!({"external_id": "ana", "email": email}), &[address]);
        }
        check(
            json!({"email": 7, "metadata": [], "type": "Agent"}),
            &[
                "body.external_id: is required",
                "body.email: must be a string",
                "body.metadata: must be a JSON object",
                "body.type: must be one of: developerUser, user, agent",
            ],
        );
        check(json!([]), &["body: must be a JSON object"]);
        let long =
            json!({"external_id": "ana", "metadata": {"a": "x".repeat(limits::USER_METADATA_BYTES_MAX)}});
        assert_eq!(read(&long).expect_err("too long").len(), 1);
    }

    #[test]
    fn an_id_follows_from_a_name_and_looks_like_no_application_s() {
        let name = |text: &str| UserId::parse(text).expect("a name");
        let ana = id_of(&name("ana"));
        assert!(is_id(&ana) && !is_application_id(&ana));
        assert_eq!(ana, id_of(&name(" ana ")));
        assert_ne!(ana, id_of(&name("Ana")));
        // Kept in databases: it must not change.
        assert_eq!(ana, "u_aabdbf68588b7c55f36f1633d879e71d");
        for other in
            ["", "u_", "ana", "u_AABDBF68588B7C55F36F1633D879E71D", "aabdbf68588b7c55f36f1633d879e71d"]
        {
            assert!(!is_id(other), "{other}");
        }
    }

    #[test]
    fn a_record_reads_back_and_a_change_states_what_it_replaces() {
        let profile = read(&json!({"external_id": "ana", "email": "Ana@x.org", "metadata": {"a": 1}}))
            .expect("a profile");
        let user = User::new(profile, Timestamp::from_unix_micros(7));
        assert_eq!(User::of(&user.record()), Some(user.clone()));
        assert_eq!(user.record().flaw(), None);
        assert_eq!(user.record().group, group_of(Some("ana@X.ORG")));
        let check = |change: Value, email: Option<&str>, has_metadata: bool, user_type: UserType| {
            let change = ProfileChange::read(&change, &Reading::default()).expect("a change").value;
            let next = user.changed_by(&change, Timestamp::from_unix_micros(9));
            assert_eq!((next.version, next.created, next.id()), (2, user.created, user.id()));
            let profile = &next.profile;
            let found = (profile.email.as_deref(), profile.metadata.is_some(), profile.user_type);
            assert_eq!(found, (email, has_metadata, user_type), "{change:?}");
        };
        check(json!({}), Some("Ana@x.org"), true, UserType::DeveloperUser);
        check(json!({"email": null, "type": "agent"}), None, true, UserType::Agent);
        check(
            json!({"email": "b@c", "metadata": null, "type": null}),
            Some("b@c"),
            false,
            UserType::DeveloperUser,
        );
    }
}
