//! Users on the wire.

use memoryscope_domain::ids::UserId;
use memoryscope_domain::items::user::UserType;
use memoryscope_domain::limits;
use memoryscope_engine::op::user::Which;
use serde_json::{Value, json};

use super::queries::{name, user_id};
use super::schema_answers::{code, warned};
use crate::openapi::schema::{count, free, list, maybe, names, object, or_null, text, time};
use crate::wire::{Fields, Shape, USER_ID_PATTERN, boolean, string, whole};

/// A user's id.
pub(in crate::items) const ID_PATTERN: &str = "^u_[0-9a-f]{32}$";

/// In which organization.
#[derive(Debug)]
pub(in crate::items) struct PlaceQuery {
    pub(in crate::items) organization_id: Option<String>,
}

impl Shape for PlaceQuery {
    const NAME: &'static str = "PlaceQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self { organization_id: f.optional("organization_id", name()) })
    }
}

/// `GET /v1/user`.
#[derive(Debug)]
pub(in crate::items) struct ListUsersQuery {
    pub(in crate::items) organization_id: Option<String>,
    pub(in crate::items) which: Which,
    pub(in crate::items) page: usize,
    pub(in crate::items) page_size: usize,
}

impl Shape for ListUsersQuery {
    const NAME: &'static str = "ListUsersQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let organization_id = f.optional("organization_id", name());
        let external_id: Option<UserId> = f.optional("external_id", user_id());
        let email = f.optional("email", string().trimmed().chars(1..=limits::EMAIL_CHARS_MAX));
        let pages = limits::RECORDS_SKIPPED_MAX / limits::RECORDS_PAGE_MAX;
        let page = f.or("page", whole(1..=pages), 1);
        let page_size = f.or("page_size", whole(1..=limits::RECORDS_PAGE_MAX), limits::RECORDS_PAGE_DEFAULT);
        let (page, page_size) = (usize::try_from(page?).ok()?, usize::try_from(page_size?).ok()?);
        Some(Self { organization_id, which: Which { external_id, email }, page, page_size })
    }
}

/// `DELETE /v1/user/{id}`.
#[derive(Debug)]
pub(in crate::items) struct DeleteUserQuery {
    pub(in crate::items) organization_id: Option<String>,
    pub(in crate::items) is_external: Option<bool>,
}

impl Shape for DeleteUserQuery {
    const NAME: &'static str = "DeleteUserQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let organization_id = f.optional("organization_id", name());
        Some(Self { organization_id, is_external: f.optional("is_external", boolean()) })
    }
}

/// One at, and nothing blank or unseen.
const EMAIL_PATTERN: &str = r"^[^\s@\u0000-\u001f\u007f-\u009f]+@[^\s@\u0000-\u001f\u007f-\u009f]+$";

fn external_id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limits::USER_ID_BYTES_MAX, "pattern": USER_ID_PATTERN})
}

fn fields() -> Value {
    json!({
        "external_id": external_id(),
        "email": {"type": ["string", "null"], "maxLength": limits::EMAIL_CHARS_MAX, "pattern": EMAIL_PATTERN},
        "metadata": {"type": ["object", "null"], "maxProperties": limits::CUSTOM_KEYS_MAX,
            "description": format!("Whatever your application wants to know: at most {} bytes of compact JSON.", limits::USER_METADATA_BYTES_MAX)},
        "type": {"enum": UserType::NAMES.iter().map(|name| json!(name)).chain([Value::Null]).collect::<Vec<_>>()},
    })
}

/// What is told of a user.
pub(in crate::items) fn body_schema() -> Value {
    json!({"type": "object", "title": "NewUser", "required": ["external_id"], "properties": fields()})
}

/// What of it is replaced.
pub(in crate::items) fn change_schema() -> Value {
    json!({"type": "object", "title": "UserPatch", "properties": fields()})
}

/// What is told of users.
pub(in crate::items) fn users_body_schema() -> Value {
    let users = json!({"type": "array", "minItems": 1, "maxItems": limits::USERS_BATCH_ITEMS, "items": body_schema()});
    json!({"type": "object", "title": "NewUsers", "required": ["users"], "properties": {"users": users}})
}

fn nothing() -> Value {
    json!({"type": "null"})
}

/// A user.
fn user(title: &str) -> Value {
    object(
        title,
        [
            ("code", code()),
            ("status", names(["success"])),
            ("user_id", json!({"type": "string", "pattern": ID_PATTERN})),
            ("external_id", text()),
            ("email", or_null(text())),
            ("metadata", or_null(free())),
            ("type", names(UserType::NAMES.iter().copied())),
            ("created_at", time()),
            ("updated_at", time()),
            ("error", nothing()),
            ("details", nothing()),
        ],
    )
}

/// A user who was asked for.
pub(in crate::items) fn user_schema() -> Value {
    warned(user("UserAnswer"))
}

fn listed(title: &str, one: Value, status: Value) -> Value {
    object(
        title,
        [
            ("code", code()),
            ("status", status),
            ("data", list(one)),
            ("total", count()),
            ("page", count()),
            ("page_size", count()),
            ("error", nothing()),
            ("details", nothing()),
        ],
    )
}

/// Users.
pub(in crate::items) fn list_schema() -> Value {
    listed("UserList", user("ListedUser"), names(["success"]))
}

/// What became of each user of a batch.
pub(in crate::items) fn batch_schema() -> Value {
    let refused = object(
        "RefusedUser",
        [
            ("code", json!({"type": "integer", "minimum": 400})),
            ("status", names(["error"])),
            ("error", text()),
            ("details", or_null(free())),
            ("problem", crate::openapi::error()),
        ],
    );
    let one = json!({"anyOf": [user("ListedUser"), refused]});
    warned(listed("UserBatch", one, names(["success", "partial", "error"])))
}

/// A user who is forgotten.
pub(in crate::items) fn deleted_schema() -> Value {
    let answer = object(
        "DeletedUser",
        [
            ("code", code()),
            ("status", names(["success"])),
            ("user_id", json!({"type": "string", "pattern": ID_PATTERN})),
            ("message", text()),
            ("error", nothing()),
            ("details", nothing()),
        ],
    );
    maybe(answer, [])
}
