//! What a policy decides about: eight effects, sets of them, and the states an ingest can be given.

use serde::{Serialize, Serializer};

/// One thing that may be allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Effect {
    /// To store the memory.
    Write,
    /// To return its content.
    Read,
    /// To put it into a prompt. Never allowed where reading is not.
    IncludeInPrompt,
    /// To run a tool, or to use the memory as evidence for it.
    ToolExecution,
    /// To make it stronger.
    Reinforcement,
    /// To derive impacts from it.
    DeriveImpacts,
    /// To derive seeds from it.
    DeriveSeeds,
    /// To let it be read through a bridge.
    Bridge,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 8] = [
        Self::Write,
        Self::Read,
        Self::IncludeInPrompt,
        Self::ToolExecution,
        Self::Reinforcement,
        Self::DeriveImpacts,
        Self::DeriveSeeds,
        Self::Bridge,
    ];

    /// Its name in `then`, in traces and in cases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "allow_write",
            Self::Read => "allow_read",
            Self::IncludeInPrompt => "include_in_prompt",
            Self::ToolExecution => "tool_execution",
            Self::Reinforcement => "reinforcement",
            Self::DeriveImpacts => "derive_impacts",
            Self::DeriveSeeds => "derive_seeds",
            Self::Bridge => "allow_bridge",
        }
    }

    /// Its name in `defaults`: without `allow_`.
    #[must_use]
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Bridge => "bridge",
            other => other.name(),
        }
    }

    /// The effect of that name, in either spelling.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name || effect.default_name() == name)
    }

    /// Whether it discloses the memory, so that a `defaults` entry grants it for active memories only.
    #[must_use]
    pub const fn discloses(self) -> bool {
        matches!(self, Self::Read | Self::IncludeInPrompt | Self::ToolExecution | Self::Bridge)
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A set of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EffectSet(u8);

impl EffectSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub const fn insert(&mut self, effect: Effect) {
        self.0 |= 1 << effect as u8;
    }

    /// Takes one out.
    pub const fn remove(&mut self, effect: Effect) {
        self.0 &= !(1 << effect as u8);
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, effect: Effect) -> bool {
        self.0 & (1 << effect as u8) != 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether everything in this set is in `other`.
    #[must_use]
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the two have a member in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Its members, in the order of [`Effect::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL.into_iter().filter(move |effect| self.contains(*effect))
    }
}

impl FromIterator<Effect> for EffectSet {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        let mut set = Self::EMPTY;
        for effect in effects {
            set.insert(effect);
        }
        set
    }
}

/// A state that `set_state` may give a memory when it is ingested, the least restrictive first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestState {
    /// Usable.
    Active,
    /// Usable only where a rule names the state.
    Restricted,
    /// Hidden but from rules that name the state.
    Sealed,
}

impl IngestState {
    /// Every state that can be set.
    pub const ALL: [Self; 3] = [Self::Active, Self::Restricted, Self::Sealed];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Restricted => "restricted",
            Self::Sealed => "sealed",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}
