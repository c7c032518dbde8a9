//! A schema as it is kept: what its owner wrote, and who made it when.

use serde::{Deserialize, Serialize};

use super::Schema;
use crate::ids::{SchemaId, TenantId, UserId};
use crate::memory::Unreadable;
use crate::time::Timestamp;

/// One schema, in its current version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSchema {
    /// Its name, for ever.
    pub id: SchemaId,
    /// Whose data.
    pub tenant: TenantId,
    /// The client that made it.
    pub client: String,
    /// For whom the client made it, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What its owner wrote.
    pub schema: Schema,
    /// When it was made.
    pub created: Timestamp,
    /// When this version was.
    pub updated: Timestamp,
    /// Counts its versions, from 1. Only the current one is kept.
    pub version: u64,
}

impl StoredSchema {
    /// How it is kept.
    ///
    /// # Errors
    /// Never for a schema that this program made.
    pub fn write(&self) -> Result<String, Unreadable> {
        serde_json::to_string(self).map_err(|why| Unreadable { what: "schema", why: why.to_string() })
    }

    /// The schema that was kept.
    ///
    /// # Errors
    /// When the text is not what [`StoredSchema::write`] writes.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map_err(|why| Unreadable {
            what: "schema",
            why: format!("{:?} at column {}", why.classify(), why.column()),
        })
    }

    /// Its next version.
    #[must_use]
    pub fn next(&self, schema: Schema, now: Timestamp) -> Self {
        Self { schema, updated: now, version: self.version + 1, ..self.clone() }
    }
}
