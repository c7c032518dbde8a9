//! The items dialect's domain: what a client says of an item that it adds, changes or looks for, and what follows.
//!
//! A request is read by [`request`] into types that cannot hold a wrong value, with everything that is wrong, and all
//! that the answer should warn of, found at once. What it says of how its memory is treated, a [`MemoryPolicy`] holds
//! field by field, as stated or not; [`policy::merge()`] puts the layers of policies together into the
//! [`EffectivePolicy`] that is kept with the memory and says of each field where it comes from.
//!
//! Deliberately absent: envelopes, status codes, and whether what is named exists.

pub mod acl;
mod item;
pub mod message;
pub mod metadata;
pub mod namespace;
pub mod omo;
pub mod policy;
pub mod request;
pub mod user;

pub use acl::{AccessList, AclId, AclKind};
pub use item::Item;
pub(crate) use item::{developer_reader, is_group_of_items};
pub use message::{Message, MessageStatus};
pub use metadata::{Category, Custom, CustomValue, ItemMetadata, MessageRole, Metadata};
pub use policy::{
    Consent, EffectivePolicy, Layer, Layers, MemoryPolicy, Mode, RequestPolicy, Risk, SchemaId,
};
