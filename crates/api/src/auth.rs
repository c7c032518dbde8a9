//! Who calls (model.md, "Who acts"). Without keys, which is how it is on loopback, headers are believed.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use memoryscope_domain::change::IdempotencyKey;
use memoryscope_domain::ids::{TenantId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::principal::{Principal, Role};
use memoryscope_engine::context::Idempotency;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

/// The header that names the person whom the caller acts for.
pub const USER: &str = "x-memoryscope-user";
/// The header that lists the caller's roles.
pub const ROLES: &str = "x-memoryscope-roles";
/// The header that lists the scopes that the caller is a member of.
pub const GROUPS: &str = "x-memoryscope-groups";
/// The header that makes repeating a change do nothing twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the headers say of the caller.
#[derive(Debug, Clone)]
pub struct Caller {
    user: Option<UserId>,
    roles: BTreeSet<Role>,
    groups: BTreeSet<String>,
    idempotency_key: Option<String>,
}

impl Caller {
    /// What a request's headers say.
    ///
    /// # Errors
    /// 400 when one of them is not what it should be, with its name.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        read(headers)
    }

    /// The caller as a principal of a tenant.
    #[must_use]
    pub fn principal(&self, tenant: TenantId) -> Principal {
        Principal {
            user: self.user.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            ..Principal::local(tenant)
        }
    }

    /// The application that calls.
    #[must_use]
    pub fn client(&self) -> String {
        Principal::LOCAL_CLIENT.to_owned()
    }

    /// The idempotency key, if one was sent, with the digest of the request that it came with. Requests are the same
    /// when their JSON is, however it is spelt.
    #[must_use]
    pub fn idempotency(&self, route: &str, body: &Value) -> Option<Idempotency> {
        let key = self.idempotency_key.clone()?;
        let mut hasher = Sha256::new();
        hasher.update(route.as_bytes());
        hasher.update(b"\0");
        hasher.update(body.to_string().as_bytes());
        let client = Principal::LOCAL_CLIENT.to_owned();
        Some(Idempotency { key: IdempotencyKey { client, key }, request_digest: hasher.finalize().into() })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

fn read(headers: &HeaderMap) -> Result<Caller, Problem> {
    let user = header(headers, USER)?.map(|text| UserId::parse(&text).map_err(|why| wrong(USER, why.0)));
    let roles = header(headers, ROLES)?.map(|text| {
        let names = list(&text).map(|name| Role::from_name(&name).ok_or_else(unknown_role));
        names.collect::<Result<BTreeSet<Role>, Problem>>()
    });
    let groups = header(headers, GROUPS)?.map(|text| list(&text).collect());
    let idempotency_key = header(headers, IDEMPOTENCY_KEY)?;
    if let Some(key) = &idempotency_key {
        let shaped = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_CHARS_MAX || !shaped {
            return Err(wrong(IDEMPOTENCY_KEY, "must be 1 to 255 visible ASCII characters other than #"));
        }
    }
    Ok(Caller {
        user: user.transpose()?,
        roles: roles.transpose()?.unwrap_or_else(|| BTreeSet::from([Role::App])),
        groups: groups.unwrap_or_default(),
        idempotency_key,
    })
}

/// A header's text. Names of people are UTF-8, which `HeaderValue::to_str` would refuse.
fn header(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong(name, "must be sent once"));
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong(name, "must be UTF-8"))?;
    Ok(Some(text.trim().to_owned()))
}

/// The members of a comma list.
fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn unknown_role() -> Problem {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    wrong(ROLES, &format!("must be a comma-separated list of: {}", names.join(", ")))
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::new(Code::BadRequest, format!("The header {name} {what}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(name: &'static str, value: &[u8], expect: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        let said = match read(&headers) {
            Ok(caller) => {
                let roles: Vec<_> = caller.roles.iter().map(|role| role.name()).collect();
                let user = caller.user.as_ref().map(UserId::as_str);
                format!("{user:?} {roles:?} {:?} {:?}", caller.groups, caller.idempotency_key)
            }
            Err(problem) => problem.message().to_owned(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn headers_are_believed_and_checked() {
        check("x-other", b"1", r#"None ["app"] {} None"#);
        check(USER, "Åsa".as_bytes(), r#"Some("Åsa") ["app"] {} None"#);
        check(USER, b" ", "The header x-memoryscope-user must not be empty or blank");
        check(USER, b"\xff", "The header x-memoryscope-user must be UTF-8");
        check(ROLES, b"auditor, admin,", r#"None ["auditor", "admin"] {} None"#);
        check(
            ROLES,
            b"owner",
            "The header x-memoryscope-roles must be a comma-separated list of: app, agent, reader, reviewer, auditor, admin",
        );
        check(GROUPS, b"team:a,team:b", r#"None ["app"] {"team:a", "team:b"} None"#);
        check(IDEMPOTENCY_KEY, b"k-1", r#"None ["app"] {} Some("k-1")"#);
        check(
            IDEMPOTENCY_KEY,
            b"a#1",
            "The header idempotency-key must be 1 to 255 visible ASCII characters other than #",
        );
    }

    #[test]
    fn spelling_does_not_make_another_request() {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("k"));
        let caller = read(&headers).unwrap();
        let digest = |route: &str, text: &str| {
            caller.idempotency(route, &serde_json::from_str(text).unwrap()).unwrap().request_digest
        };
        assert_eq!(digest("r", r#"{"a":1,"b":2}"#), digest("r", r#"{ "b" : 2, "a" : 1 }"#));
        assert_ne!(digest("r", r#"{"a":1}"#), digest("r", r#"{"a":2}"#));
        assert_ne!(digest("r", r#"{"a":1}"#), digest("q", r#"{"a":1}"#));
    }
}
