//! What is looked up by keys, schemas and policies.

use memoryscope_domain::ids::{MemoryId, SchemaId};
use memoryscope_domain::memory::Key;

/// Which memories, by what they are looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedSelect {
    /// Those whose current version has one of these keys at least ([`memoryscope_domain::memory::Memory::keys`]); at most
    /// [`memoryscope_domain::limits::KEYS_ASKED_MAX`].
    pub keys: Vec<Key>,
    /// Only those behind this one.
    pub after: Option<MemoryId>,
    /// At most so many; [`memoryscope_domain::govern::Facts::more`] says whether there were more.
    pub limit: usize,
}

/// Which schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaSelect {
    /// These; ids that the tenant lacks are left out.
    Ids(Vec<SchemaId>),
    /// All of them, in order of their ids.
    All {
        /// Only those behind this one.
        after: Option<SchemaId>,
        /// At most so many; [`memoryscope_domain::govern::Facts::more`] says whether there were more.
        limit: usize,
    },
}

/// Which policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySelect {
    /// All of them without their texts, by version and hash, at most so many; [`memoryscope_domain::govern::Facts::more`] says whether there are more.
    All(usize),
    /// Those of that version, which is one unless two were given one name; with their texts, by hash.
    Version(String),
}
