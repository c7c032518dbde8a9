//! Open Memory Objects: the form in which items leave for, and come from, other servers.
//!
//! An object has a few members at its top and everything else in `ext`, under `papr:` what the dialect's other servers
//! write there too, and under `memoryscope:` what only this one does. What goes out comes back the same.
//!
//! The graph of an item is no part of its object: it is made of what the item says and of what its policy states, and is made
//! again where the object comes in.

mod id;
mod item;

pub use id::{give_id, ids_of, is_id_of_ours, origin_of};
pub use item::Imported;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::acl::{AccessList, AclId, fault_of};
use super::metadata::{ItemMetadata, Metadata, MetadataPlace};
use super::policy::merge::EffectivePolicy;
use super::policy::{Consent, MemoryPolicy, PolicyPlace, Risk, read_consent, read_risk};
use super::request::{ContextMessage, ItemType, read_context};
use crate::constraint::closed_list;
use crate::fields::{
    At, Fault, Faults, Members, Notes, Read, Unknown, WarningKind, any_case, line, name_list, object_within,
    text, time,
};
use crate::limits;
use crate::memory::State;
use crate::object::DisputeState;
use crate::time::Timestamp;

closed_list!(
    /// What sort of thing an object holds.
    OmoType {
        /// A text.
        Text "text",
        /// A picture.
        Image "image",
        /// A sound.
        Audio "audio",
        /// A film.
        Video "video",
        /// A file.
        File "file",
        /// Code.
        Code "code",
    }
);

impl From<ItemType> for OmoType {
    fn from(item_type: ItemType) -> Self {
        match item_type {
            ItemType::Text => Self::Text,
            ItemType::CodeSnippet => Self::Code,
            ItemType::Document => Self::File,
        }
    }
}

impl OmoType {
    /// The type of the item that an object becomes; pictures, sounds and films are none.
    #[must_use]
    pub const fn item_type(self) -> Option<ItemType> {
        match self {
            Self::Text => Some(ItemType::Text),
            Self::Code => Some(ItemType::CodeSnippet),
            Self::File => Some(ItemType::Document),
            Self::Image | Self::Audio | Self::Video => None,
        }
    }
}

closed_list!(
    /// As what an item is a message of a session.
    Kept {
        /// It is only kept.
        StoredOnly "stored_only",
        /// It is treated like any other item.
        Processed "processed",
    }
);

/// What a request stated of how the item is treated.
const EXT_POLICY: &str = "papr:memory_policy";
/// What its metadata said of that.
const EXT_METADATA_POLICY: &str = "memoryscope:metadata_policy";
/// What the item is about.
const EXT_METADATA: &str = "papr:metadata";
/// How the merge of its policy ended.
const EXT_EFFECTIVE: &str = "memoryscope:effective_policy";
/// What may still be done with it.
const EXT_STATE: &str = "memoryscope:state";
/// What is kept and published nowhere.
const EXT_INTERNAL: &str = "memoryscope:internal";

/// What was said around it.
const EXT_CONTEXT: &str = "memoryscope:context";
/// Whose it is.
const EXT_OWNER: &str = "memoryscope:owner";
/// In which namespace it is.
const EXT_NAMESPACE: &str = "memoryscope:namespace_id";
/// Why its writer wants no graph of it to be made.
const EXT_UNEXTRACTED: &str = "memoryscope:not_extracted";
/// Whether it is a message of a session, and only kept or processed.
const EXT_MESSAGE: &str = "memoryscope:message";
/// Whether its truth is disputed.
const EXT_DISPUTE: &str = "memoryscope:dispute_state";
/// What a policy removed of it before it left.
const EXT_REDACTED: &str = "memoryscope:redacted";
/// Its name where it was before, where it could not keep that.
const EXT_ORIGIN_ID: &str = "memoryscope:origin_id";
/// Whose it was before, where it could not stay theirs.
const EXT_ORIGIN_OWNER: &str = "memoryscope:origin_owner";

/// How many members of `ext` this server writes itself.
const OWN: usize = 16;

/// The states in which an item comes: of one that was erased there is nothing to take along. What is sealed never leaves here,
/// and comes in sealed from elsewhere.
const STATES: &[&str] = &["active", "restricted", "sealed", "revoked"];

/// An item as it leaves or comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OmoObject {
    /// Its name where it comes from.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What sort of thing it is.
    pub omo_type: OmoType,
    /// What it holds.
    pub content: String,
    /// Under which consent it is held.
    pub consent: Consent,
    /// How risky it is.
    pub risk: Risk,
    /// Who may read and change it.
    pub acl: Option<AccessList>,
    /// What it is about, its topics and source included.
    pub metadata: ItemMetadata,
    /// What a request stated of how it is treated.
    pub policy: Option<MemoryPolicy>,
    /// What the request's metadata said of that.
    pub metadata_policy: Option<MemoryPolicy>,
    /// How the merge ended. A server that takes it in merges anew; this says what held where it comes from.
    pub effective: Option<EffectivePolicy>,
    /// What may still be done with it. What came from elsewhere without one is active.
    pub state: Option<State>,
    /// What was said around it, the oldest first.
    pub context: Vec<ContextMessage>,
    /// Whose it is.
    pub owner: Option<AclId>,
    /// In which namespace it is.
    pub namespace: Option<String>,
    /// Why its writer wants no graph of it to be made, where that is so.
    pub unextracted: Option<String>,
    /// Whether its truth is disputed, where anybody said so.
    pub dispute: Option<DisputeState>,
    /// As what it is a message of a session, where it is one.
    pub message: Option<Kept>,
    /// What others keep in `ext`; it is given back as it came.
    pub ext: Map<String, Value>,
}

impl OmoObject {
    /// The object as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut ext = self.ext.clone();
        let mut metadata = self.metadata.to_json();
        // What stands at the object's top is not said twice.
        metadata.remove("topics");
        metadata.remove("sourceUrl");
        let mut keep = |name: &str, value: Option<Value>| {
            value.map(|value| ext.insert(name.to_owned(), value));
        };
        keep(EXT_METADATA, Some(metadata).filter(|metadata| !metadata.is_empty()).map(Value::Object));
        let internal = Some(&self.metadata.internal).filter(|internal| !internal.is_empty());
        keep(EXT_INTERNAL, internal.map(|internal| Value::Object(internal.clone())));
        keep(EXT_POLICY, self.policy.as_ref().map(MemoryPolicy::to_json));
        keep(EXT_METADATA_POLICY, self.metadata_policy.as_ref().map(MemoryPolicy::to_json));
        // What is made of strings, numbers and lists can be written.
        keep(EXT_EFFECTIVE, self.effective.as_ref().and_then(|policy| serde_json::to_value(policy).ok()));
        keep(EXT_STATE, self.state.map(|state| state.name().into()));
        let message = |of: &ContextMessage| json!({"role": of.role.name(), "content": of.content});
        let context = Some(&self.context).filter(|context| !context.is_empty());
        keep(EXT_CONTEXT, context.map(|context| context.iter().map(message).collect()));
        keep(EXT_OWNER, self.owner.as_ref().map(|owner| owner.to_string().into()));
        keep(EXT_NAMESPACE, self.namespace.as_deref().map(Value::from));
        keep(EXT_UNEXTRACTED, self.unextracted.as_deref().map(Value::from));
        keep(EXT_MESSAGE, self.message.map(|kept| kept.name().into()));
        keep(EXT_DISPUTE, self.dispute.map(|dispute| dispute.name().into()));
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
        put("id", self.id.as_str().into());
        put("createdAt", self.created_at.to_string().into());
        put("type", self.omo_type.name().into());
        put("content", self.content.as_str().into());
        put("consent", self.consent.name().into());
        put("risk", self.risk.name().into());
        if let Some(topics) = &self.metadata.topics {
            put("topics", topics.iter().cloned().collect());
        }
        if let Some(source_url) = &self.metadata.source_url {
            put("sourceUrl", source_url.as_str().into());
        }
        if let Some(acl) = &self.acl {
            put("acl", acl.to_json());
        }
        if !ext.is_empty() {
            put("ext", Value::Object(ext));
        }
        Value::Object(json)
    }

    /// Reads the objects of an import, each right or wrong by itself.
    ///
    /// # Errors
    /// When `memories` is no list of 1 to [`limits::OMO_ITEMS_MAX`] objects.
    pub fn read_all(memories: &Value) -> Result<Vec<Result<Read<Self>, Faults>>, Faults> {
        let root = At::Root("body");
        let at = At::Key(&root, "memories");
        let mut notes = Notes::lenient();
        let items = match memories {
            Value::Array(items) if (1..=limits::OMO_ITEMS_MAX).contains(&items.len()) => Some(items),
            Value::Array(_) => notes.wrong(
                &at,
                Fault::OutOfRange,
                format!("must have 1 to {} members", limits::OMO_ITEMS_MAX),
            ),
            _ => notes.wrong(&at, Fault::WrongType, "must be a list"),
        };
        let items = notes.finish(items)?.value;
        let read = |(index, item): (usize, &Value)| {
            let mut notes = Notes::lenient();
            let read = read_object(item, &At::Index(&at, index), &mut notes);
            notes.finish(read)
        };
        Ok(items.iter().enumerate().map(read).collect())
    }

    /// Reads one object.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(value: &Value) -> Result<Read<Self>, Faults> {
        let mut notes = Notes::lenient();
        let read = read_object(value, &At::Root("body"), &mut notes);
        notes.finish(read)
    }
}

fn read_object(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<OmoObject> {
    let mut members = Members::open(value, at, notes)?;
    let id = members.required("id", notes, line(limits::NODE_ID_CHARS_MAX));
    let created_at = members.required("createdAt", notes, time);
    let omo_type = members.required("type", notes, any_case(OmoType::NAMES, OmoType::from_name));
    let content = members.required("content", notes, text(limits::CONTENT_BYTES_MAX));
    let consent = members.required("consent", notes, read_consent);
    let risk = members.optional("risk", notes, read_risk);
    let topics =
        members.optional("topics", notes, name_list(limits::ITEM_TAGS_MAX, limits::ITEM_TAG_CHARS_MAX));
    let source_url = members.optional("sourceUrl", notes, line(limits::ITEM_TEXT_CHARS_MAX));
    let acl = members.optional("acl", notes, AccessList::read_json);
    let ext = members.optional("ext", notes, read_ext);
    members.close(Unknown::Refuse, notes);
    let mut ext = ext.unwrap_or_default();
    ext.metadata.topics = topics.or(ext.metadata.topics);
    ext.metadata.source_url = source_url.or(ext.metadata.source_url);
    Some(OmoObject {
        id: id?,
        created_at: created_at?,
        omo_type: omo_type?,
        content: content?,
        consent: consent?,
        risk: risk.unwrap_or(Risk::None),
        acl,
        metadata: ext.metadata,
        policy: ext.policy,
        metadata_policy: ext.metadata_policy,
        effective: ext.effective,
        state: ext.state,
        context: ext.context,
        owner: ext.owner,
        namespace: ext.namespace,
        unextracted: ext.unextracted,
        dispute: ext.dispute,
        message: ext.message,
        ext: ext.others,
    })
}

/// What stands in `ext`.
#[derive(Debug, Default)]
struct Ext {
    metadata: ItemMetadata,
    policy: Option<MemoryPolicy>,
    metadata_policy: Option<MemoryPolicy>,
    effective: Option<EffectivePolicy>,
    state: Option<State>,
    context: Vec<ContextMessage>,
    owner: Option<AclId>,
    namespace: Option<String>,
    unextracted: Option<String>,
    dispute: Option<DisputeState>,
    message: Option<Kept>,
    others: Map<String, Value>,
}

fn read_ext(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<Ext> {
    let others = limits::CUSTOM_KEYS_MAX;
    object_within(others + OWN, limits::OMO_EXT_BYTES_MAX)(value, at, notes)?;
    let mut members = Members::open(value, at, notes)?;
    let metadata = members.optional(EXT_METADATA, notes, |value, at, notes| {
        Metadata::read(value, at, notes, MetadataPlace::Update)
    });
    let internal =
        members.optional(EXT_INTERNAL, notes, object_within(others, limits::ITEM_METADATA_BYTES_MAX));
    let read_policy = |value: &Value, at: &At<'_>, notes: &mut Notes| {
        MemoryPolicy::read(value, at, notes, PolicyPlace::Import)
    };
    let mut ext = Ext {
        metadata: metadata.map(|metadata| metadata.item).unwrap_or_default(),
        policy: members.optional(EXT_POLICY, notes, read_policy),
        metadata_policy: members.optional(EXT_METADATA_POLICY, notes, read_policy),
        effective: members.optional(EXT_EFFECTIVE, notes, read_effective),
        state: members.optional(
            EXT_STATE,
            notes,
            any_case(STATES, |name| State::from_name(name).filter(|state| *state != State::Tombstoned)),
        ),
        context: members.optional(EXT_CONTEXT, notes, read_context).unwrap_or_default(),
        owner: members.optional(EXT_OWNER, notes, read_owner),
        namespace: members.optional(EXT_NAMESPACE, notes, line(limits::USER_ID_BYTES_MAX)),
        unextracted: members.optional(EXT_UNEXTRACTED, notes, line(limits::ITEM_TAG_CHARS_MAX)),
        dispute: members.optional(EXT_DISPUTE, notes, any_case(DisputeState::NAMES, DisputeState::from_name)),
        message: members.optional(EXT_MESSAGE, notes, any_case(Kept::NAMES, Kept::from_name)),
        others: members.others().map(|(key, value)| (key.clone(), value.clone())).collect(),
    };
    let kept = Value::Object(ext.others);
    ext.others = object_within(others, limits::ITEM_METADATA_BYTES_MAX)(&kept, at, notes)?;
    ext.metadata.internal.extend(internal.unwrap_or_default());
    Some(ext)
}

/// It only tells what held elsewhere, and one that cannot be read tells nothing.
fn read_effective(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<EffectivePolicy> {
    let read = serde_json::from_value::<EffectivePolicy>(value.clone()).ok();
    if read.is_none() {
        notes.warn(at, WarningKind::NoEffect, "cannot be read and was left out");
    }
    read
}

fn read_owner(value: &Value, at: &At<'_>, notes: &mut Notes) -> Option<AclId> {
    let Some(text) = value.as_str() else { return notes.wrong(at, Fault::WrongType, "must be a string") };
    AclId::parse(text).map_err(|error| notes.wrong::<()>(at, fault_of(&error), error.to_string())).ok()
}

#[cfg(test)]
mod tests;
