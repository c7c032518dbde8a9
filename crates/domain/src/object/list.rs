//! Lists that are bounded.
//!
//! Reading a stored list back does not count it again: a limit that is lowered later must not make memories unreadable.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::number::Invalid;

/// At most `MAX` members, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// The most members that it has.
    pub const MAX: usize = MAX;

    /// Takes members.
    ///
    /// # Errors
    /// When there are more than `MAX`.
    pub fn new(members: Vec<T>) -> Result<Self, Invalid> {
        if members.len() > MAX { Err(Invalid::Members(MAX)) } else { Ok(Self(members)) }
    }

    /// The members.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// At most `MAX` members, each once, in the order in which they were first given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distinct<T, const MAX: usize>(Vec<T>);

impl<T: Ord + Clone, const MAX: usize> Distinct<T, MAX> {
    /// Takes members; of equal ones the first is kept.
    ///
    /// # Errors
    /// When more than `MAX` different ones are left.
    pub fn new(members: Vec<T>) -> Result<Self, Invalid> {
        let mut seen = std::collections::BTreeSet::new();
        let kept: Vec<T> = members.into_iter().filter(|member| seen.insert(member.clone())).collect();
        if kept.len() > MAX { Err(Invalid::Members(MAX)) } else { Ok(Self(kept)) }
    }
}

impl<T, const MAX: usize> Distinct<T, MAX> {
    /// The most members that it has.
    pub const MAX: usize = MAX;

    /// The members, for those who look at a set of texts.
    #[must_use]
    pub const fn as_vec(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T, const MAX: usize> Default for Distinct<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for Distinct<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// What happened, the oldest first: the last `MAX` entries, and how many came before them. What is dropped here stands
/// in the memory's older versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log<T, const MAX: usize> {
    entries: Vec<T>,
    #[serde(default, skip_serializing_if = "is_zero")]
    dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<T, const MAX: usize> Log<T, MAX> {
    /// The most entries that it keeps.
    pub const MAX: usize = MAX;

    /// Takes the entries of a client's own history.
    ///
    /// # Errors
    /// When there are more than `MAX`.
    pub fn new(entries: Vec<T>) -> Result<Self, Invalid> {
        if entries.len() > MAX { Err(Invalid::Members(MAX)) } else { Ok(Self { entries, dropped: 0 }) }
    }

    /// Adds an entry; the oldest makes room.
    pub fn push(&mut self, entry: T) {
        while self.entries.len() >= MAX.max(1) {
            self.entries.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.entries.push(entry);
    }

    /// Changes entries where they stand.
    pub fn change_each(&mut self, change: impl FnMut(&mut T)) {
        self.entries.iter_mut().for_each(change);
    }

    /// How many entries were dropped before the first one.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether nothing ever happened.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        self.entries.is_empty() && self.dropped == 0
    }
}

impl<T, const MAX: usize> Default for Log<T, MAX> {
    fn default() -> Self {
        Self { entries: Vec::new(), dropped: 0 }
    }
}

impl<T, const MAX: usize> Deref for Log<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded_and_sets_keep_the_first() {
        assert_eq!(List::<u8, 2>::new(vec![1, 1]).map(List::into_vec), Ok(vec![1, 1]));
        assert!(List::<u8, 2>::new(vec![1, 1, 1]).is_err());
        assert_eq!(Distinct::<u8, 2>::new(vec![2, 1, 2, 1]).map(|set| set.to_vec()), Ok(vec![2, 1]));
        assert!(Distinct::<u8, 2>::new(vec![1, 2, 3]).is_err());
    }

    #[test]
    fn a_log_forgets_its_oldest_and_counts_them() {
        let mut log = Log::<u32, 3>::default();
        assert!(log.is_blank());
        (0..5).for_each(|entry| log.push(entry));
        assert_eq!((log.to_vec(), log.dropped()), (vec![2, 3, 4], 2));
        let text = serde_json::to_string(&log).expect("writes");
        assert_eq!(text, r#"{"entries":[2,3,4],"dropped":2}"#);
        assert_eq!(serde_json::from_str::<Log<u32, 3>>(&text).expect("reads"), log);
        assert!(Log::<u32, 3>::new(vec![1; 4]).is_err());
    }
}
