//! What is measured: which requests, and which answers are right.

use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::http::{Answer, Connection, Fault, Target};

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// `GET /healthz/live`, which touches no store: the floor that the others are held to.
    Live,
    /// `POST /memory`: a memory and its audit entry, durable.
    Create,
    /// `POST /memory/read` of users with 10 memories each: a grant and its audit entry, durable.
    Read10,
    /// The same of users with 1,000 memories each.
    Read1000,
    /// Again and again: read, continue three times, revoke, and continue once more, which must be refused.
    Mix,
}

impl Case {
    /// Every case, the floor first.
    pub const ALL: [Self; 5] = [Self::Live, Self::Create, Self::Read10, Self::Read1000, Self::Mix];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Create => "create",
            Self::Read10 => "read10",
            Self::Read1000 => "read1000",
            Self::Mix => "mix",
        }
    }

    /// How many memories each user whom it reads must have.
    pub(super) const fn memories_of_each_user(self) -> u32 {
        match self {
            Self::Live | Self::Create => 0,
            Self::Read10 | Self::Mix => 10,
            Self::Read1000 => 1_000,
        }
    }

    /// How many users it is spread over, where most are spread over `users`.
    pub(super) fn users(self, users: u32) -> u32 {
        match self {
            Self::Live => 1,
            Self::Create | Self::Read10 | Self::Mix => users,
            // As many memories are loaded with the hundredth part of the users.
            Self::Read1000 => users.div_ceil(10),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|case| case.name() == name)
            .ok_or_else(|| format!("must be one of {names}"))
    }
}

/// Something that did not go as it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self(fault.to_string())
    }
}

/// The requests of a case, made beforehand; all its connections share them.
#[derive(Debug)]
pub(super) struct Requests {
    case: Case,
    target: Target,
    /// One for each user.
    first: Vec<Vec<u8>>,
}

impl Requests {
    pub(super) fn new(case: Case, target: &Target, users: &[String]) -> Self {
        let first = match case {
            Case::Live => vec![target.get("/healthz/live")],
            Case::Create => users.iter().map(|user| target.post("/memory", &[], &memory(user, 0))).collect(),
            Case::Read10 | Case::Read1000 | Case::Mix => {
                users.iter().map(|user| target.post("/memory/read", &[], &reading(user))).collect()
            }
        };
        Self { case, target: target.clone(), first }
    }
}

/// Where a connection is in the round that its case consists of.
#[derive(Debug)]
pub(super) struct Round {
    requests: Arc<Requests>,
    /// Which user comes next.
    user: usize,
    /// Which request of the round comes next.
    step: u8,
    proceed: Vec<u8>,
    revoke: Vec<u8>,
}

impl Round {
    /// For the connection with this number; connections begin with different users.
    pub(super) fn new(requests: Arc<Requests>, number: usize, of: usize) -> Self {
        let user = number * requests.first.len() / of.max(1);
        Self { requests, user, step: 0, proceed: Vec::new(), revoke: Vec::new() }
    }

    /// Sends the next request and checks its answer. After something wrong a new round begins.
    pub(super) async fn next(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        let done = self.request(connection).await;
        if done.is_err() {
            self.step = 0;
        }
        done
    }

    async fn request(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        match self.step {
            0 => {
                let users = self.requests.first.len();
                let request = &self.requests.first[self.user % users];
                self.user = (self.user + 1) % users;
                let answer = connection.exchange(request).await?;
                let status = if self.requests.case == Case::Create { 201 } else { 200 };
                check(&answer, status)?;
                if self.requests.case == Case::Mix {
                    let token = token(answer.body).ok_or_else(|| Wrong("a read gave no token".to_owned()))?;
                    let body = json!({"revocation_token": token});
                    self.proceed = self.requests.target.post("/memory/read/continue", &[], &body);
                    self.revoke = self.requests.target.post("/memory/revoke", &[], &body);
                    self.step = 1;
                }
            }
            1..=3 => {
                check(&connection.exchange(&self.proceed).await?, 200)?;
                self.step += 1;
            }
            4 => {
                check(&connection.exchange(&self.revoke).await?, 200)?;
                self.step = 5;
            }
            _ => {
                check(&connection.exchange(&self.proceed).await?, 403)?;
                self.step = 0;
            }
        }
        Ok(())
    }
}

fn check(answer: &Answer<'_>, status: u16) -> Result<(), Wrong> {
    if answer.status == status {
        return Ok(());
    }
    Err(Wrong(format!("{} and not {status}: {}", answer.status, answer.message())))
}

/// The token in a read's answer, which is not parsed: a summary can be long.
pub(super) fn token(body: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"revocation_token\"";
    let at = body.windows(NAME.len()).position(|window| window == NAME)?;
    let rest = body[at + NAME.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

const LIKES: [&str; 12] = [
    "green tea",
    "jazz",
    "hiking",
    "ramen",
    "night trains",
    "black coffee",
    "crime novels",
    "bouldering",
    "baroque music",
    "window seats",
    "dark chocolate",
    "open-air cinema",
];
const DISLIKES: [&str; 7] = [
    "coriander",
    "early meetings",
    "voice messages",
    "crowds",
    "air conditioning",
    "horror films",
    "small talk",
];

/// A memory of a user. The first 84 of a user differ, so that a summary of many holds all there is to like and dislike.
pub(super) fn memory(user: &str, number: u32) -> serde_json::Value {
    let turn = number as usize;
    json!({
        "user_id": user, "scope": "preferences", "source": "explicit_user_input", "ttl_days": 30,
        "value_json": {
            "likes": [LIKES[turn % LIKES.len()], LIKES[(turn + 5) % LIKES.len()]],
            "dislikes": [DISLIKES[turn % DISLIKES.len()]],
            "volume": number % 11,
        },
    })
}

/// A read of a user's memories.
pub(super) fn reading(user: &str) -> serde_json::Value {
    json!({"user_id": user, "scope": "preferences", "purpose": "recommend something for tonight"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for case in Case::ALL {
            assert_eq!(case.name().parse(), Ok(case));
            assert_eq!(serde_json::to_value(case).unwrap(), case.name());
        }
        let said = "must be one of live, create, read10, read1000, mix";
        assert_eq!("reads".parse::<Case>(), Err(said.to_owned()));
    }

    #[test]
    fn tokens_are_found_however_json_is_spelt() {
        assert_eq!(token(br#"{"a":1,"revocation_token":"rt_x","b":2}"#), Some("rt_x"));
        assert_eq!(token(b"{\n  \"revocation_token\" : \"rt_y\"\n}"), Some("rt_y"));
        for none in [&b"{}"[..], br#"{"revocation_token":null}"#, br#"{"revocation_token":"rt"#] {
            assert_eq!(token(none), None);
        }
    }
}
