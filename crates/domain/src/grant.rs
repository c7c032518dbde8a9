//! Read grants: what a revocation token stands for (api-scoped.md, "Read").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{GrantId, TenantId, UserId};
use crate::memory::Unreadable;
use crate::preference::{Domain, Kind};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// A revocation token: 256 random bits, shown once, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// What the token's text begins with.
    const PREFIX: &'static str = "rt_";

    /// What stands for a text that cannot be a token. Nobody is ever given it.
    pub const NOBODYS: Self = Self([0; 32]);

    /// A token of these random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the caller is given.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(self.0))
    }

    /// Reads what a caller sends back; a text that cannot be a token is nobody's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::PREFIX)?).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// What is stored in its place.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-token-v1\0");
        hasher.update(self.0);
        TokenHash(hasher.finalize().into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 over a token: all that a store knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

/// The right to read one shelf of one person's memories again, until it is revoked or expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadGrant {
    /// Its name in the audit chain.
    pub id: GrantId,
    /// Whose data.
    pub tenant: TenantId,
    /// What its token hashes to.
    pub token_hash: TokenHash,
    /// Who got the token; to anybody else it does not exist.
    pub client: String,
    /// Whose memories.
    pub user: UserId,
    /// Which kind of them.
    pub kind: Kind,
    /// Which domain of them; none means those without one.
    pub domain: Option<Domain>,
    /// What for.
    pub purpose: Purpose,
    /// How old they may be, if that was bounded.
    pub max_age_days: Option<i64>,
    /// When it was given.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// Counts its versions, from 1.
    pub version: u64,
}

impl ReadGrant {
    /// The same grant, revoked.
    #[must_use]
    pub fn revoke(&self, now: Timestamp) -> Self {
        Self { revoked: Some(now), version: self.version + 1, ..self.clone() }
    }

    /// How old memories may be when `asked` is asked for: never older than was granted.
    #[must_use]
    pub fn clamp_age(&self, asked: Option<i64>) -> Option<i64> {
        match (self.max_age_days, asked) {
            (Some(granted), Some(asked)) => Some(granted.min(asked)),
            (granted, asked) => granted.or(asked),
        }
    }

    /// How a store keeps it.
    ///
    /// # Errors
    /// Never for a grant that this program made.
    pub fn write(&self) -> Result<String, Unreadable> {
        serde_json::to_string(self).map_err(|why| Unreadable { what: "grant", why: why.to_string() })
    }

    /// The grant that was kept.
    ///
    /// # Errors
    /// When the text is not what [`ReadGrant::write`] writes.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map_err(|why| Unreadable {
            what: "grant",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_never_shown_by_accident() {
        let token = Token::from_bytes([7; 32]);
        assert_eq!(Token::parse(&token.reveal()), Some(token.clone()));
        assert_ne!(token.hash(), Token::from_bytes([8; 32]).hash());
        assert_eq!(format!("{token:?}"), "Token(…)");
        for bad in ["", "rt_", "rt_AAAA", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "rt_é"] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
