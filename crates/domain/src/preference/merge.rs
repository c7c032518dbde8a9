//! Many memories become one summary, deterministically: the memories are taken oldest first (then by id), and
//! nothing else has a say. `docs/merging.md` states the rules for users.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::shapes::{LIKES_KEYS, WINDOWS_KEYS};
use super::similar::Kept;
use super::{Kind, Preference, ScalarKey, Shape, lower};
use crate::ids::MemoryId;
use crate::time::Timestamp;

/// What the memories of one user, scope and domain say together.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// One line of counts, at most [`crate::limits::SUMMARY_TEXT_CHARS_MAX`] characters.
    pub summary_text: String,
    /// An object with the scope's members; `{}` when there are no memories.
    pub summary_struct: Value,
    /// Tenths, 0..=9: 0 without memories, else five and one for each memory.
    pub confidence_tenths: u8,
    /// What was both liked and disliked, sorted by code point of the item. The caller leaves it out when empty.
    pub conflicts: Vec<Conflict>,
}

/// Something that was both liked and disliked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// What, as the kept side spelled it first.
    pub item: Value,
    /// The side that said it later; `dislikes` where one memory says both.
    pub kept: Side,
    /// The side that lost it.
    pub dropped: Side,
}

/// The two lists of opinions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// `likes`.
    Likes,
    /// `dislikes`.
    Dislikes,
}

/// Merges the memories of `kind`, in whatever order they come; those of another kind are left out.
///
/// The result depends on the set of memories only: any order gives the same bytes, and adding the newest memory
/// once more changes the confidence alone. The cost grows with the number of distinct likes times those of a similar
/// length, and is bounded: past 200 million steps of comparison per list, likes are told apart exactly only.
#[must_use]
pub fn merge<'a>(
    kind: Kind,
    memories: impl IntoIterator<Item = (Timestamp, MemoryId, &'a Preference)>,
) -> Summary {
    let mut memories: Vec<_> = memories.into_iter().filter(|(_, _, memory)| memory.kind() == kind).collect();
    memories.sort_by_key(|(created_at, id, _)| (*created_at, *id));
    memories.dedup_by_key(|(created_at, id, _)| (*created_at, *id));
    if memories.is_empty() {
        return Summary {
            summary_text: "No memories found.".to_owned(),
            summary_struct: Value::Object(Map::new()),
            confidence_tenths: 0,
            conflicts: Vec::new(),
        };
    }
    let mut said = Said::default();
    for (memory_index, (_, _, memory)) in memories.iter().enumerate() {
        said.add(kind, memory_index, memory);
    }
    said.summary(kind, memories.len())
}

/// The members that a scope always has. The last is where its maps go.
const fn members_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Preferences => &["likes", "dislikes", "settings"],
        Kind::Constraints => &["rules", "constraints"],
        Kind::Communication => &["preferences"],
        Kind::Accessibility => &["flags", "settings"],
        Kind::Schedule => &["windows"],
        Kind::Attention => &["settings"],
    }
}

/// Where a scope keeps what a map says.
const fn map_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Constraints => "constraints",
        Kind::Communication => "preferences",
        Kind::Preferences | Kind::Accessibility | Kind::Schedule | Kind::Attention => "settings",
    }
}

/// Where a scope keeps what flags say.
const fn flags_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Accessibility => "flags",
        other => map_of(other),
    }
}

/// Where keys beside likes, dislikes and windows go, in every scope.
const BESIDE: &str = "settings";

/// The members that are lists; all others are maps.
const LISTS: [&str; 4] = ["likes", "dislikes", "rules", "windows"];

/// What the memories read so far say.
#[derive(Default)]
struct Said<'a> {
    opinions: BTreeMap<ScalarKey, Opinion<'a>>,
    statements: usize,
    rules: BTreeMap<ScalarKey, &'a Value>,
    windows: Vec<&'a Value>,
    windows_seen: BTreeSet<String>,
    keys: BTreeMap<String, Entry<'a>>,
}

/// What was said about one thing, on either side.
#[derive(Default)]
struct Opinion<'a> {
    likes: Option<Stated<'a>>,
    dislikes: Option<Stated<'a>>,
}

/// One side's statements about one thing.
struct Stated<'a> {
    /// The place of the first among all statements.
    ordinal: usize,
    /// How the first spelled it.
    spelling: &'a Value,
    /// The memory of the last.
    last_memory: usize,
}

/// A key of a map: its first name, its latest value and the member where that belongs.
struct Entry<'a> {
    name: &'a str,
    value: &'a Value,
    member: &'static str,
}

impl<'a> Said<'a> {
    fn add(&mut self, kind: Kind, memory_index: usize, memory: &'a Preference) {
        match (memory.shape(), memory.value()) {
            (Shape::LikesDislikes, Value::Object(map)) => {
                self.add_opinions(map, memory_index);
                self.add_keys(map, &LIKES_KEYS, BESIDE);
            }
            (Shape::ScheduleWindows, Value::Object(map)) => {
                WINDOWS_KEYS
                    .iter()
                    .filter_map(|key| map.get(*key))
                    .for_each(|windows| self.add_windows(windows));
                self.add_keys(map, &WINDOWS_KEYS, BESIDE);
            }
            (Shape::BooleanFlags, Value::Object(map)) => self.add_keys(map, &[], flags_of(kind)),
            (_, Value::Object(map)) => self.add_keys(map, &[], map_of(kind)),
            (Shape::RulesList, Value::Array(rules)) => {
                let keyed = rules.iter().map(|rule| (ScalarKey::new(rule, str::to_owned), rule));
                self.rules.extend(keyed);
            }
            (_, windows) => self.add_windows(windows),
        }
    }

    fn add_opinions(&mut self, map: &'a Map<String, Value>, memory_index: usize) {
        for key in LIKES_KEYS {
            for item in map.get(key).and_then(Value::as_array).into_iter().flatten() {
                let opinion =
                    self.opinions.entry(ScalarKey::new(item, |text| lower(text.trim()))).or_default();
                let side = if key == "likes" { &mut opinion.likes } else { &mut opinion.dislikes };
                let first = Stated { ordinal: self.statements, spelling: item, last_memory: memory_index };
                side.get_or_insert(first).last_memory = memory_index;
                self.statements += 1;
            }
        }
    }

    /// The windows of an array; what is no array is one window; null is none.
    fn add_windows(&mut self, windows: &'a Value) {
        let windows = match windows {
            Value::Array(windows) => windows.as_slice(),
            Value::Null => &[],
            other => std::slice::from_ref(other),
        };
        for window in windows {
            if self.windows_seen.insert(window.to_string()) {
                self.windows.push(window);
            }
        }
    }

    /// Latest value wins, and takes the key to the member of its shape; the first name stays.
    fn add_keys(&mut self, map: &'a Map<String, Value>, besides: &[&str], member: &'static str) {
        for (name, value) in map.iter().filter(|(name, _)| !besides.contains(&name.as_str())) {
            let entry = self.keys.entry(same_key(name)).or_insert(Entry { name, value, member });
            entry.value = value;
            entry.member = member;
        }
    }

    fn summary(self, kind: Kind, count: usize) -> Summary {
        let (opinions, conflicts) = resolve(self.opinions);
        let mut members: BTreeMap<&str, Value> = BTreeMap::new();
        for member in members_of(kind) {
            members.insert(member, empty(member));
        }
        let [likes, dislikes] = opinions.map(distinct);
        let rules: Vec<Value> = self.rules.into_values().cloned().collect();
        let windows: Vec<Value> = self.windows.into_iter().cloned().collect();
        for (member, list) in LISTS.into_iter().zip([likes, dislikes, rules, windows]) {
            if !list.is_empty() {
                members.insert(member, Value::Array(list));
            }
        }
        for entry in self.keys.into_values() {
            if let Value::Object(map) = members.entry(entry.member).or_insert_with(|| empty(entry.member)) {
                map.insert(entry.name.to_owned(), entry.value.clone());
            }
        }
        Summary {
            summary_text: text(kind, &members),
            summary_struct: members.into_iter().map(|(name, member)| (name.to_owned(), member)).collect(),
            confidence_tenths: u8::try_from(count.saturating_add(5)).unwrap_or(u8::MAX).min(9),
            conflicts,
        }
    }
}

fn empty(member: &str) -> Value {
    if LISTS.contains(&member) { Value::Array(Vec::new()) } else { Value::Object(Map::new()) }
}

/// The line of counts.
fn text(kind: Kind, members: &BTreeMap<&str, Value>) -> String {
    let count = |member: &str| match members.get(member) {
        Some(Value::Array(list)) => list.len(),
        Some(Value::Object(map)) => map.len(),
        _ => 0,
    };
    match kind {
        Kind::Preferences => format!(
            "Likes: {}, Dislikes: {}, Settings: {}",
            count("likes"),
            count("dislikes"),
            count("settings")
        ),
        Kind::Constraints => format!("Rules: {}, Constraints: {}", count("rules"), count("constraints")),
        Kind::Communication => format!("Communication preferences: {} settings", count("preferences")),
        Kind::Accessibility => {
            format!("Accessibility: {} flags, {} settings", count("flags"), count("settings"))
        }
        Kind::Schedule => format!("Schedule: {} time windows", count("windows")),
        Kind::Attention => format!("Attention settings: {} preferences", count("settings")),
    }
}

/// What two names of the same key have in common: lower case, without `_`, `-` and spaces. A name of nothing else is
/// the same as itself only.
fn same_key(name: &str) -> String {
    let folded = super::folded(name);
    if folded.is_empty() { name.to_owned() } else { folded }
}

/// One side's opinions: the key of each, its place among all statements, its first spelling.
type Opinions<'a> = Vec<(ScalarKey, usize, &'a Value)>;

/// Settles what is both liked and disliked, and gives likes and dislikes, each in the order of first mention.
///
/// Only equal texts contradict each other (trimmed, without case): `with sugar` and `without sugar` are alike enough
/// to be one spelling, and yet someone may well like one and dislike the other.
fn resolve(said: BTreeMap<ScalarKey, Opinion<'_>>) -> ([Opinions<'_>; 2], Vec<Conflict>) {
    let (mut likes, mut dislikes, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
    for (key, mut opinion) in said {
        if let (Some(liked), Some(disliked)) = (&opinion.likes, &opinion.dislikes) {
            let is_liked = liked.last_memory > disliked.last_memory;
            let (winner, kept, dropped) = if is_liked {
                (liked, Side::Likes, Side::Dislikes)
            } else {
                (disliked, Side::Dislikes, Side::Likes)
            };
            conflicts.push(Conflict { item: winner.spelling.clone(), kept, dropped });
            *(if is_liked { &mut opinion.dislikes } else { &mut opinion.likes }) = None;
        }
        if let Some(stated) = opinion.likes {
            likes.push((key, stated.ordinal, stated.spelling));
        } else if let Some(stated) = opinion.dislikes {
            dislikes.push((key, stated.ordinal, stated.spelling));
        }
    }
    for side in [&mut likes, &mut dislikes] {
        side.sort_by_key(|(_, ordinal, _)| *ordinal);
    }
    conflicts.sort_by_cached_key(|conflict| ScalarKey::new(&conflict.item, str::to_owned));
    ([likes, dislikes], conflicts)
}

/// One of those that are alike (the first spelling), sorted by code point. What is no string is like itself only.
fn distinct(opinions: Opinions<'_>) -> Vec<Value> {
    let mut kept = Kept::new();
    let new = opinions.into_iter().filter(|(key, _, _)| key.is_bare || kept.keeps(&key.text));
    let mut list: Vec<Value> = new.map(|(_, _, spelling)| spelling.clone()).collect();
    list.sort_by_cached_key(|item| ScalarKey::new(item, str::to_owned));
    list
}
