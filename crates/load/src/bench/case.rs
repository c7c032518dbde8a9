//! What is measured: which requests, and which answers are right.

use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::{core, items};
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
    /// `POST /v2/memories`: an event from which nothing follows, and its audit entry, durable.
    Ingest,
    /// The same of an event from which an impact and a seed follow, stored with it.
    Derive,
    /// `POST /v2/memories/query`: 50 of the 100 memories of a scope.
    Query100,
    /// The same of one scope of [`super::Plan::large_scope`] events.
    QueryLarge,
    /// The same where the policy denies 99 of 100 of them.
    QueryDenied,
    /// `POST /v2/reconstruct` of scopes of 40 events with the impacts and seeds that follow.
    Reconstruct,
    /// `POST /v2/memories/{id}/reinforce` of an event from which nothing follows.
    Reinforce,
    /// `POST /v2/explain` of what [`Case::Query100`] asks.
    Explain,
    /// `POST /v2/replay` of the same.
    Replay,
    /// `POST /v1/memory`: a memory of which no graph is made, and its audit entry, durable.
    AddItem,
    /// The same with a graph of five nodes and four edges, made before the answer.
    AddGraph,
    /// `POST /v1/memory/batch` of 50 such as [`Case::AddItem`] adds.
    AddBatch,
    /// `POST /v1/memory/search` by words, of users with 100 memories each.
    SearchItems,
}

/// What a case reads, and must be stored first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads {
    /// How many memories each of its users has, not counting what is derived.
    pub(super) of_each_user: u32,
    /// The n-th of a user.
    pub(super) nth: fn(&str, u32) -> Value,
    /// Whether they are written and read through `/v2`.
    pub(super) is_core: bool,
}

impl Case {
    /// Every case, the floor first.
    pub const ALL: [Self; 18] = [
        Self::Live,
        Self::Create,
        Self::Read10,
        Self::Read1000,
        Self::Mix,
        Self::Ingest,
        Self::Derive,
        Self::Query100,
        Self::QueryLarge,
        Self::QueryDenied,
        Self::Reconstruct,
        Self::Reinforce,
        Self::Explain,
        Self::Replay,
        Self::AddItem,
        Self::AddGraph,
        Self::AddBatch,
        Self::SearchItems,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Create => "create",
            Self::Read10 => "read10",
            Self::Read1000 => "read1000",
            Self::Mix => "mix",
            Self::Ingest => "ingest",
            Self::Derive => "derive",
            Self::Query100 => "query100",
            Self::QueryLarge => "querylarge",
            Self::QueryDenied => "querydenied",
            Self::Reconstruct => "reconstruct",
            Self::Reinforce => "reinforce",
            Self::Explain => "explain",
            Self::Replay => "replay",
            Self::AddItem => "additem",
            Self::AddGraph => "addgraph",
            Self::AddBatch => "addbatch",
            Self::SearchItems => "searchitems",
        }
    }

    /// What must be stored first, if anything; `large_scope` is how many memories a large scope has.
    pub(super) fn reads(self, large_scope: u32) -> Option<Reads> {
        let scoped = |of_each_user| Reads { of_each_user, nth: memory, is_core: false };
        let core = |of_each_user, nth| Reads { of_each_user, nth, is_core: true };
        match self {
            Self::Live | Self::Create | Self::Ingest | Self::Derive => None,
            Self::AddItem | Self::AddGraph | Self::AddBatch => None,
            Self::Read10 | Self::Mix => Some(scoped(10)),
            Self::Read1000 => Some(scoped(1_000)),
            Self::SearchItems => Some(core(100, |name, _| core::plain_event(name))),
            Self::Query100 | Self::Explain | Self::Replay => Some(core(100, core::mixed)),
            Self::Reinforce => Some(core(1, |name, _| core::plain_event(name))),
            Self::QueryLarge => Some(core(large_scope, |name, _| core::plain_event(name))),
            Self::QueryDenied => Some(core(large_scope, core::mostly_denied)),
            Self::Reconstruct => Some(core(40, core::telling_event)),
        }
    }

    /// How many users it is spread over, where most are spread over `users`.
    pub(super) fn users(self, users: u32) -> u32 {
        match self {
            Self::Live | Self::QueryLarge | Self::QueryDenied => 1,
            // As many memories are loaded with the hundredth part of the users.
            Self::Read1000 => users.div_ceil(10),
            _ => users,
        }
    }

    /// How many memories it needs, of all users together.
    pub(super) fn memories(self, users: u32, large_scope: u32) -> u64 {
        self.reads(large_scope)
            .map_or(0, |reads| u64::from(reads.of_each_user) * u64::from(self.users(users)))
    }

    /// The status of the answer to the first request of a round.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Create | Self::Ingest | Self::Derive => 201,
            _ => 200,
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
        let for_each = |path: &str, body: fn(&str) -> Value| {
            users.iter().map(|user| target.post(path, &[], &body(user))).collect()
        };
        let first = match case {
            Case::Live => vec![target.get("/healthz/live")],
            Case::Create => for_each("/memory", |user| memory(user, 0)),
            Case::Read10 | Case::Read1000 | Case::Mix => for_each("/memory/read", reading),
            Case::Ingest => for_each("/v2/memories", |user| core::storing(core::plain_event(user))),
            Case::Derive => for_each("/v2/memories", |user| core::storing(core::telling_event(user, 0))),
            Case::Query100 | Case::QueryLarge | Case::QueryDenied => {
                for_each("/v2/memories/query", core::querying)
            }
            Case::AddItem => for_each(items::ADDING, items::plain),
            Case::AddGraph => for_each("/v1/memory", items::with_graph),
            Case::AddBatch => for_each(items::ADDING_BATCH, items::batch),
            Case::SearchItems => for_each("/v1/memory/search", items::searching),
            Case::Reconstruct => for_each("/v2/reconstruct", core::reconstructing),
            Case::Reinforce => {
                let path = |id: &str| format!("/v2/memories/{id}/reinforce");
                users.iter().map(|id| target.post(&path(id), &[], &core::reinforcing())).collect()
            }
            Case::Explain => users
                .iter()
                .map(|log| target.post("/v2/explain", &core::AUDITOR, &core::looking(log)))
                .collect(),
            Case::Replay => users
                .iter()
                .map(|log| target.post("/v2/replay", &core::AUDITOR, &core::looking(log)))
                .collect(),
        };
        Self::given(case, target, first)
    }

    /// Requests that are made already, and answered as those of the case are.
    pub(super) fn given(case: Case, target: &Target, first: Vec<Vec<u8>>) -> Self {
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
                check(&answer, self.requests.case.status())?;
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
        let said = "must be one of live, create, read10, read1000, mix, ingest, derive, query100, querylarge, \
                    querydenied, reconstruct, reinforce, explain, replay, additem, addgraph, addbatch, searchitems";
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
