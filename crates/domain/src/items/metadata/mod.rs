//! What an item is about, as its `metadata` says; and what stands there and belongs to the request itself.
//!
//! Who acts and where, who may read, consent and risk are said by the request. The same in `metadata` is read as if the
//! request had said it one layer lower, and warned of; where deprecated fields are removed it is refused. Fields that
//! only the server's own jobs once used are kept and published nowhere.

mod attribute;
mod custom;
mod read;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::constraint::closed_list;
use crate::items::acl::AccessList;
use crate::items::policy::{Consent, MemoryPolicy, Risk};
use crate::time::Timestamp;

pub(crate) use custom::is_key as is_custom_key;
pub use custom::{Custom, CustomValue};
pub use read::MetadataPlace;

closed_list!(
    /// Who said what an item holds.
    MessageRole {
        /// A user.
        User "user",
        /// An assistant.
        Assistant "assistant",
    }
);

closed_list!(
    /// What sort of thing an item holds.
    Category {
        /// What a user likes.
        Preference "preference",
        /// Something to be done.
        Task "task",
        /// Something to be reached.
        Goal "goal",
        /// Something that is so.
        Fact "fact",
        /// What surrounds something else.
        Context "context",
        /// What an assistant can do.
        Skills "skills",
        /// What an assistant learnt.
        Learning "learning",
    }
);

impl Category {
    /// The names of the categories of a role, for messages.
    #[must_use]
    pub fn names_of(role: MessageRole) -> Vec<&'static str> {
        Self::ALL
            .iter()
            .filter(|category| category.belongs_to(role))
            .map(|category| category.name())
            .collect()
    }

    /// Whether a role has it.
    #[must_use]
    pub const fn belongs_to(self, role: MessageRole) -> bool {
        match self {
            Self::Preference => matches!(role, MessageRole::User),
            Self::Skills | Self::Learning => matches!(role, MessageRole::Assistant),
            Self::Task | Self::Goal | Self::Fact | Self::Context => true,
        }
    }
}

/// What an item is about. `None` is not stated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemMetadata {
    /// Who said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<MessageRole>,
    /// What sort of thing it is, of those that its role has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
    /// How it feels, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emotion_tags: Option<Vec<String>>,
    /// How it feels, in signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji_tags: Option<Vec<String>>,
    /// Where it stands among broader and narrower things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchical_structures: Option<String>,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// From what sort of place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// From which page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_id: Option<String>,
    /// From which conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// Where on earth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When it was made; where nobody says, when it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The application's own values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
    /// Members that are not known here, and are flat.
    #[serde(skip_serializing_if = "Custom::is_empty")]
    pub extra: Custom,
    /// What is kept and published nowhere.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub internal: Map<String, Value>,
}

/// What a request's metadata says of who acts and where, where the request itself should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataIdentity {
    /// An id of the server's own.
    pub user_id: Option<String>,
    /// A user as the application names them.
    pub external_user_id: Option<String>,
    /// Which organization.
    pub organization_id: Option<String>,
    /// Which namespace.
    pub namespace_id: Option<String>,
}

/// All that a `metadata` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What the item is about.
    pub item: ItemMetadata,
    /// Who acts and where.
    pub identity: MetadataIdentity,
    /// How the item is treated.
    pub policy: MetadataPolicy,
}

/// What a request's metadata says of how its item is treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataPolicy {
    /// Consent.
    pub consent: Option<Consent>,
    /// Risk.
    pub risk: Option<Risk>,
    /// Who may read and change it: from `acl`, or from the twelve lists.
    pub acl: Option<AccessList>,
}

impl From<MetadataPolicy> for MemoryPolicy {
    fn from(said: MetadataPolicy) -> Self {
        Self { consent: said.consent, risk: said.risk, acl: said.acl, ..Self::default() }
    }
}

impl ItemMetadata {
    /// The same with what a change states in its place: field by field, and `customMetadata` as a whole.
    ///
    /// # Errors
    /// When its category is none of its role's: see [`ItemMetadata::category_fault`].
    pub fn changed_by(&self, change: &Self) -> Result<Self, String> {
        let or = |new: &Option<String>, old: &Option<String>| new.as_ref().or(old.as_ref()).cloned();
        let list =
            |new: &Option<Vec<String>>, old: &Option<Vec<String>>| new.as_ref().or(old.as_ref()).cloned();
        let mut extra = self.extra.clone();
        extra.extend(change.extra.clone());
        let mut internal = self.internal.clone();
        internal.extend(change.internal.clone());
        let changed = Self {
            role: change.role.or(self.role),
            category: change.category.or(self.category),
            topics: list(&change.topics, &self.topics),
            emotion_tags: list(&change.emotion_tags, &self.emotion_tags),
            emoji_tags: list(&change.emoji_tags, &self.emoji_tags),
            hierarchical_structures: or(&change.hierarchical_structures, &self.hierarchical_structures),
            source_url: or(&change.source_url, &self.source_url),
            source_type: or(&change.source_type, &self.source_type),
            page_id: or(&change.page_id, &self.page_id),
            conversation_id: or(&change.conversation_id, &self.conversation_id),
            location: or(&change.location, &self.location),
            created_at: change.created_at.or(self.created_at),
            custom: change.custom.as_ref().or(self.custom.as_ref()).cloned(),
            extra,
            internal,
        };
        match changed.category_fault() {
            Some(fault) => Err(fault),
            None => Ok(changed),
        }
    }

    /// What is wrong with its category: it needs a role, and must be one of that role's.
    #[must_use]
    pub fn category_fault(&self) -> Option<String> {
        let category = self.category?;
        match self.role {
            None => Some("needs a role beside it".to_owned()),
            Some(role) if !category.belongs_to(role) => {
                let names = Category::names_of(role).join(", ");
                Some(format!("must be one of {}'s: {names}", role.name()))
            }
            Some(_) => None,
        }
    }

    /// Whether an item with this metadata is one that a search for `wanted` asks for: each field that is stated there is
    /// the same here, lists have a member in common.
    #[must_use]
    pub fn meets(&self, wanted: &Self) -> bool {
        fn same<T: PartialEq>(mine: &Option<T>, wanted: &Option<T>) -> bool {
            wanted.is_none() || mine == wanted
        }
        let common = |mine: &Option<Vec<String>>, wanted: &Option<Vec<String>>| {
            let mine = mine.as_deref().unwrap_or_default();
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|tag| mine.contains(tag)))
        };
        let values = |mine: &Custom, wanted: &Custom| {
            wanted.iter().all(|(key, wanted)| mine.get(key).is_some_and(|value| value.meets(wanted)))
        };
        let none = Custom::new();
        same(&self.role, &wanted.role)
            && same(&self.category, &wanted.category)
            && common(&self.topics, &wanted.topics)
            && common(&self.emotion_tags, &wanted.emotion_tags)
            && common(&self.emoji_tags, &wanted.emoji_tags)
            && same(&self.hierarchical_structures, &wanted.hierarchical_structures)
            && same(&self.source_url, &wanted.source_url)
            && same(&self.source_type, &wanted.source_type)
            && same(&self.page_id, &wanted.page_id)
            && same(&self.conversation_id, &wanted.conversation_id)
            && same(&self.location, &wanted.location)
            && same(&self.created_at, &wanted.created_at)
            && values(self.custom.as_ref().unwrap_or(&none), wanted.custom.as_ref().unwrap_or(&none))
            && values(&self.extra, &wanted.extra)
    }

    /// The metadata as a client sends it, without what is published nowhere.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        let mut some = |name: &str, value: Option<Value>| {
            value.map(|value| json.insert(name.to_owned(), value));
        };
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.iter().cloned().collect());
        let map = |custom: &Custom| {
            Value::Object(custom.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
        };
        some("role", self.role.map(|role| role.name().into()));
        some("category", self.category.map(|category| category.name().into()));
        some("topics", list(&self.topics));
        some("emotion_tags", list(&self.emotion_tags));
        some("emoji_tags", list(&self.emoji_tags));
        some("hierarchical_structures", text(&self.hierarchical_structures));
        some("sourceUrl", text(&self.source_url));
        some("sourceType", text(&self.source_type));
        some("pageId", text(&self.page_id));
        some("conversationId", text(&self.conversation_id));
        some("location", text(&self.location));
        some("createdAt", self.created_at.map(|time| time.to_string().into()));
        some("customMetadata", self.custom.as_ref().map(map));
        for (key, value) in &self.extra {
            json.entry(key.clone()).or_insert_with(|| value.to_json());
        }
        json
    }
}
