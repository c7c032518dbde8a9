//! The ids under which objects come in: their own where they can keep them, else ones that follow from them.
//!
//! Nothing is drawn: the same object in the same scope has the same ids every time, so that what was imported, or erased, is
//! known again.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::EXT_ORIGIN_ID;
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::scope::Partition;

/// The version of the UUIDs of nodes: a memory is a node of its own, and must not pass for another one.
const OF_NODES: usize = 8;

/// The memory's id that an object's own id is, where it is one of a form that a server like this one gives.
#[must_use]
pub fn is_id_of_ours(id: &str) -> Option<MemoryId> {
    let hex = id.strip_prefix("mem_").filter(|hex| hex.len() == 32)?;
    let uuid = Uuid::try_parse(hex).ok()?;
    let id_of_ours = MemoryId::from_uuid(uuid);
    (uuid.get_version_num() != OF_NODES && id_of_ours.prefixed() == id).then_some(id_of_ours)
}

/// The ids that an object of that id may have in a scope, in the order in which they are tried.
#[must_use]
pub fn ids_of(origin: &str, partition: Partition) -> Vec<MemoryId> {
    let mut hasher = Sha256::new();
    hasher.update(b"memoryscope-omo-id-v1\0");
    hasher.update(partition.0);
    hasher.update(origin.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let named = MemoryId::from_uuid(Uuid::from_bytes(bytes));
    is_id_of_ours(origin).into_iter().chain([named]).collect()
}

/// Gives a memory one of the ids of the object that it was. Where that is not the object's own, it says what that was.
pub fn give_id(memory: &mut Memory, id: MemoryId, origin: &str) {
    memory.id = id;
    if is_id_of_ours(origin) == Some(id) {
        return;
    }
    let item = memory.body.object_mut().and_then(|object| object.item.as_deref_mut());
    if let Some(item) = item {
        item.ext.insert(EXT_ORIGIN_ID.to_owned(), Value::from(origin));
    }
}

/// The id of the object that a memory was to which [`give_id`] gave its id.
#[must_use]
pub fn origin_of(memory: &Memory) -> String {
    let said = memory.item().and_then(|item| item.ext.get(EXT_ORIGIN_ID)).and_then(Value::as_str);
    let follows = |origin: &&str| ids_of(origin, memory.partition).last() == Some(&memory.id);
    said.filter(follows).map_or_else(|| memory.id.prefixed(), str::to_owned)
}
