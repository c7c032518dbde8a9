//! The fields that can be tested, as each dialect calls them.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{Shown, Value};
use crate::items::metadata::is_custom_key;
use crate::items::request::ItemType;
use crate::items::{Category, ItemMetadata, MessageRole};
use crate::memory::{Memory, MemoryType, State};
use crate::object::{Object, TruthMode};

/// In whose words a predicate is said: what a dialect shows of a memory under a name is what the name means there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// Of items: `type` is an item's, `createdAt` when it was made, as its metadata says.
    Items,
    /// Of events, impacts and seeds.
    Core,
}

/// What can be tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What kind of thing is remembered.
    Type,
    /// What an item is; what is none is a text.
    ItemType,
    /// In what sense it is true.
    TruthMode,
    /// What its state is called now.
    State,
    /// How strong it is now.
    Strength,
    /// Its labels of affect.
    Labels,
    /// When it was stored.
    StoredAt,
    /// When it was made, as its metadata says, else when it was stored.
    MadeAt,
    /// When it was changed last.
    UpdatedAt,
    /// When it happened: what a listing is ordered by.
    OccurredAt,
    /// Who said it.
    Role,
    /// What sort of thing it is.
    Category,
    /// What it is about.
    Topics,
    /// How it feels, in words.
    EmotionTags,
    /// How it feels, in signs.
    EmojiTags,
    /// Where it stands among broader and narrower things.
    HierarchicalStructures,
    /// Where it comes from.
    SourceUrl,
    /// From what sort of place.
    SourceType,
    /// From which page.
    PageId,
    /// From which conversation.
    ConversationId,
    /// Where on earth.
    Location,
    /// One of the application's own values.
    Custom(String),
    /// A flat member of the metadata that is not known here.
    Extra(String),
}

/// What stands in a field, and so what it can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One of these names.
    Names(&'static [&'static str]),
    /// A number from 0 to 1.
    Unit,
    /// An instant.
    Time,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// Whatever the application kept there: a text, a number, true or false, or a list of texts.
    Any,
}

/// Before the name of one of the application's own values.
pub(super) const CUSTOM: &str = "customMetadata.";
/// Before the name of any other member of the metadata.
pub(super) const METADATA: &str = "metadata.";

const TYPES: &[&str] = &[MemoryType::Event.name(), MemoryType::Impact.name(), MemoryType::Seed.name()];

/// As answers call the states.
const STATES: &[&str] = &[
    State::Active.name(),
    State::Restricted.name(),
    State::Sealed.name(),
    "dormant",
    State::Revoked.name(),
    State::Tombstoned.name(),
];

/// What all dialects call alike.
const COMMON: [(&str, Field, FieldKind); 16] = [
    ("truth_mode", Field::TruthMode, FieldKind::Names(TruthMode::NAMES)),
    ("state", Field::State, FieldKind::Names(STATES)),
    ("strength", Field::Strength, FieldKind::Unit),
    ("labels", Field::Labels, FieldKind::Texts),
    ("occurred_at", Field::OccurredAt, FieldKind::Time),
    ("role", Field::Role, FieldKind::Names(MessageRole::NAMES)),
    ("category", Field::Category, FieldKind::Names(Category::NAMES)),
    ("topics", Field::Topics, FieldKind::Texts),
    ("emotion_tags", Field::EmotionTags, FieldKind::Texts),
    ("emoji_tags", Field::EmojiTags, FieldKind::Texts),
    ("hierarchical_structures", Field::HierarchicalStructures, FieldKind::Text),
    ("sourceUrl", Field::SourceUrl, FieldKind::Text),
    ("sourceType", Field::SourceType, FieldKind::Text),
    ("pageId", Field::PageId, FieldKind::Text),
    ("conversationId", Field::ConversationId, FieldKind::Text),
    ("location", Field::Location, FieldKind::Text),
];

/// The fields that have a name of their own in a dialect. Beside them there are `customMetadata.<name>` and
/// `metadata.<name>`.
#[must_use]
pub fn fields(speech: Speech) -> Vec<(&'static str, Field, FieldKind)> {
    let mut fields = match speech {
        Speech::Items => vec![
            ("type", Field::ItemType, FieldKind::Names(ItemType::NAMES)),
            ("createdAt", Field::MadeAt, FieldKind::Time),
            ("updatedAt", Field::UpdatedAt, FieldKind::Time),
        ],
        Speech::Core => vec![
            ("type", Field::Type, FieldKind::Names(TYPES)),
            ("created_at", Field::StoredAt, FieldKind::Time),
        ],
    };
    fields.extend(COMMON);
    fields
}

impl Field {
    /// The field of that name in a dialect, and what stands in it.
    #[must_use]
    pub fn named(name: &str, speech: Speech) -> Option<(Self, FieldKind)> {
        let known = |name: &str| {
            let found = fields(speech).into_iter().find(|(known, ..)| *known == name);
            found.map(|(_, field, kind)| (field, kind))
        };
        if let Some(found) = known(name) {
            return Some(found);
        }
        let within = name.strip_prefix(METADATA);
        if let Some(key) = within.unwrap_or(name).strip_prefix(CUSTOM) {
            return is_custom_key(key).then(|| (Self::Custom(key.to_owned()), FieldKind::Any));
        }
        let key = within?;
        // What the metadata has a field for is no other member of it.
        let field = known(key).filter(|(field, _)| field.is_of_metadata());
        field.or_else(|| is_custom_key(key).then(|| (Self::Extra(key.to_owned()), FieldKind::Any)))
    }

    /// Whether it is said in the metadata of an item.
    const fn is_of_metadata(&self) -> bool {
        !matches!(
            self,
            Self::Type
                | Self::ItemType
                | Self::TruthMode
                | Self::State
                | Self::Strength
                | Self::Labels
                | Self::StoredAt
                | Self::UpdatedAt
                | Self::OccurredAt
        )
    }

    /// What stands in it, if something does that is shown.
    pub(super) fn of<'a>(&self, shown: &Shown<'a>) -> Option<Value<'a>> {
        let memory = shown.memory;
        match self {
            Self::Type => Some(Value::Text(memory.body.memory_type().name())),
            Self::State => Some(Value::Text(shown.state)),
            Self::Strength => Number::from_f64(shown.strength.get()).map(Value::Number),
            Self::StoredAt => Some(Value::Time(memory.created)),
            Self::MadeAt => Some(Value::Time(memory.made_at())),
            Self::UpdatedAt => Some(Value::Time(memory.updated_at())),
            Self::OccurredAt => memory.placed.map(Value::Time),
            Self::ItemType | Self::TruthMode | Self::Labels => self.of_object(memory, memory.object()?),
            _ => self.of_metadata(&memory.item()?.metadata),
        }
    }

    fn of_object<'a>(&self, memory: &'a Memory, object: &'a Object) -> Option<Value<'a>> {
        match self {
            Self::ItemType => {
                let of_type = memory.item().map_or(ItemType::Text, |item| item.item_type);
                Some(Value::Text(of_type.name()))
            }
            Self::TruthMode => Some(Value::Text(object.truth_mode().name())),
            _ => {
                let labels = &object.affect.as_ref()?.feeling.labels;
                Some(Value::Texts(labels.iter().map(crate::object::Label::as_str).collect()))
            }
        }
    }

    fn of_metadata<'a>(&self, metadata: &'a ItemMetadata) -> Option<Value<'a>> {
        let text = |text: &'a Option<String>| text.as_deref().map(Value::Text);
        let list = |list: &'a Option<Vec<String>>| list.as_deref().map(Value::texts);
        match self {
            Self::Role => metadata.role.map(|role| Value::Text(role.name())),
            Self::Category => metadata.category.map(|category| Value::Text(category.name())),
            Self::Topics => list(&metadata.topics),
            Self::EmotionTags => list(&metadata.emotion_tags),
            Self::EmojiTags => list(&metadata.emoji_tags),
            Self::HierarchicalStructures => text(&metadata.hierarchical_structures),
            Self::SourceUrl => text(&metadata.source_url),
            Self::SourceType => text(&metadata.source_type),
            Self::PageId => text(&metadata.page_id),
            Self::ConversationId => text(&metadata.conversation_id),
            Self::Location => text(&metadata.location),
            Self::Custom(key) => metadata.custom.as_ref()?.get(key).map(Value::custom),
            Self::Extra(key) => metadata.extra.get(key).map(Value::custom),
            _ => None,
        }
    }
}
