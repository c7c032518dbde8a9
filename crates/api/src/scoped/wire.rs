//! The dialect's requests, and what it answers with.

use memoryscope_domain::grant::Token;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::preference::{Domain, Kind, Source};
use memoryscope_domain::purpose::{self, Purpose, SCOPED_CLASSES};
use memoryscope_engine::op::create::{Created, NewPreference};
use memoryscope_engine::op::read::Merged;
use serde_json::{Value, json};

use super::value::ValueJson;
use crate::cursor::{Cursor, cursor};
use crate::openapi::schema::{about, list, maybe, names, object, or_null, text, time, uuid};
use crate::openapi::{self, schema};
use crate::wire::{
    DOMAIN_PATTERN, Decode, Errors, Fields, Read, Shape, USER_ID_PATTERN, choice, each, string, whole,
};

/// The person that a request is about.
fn user_id() -> impl Decode<Out = UserId> {
    let text = string().trimmed().bytes(1..=limits::USER_ID_BYTES_MAX).pattern(USER_ID_PATTERN);
    text.parsed(|text: &String| UserId::parse(text))
}

/// The scope: the kind of preference.
fn scope() -> impl Decode<Out = Kind> {
    choice(Kind::ALL.map(|kind| (kind.name(), kind)))
}

/// The domain; blank means none.
fn domain() -> impl Decode<Out = Option<Domain>> {
    let text = string().trimmed().chars(0..=limits::DOMAIN_CHARS_MAX).pattern(DOMAIN_PATTERN);
    text.parsed(|text: &String| Domain::parse(text))
}

fn max_age_days() -> impl Decode<Out = i64> {
    whole(1..=limits::MAX_AGE_DAYS_MAX)
}

/// What a read is for, in the caller's words and as a class.
#[derive(Debug)]
pub(super) struct StatedPurpose {
    pub(super) class: Option<Purpose>,
    pub(super) text: Option<String>,
}

/// Reads `purpose` and `purpose_class`, of which one must be there and not null. A class given outright wins.
fn stated_purpose(f: &mut Fields<'_>) -> StatedPurpose {
    let text = f.nullable("purpose", string().chars(0..=limits::PURPOSE_CHARS_MAX));
    let class = f.nullable("purpose_class", choice(SCOPED_CLASSES.map(|class| (class.name(), class))));
    f.one_needed(&["purpose", "purpose_class"]);
    let text = text.flatten();
    let class = class.flatten().or_else(|| text.as_deref().and_then(purpose::classify));
    StatedPurpose { class, text }
}

/// `POST /memory`.
#[derive(Debug)]
pub struct CreateRequest {
    pub(super) user: UserId,
    pub(super) item: NewPreference,
}

impl Shape for CreateRequest {
    const NAME: &'static str = "CreateMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let user = f.required("user_id", user_id());
        let kind = f.required("scope", scope());
        let domain = f.optional("domain", domain());
        let source = f.required("source", choice(Source::ALL.map(|source| (source.name(), source))));
        let ttl_days = f.required("ttl_days", whole(limits::TTL_DAYS_MIN..=limits::TTL_DAYS_MAX));
        // The value is checked whatever else is wrong, so that everything wrong is in one answer.
        let value = f.required(
            "value_json",
            ValueJson {
                kind: kind.unwrap_or(Kind::Preferences),
                domain: domain.flatten(),
                source: source.unwrap_or(Source::UserSetting),
            },
        );
        let (_, _) = (kind?, source?);
        Some(Self { user: user?, item: NewPreference { preference: value?, ttl_days: ttl_days? } })
    }
}

/// `POST /memory/batch`.
#[derive(Debug)]
pub(super) struct BatchRequest {
    pub(super) memories: Vec<Result<Read<CreateRequest>, Errors>>,
}

impl Shape for BatchRequest {
    const NAME: &'static str = "CreateMemories";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let memories = f.required("memories", each::<CreateRequest>(1..=limits::BATCH_ITEMS_MAX));
        Some(Self { memories: memories? })
    }
}

/// `POST /memory/read`.
#[derive(Debug)]
pub(super) struct ReadRequest {
    pub(super) user: UserId,
    pub(super) kind: Kind,
    pub(super) domain: Option<Domain>,
    pub(super) purpose: StatedPurpose,
    pub(super) max_age_days: Option<i64>,
}

impl Shape for ReadRequest {
    const NAME: &'static str = "ReadMemories";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let user = f.required("user_id", user_id());
        let kind = f.required("scope", scope());
        let domain = f.optional("domain", domain());
        let purpose = stated_purpose(f);
        let max_age_days = f.optional("max_age_days", max_age_days());
        Some(Self { user: user?, kind: kind?, domain: domain.flatten(), purpose, max_age_days })
    }
}

/// A token that a caller sends back; `None` where the text cannot be a token, which is nobody's.
fn revocation_token() -> impl Decode<Out = Option<Token>> {
    string()
        .bytes(1..=limits::TOKEN_BYTES_MAX)
        .parsed(|text: &String| Ok::<_, std::convert::Infallible>(Token::parse(text)))
}

/// `POST /memory/read/continue`.
#[derive(Debug)]
pub(super) struct ContinueRequest {
    pub(super) token: Option<Token>,
    pub(super) max_age_days: Option<i64>,
}

impl Shape for ContinueRequest {
    const NAME: &'static str = "ContinueReading";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let token = f.required("revocation_token", revocation_token());
        let max_age_days = f.optional("max_age_days", max_age_days());
        Some(Self { token: token?, max_age_days })
    }
}

/// `POST /memory/revoke`.
#[derive(Debug)]
pub(super) struct RevokeRequest {
    pub(super) token: Option<Token>,
}

impl Shape for RevokeRequest {
    const NAME: &'static str = "RevokeGrant";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { token: f.required("revocation_token", revocation_token())? })
    }
}

/// `GET /memory`.
#[derive(Debug)]
pub(super) struct ListRequest {
    pub(super) user: UserId,
    pub(super) kind: Kind,
    pub(super) domain: Option<Domain>,
    pub(super) purpose: StatedPurpose,
    pub(super) limit: usize,
    pub(super) cursor: Option<Cursor>,
}

impl Shape for ListRequest {
    const NAME: &'static str = "ListMemories";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let user = f.required("user_id", user_id());
        let kind = f.required("scope", scope());
        let domain = f.optional("domain", domain());
        let purpose = stated_purpose(f);
        let (default, max) = (limits::LIST_ITEMS_DEFAULT as i64, limits::LIST_ITEMS_MAX as i64);
        let limit = f.or("limit", whole(1..=max), default);
        let cursor = f.optional("cursor", cursor());
        let limit = usize::try_from(limit?).ok()?;
        Some(Self { user: user?, kind: kind?, domain: domain.flatten(), purpose, limit, cursor })
    }
}

/// `DELETE /memory/{id}`.
#[derive(Debug)]
pub(super) struct DeleteRequest {
    pub(super) user: UserId,
}

impl Shape for DeleteRequest {
    const NAME: &'static str = "DeleteMemory";

    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { user: f.required("user_id", user_id())? })
    }
}

/// What is told of a stored memory.
pub(super) fn created(created: &Created) -> Value {
    json!({
        "id": created.id.to_string(),
        "user_id": created.user,
        "scope": created.preference.kind().name(),
        "domain": created.preference.domain(),
        "created_at": created.created.to_string(),
        "expires_at": created.expires.map(|time| time.to_string()),
    })
}

/// A token of the right form, for examples.
pub(super) const EXAMPLE_TOKEN: &str = "rt_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAAAAAAAAAAE";
/// An identifier of the right form, for examples.
pub(super) const EXAMPLE_ID: &str = "019b76da-a800-7001-8a80-bdd0f8d83629";

/// A memory, for examples.
pub(super) fn example() -> Value {
    json!({
        "user_id": "ana",
        "scope": "preferences",
        "domain": "food",
        "source": "explicit_user_input",
        "ttl_days": 30,
        "value_json": {"likes": ["green tea", "Ramen"], "dislikes": ["coriander"]},
    })
}

/// The schema of [`created`].
pub(super) fn created_schema() -> Value {
    warned(created_members("Memory"))
}

/// What is told of a stored memory, under a name.
pub(super) fn created_members(title: &str) -> Value {
    object(
        title,
        [
            ("id", uuid()),
            ("user_id", text()),
            ("scope", names(Kind::ALL.map(Kind::name))),
            ("domain", or_null(text())),
            ("created_at", time()),
            ("expires_at", or_null(time())),
        ],
    )
}

/// With the `warnings[]` that [`with_warnings`] adds.
pub(super) fn warned(body: Value) -> Value {
    maybe(body, [("warnings", about(openapi::warnings(), "Fields that are not known here."))])
}

/// What is told of a read; `token` is the one that the caller may go on with.
pub(super) fn merged(merged: &Merged, token: &Token) -> Value {
    let summary = &merged.summary;
    let mut body = json!({
        "summary_text": summary.summary_text,
        "summary_struct": summary.summary_struct,
        "confidence": f64::from(summary.confidence_tenths) / 10.0,
        "revocation_token": token.reveal(),
        "expires_at": merged.expires.to_string(),
    });
    if !summary.conflicts.is_empty() {
        body["conflicts"] = json!(summary.conflicts);
    }
    body
}

/// The schema of [`merged`].
pub(super) fn merged_schema() -> Value {
    let side = || names(["likes", "dislikes"]);
    let conflict = object("MergeConflict", [("item", json!({})), ("kept", side()), ("dropped", side())]);
    let token = about(text(), "What continues or revokes this grant. Only its hash is stored.");
    let summary = object(
        "Summary",
        [
            ("summary_text", json!({"type": "string", "maxLength": limits::SUMMARY_TEXT_CHARS_MAX})),
            (
                "summary_struct",
                about(schema::free(), "The merged values: the same memories, the same bytes."),
            ),
            ("confidence", json!({"type": "number", "minimum": 0, "maximum": 0.9})),
            ("revocation_token", token),
            ("expires_at", about(time(), "When the grant ends.")),
        ],
    );
    let conflicts = about(list(conflict), "Liked and disliked: the later statement was kept.");
    warned(maybe(summary, [("conflicts", conflicts)]))
}

/// Adds the answer's `warnings[]`, where there is something to warn of.
pub(super) fn with_warnings<T>(mut body: Value, read: &Read<T>) -> Value {
    let warnings = read.warnings();
    if !warnings.is_empty() {
        body["warnings"] = Value::Array(warnings);
    }
    body
}
