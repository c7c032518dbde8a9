//! How a listing fills a page: it looks at more and more rows of one snapshot until the page is full or the scan limit
//! is reached, and then says where to go on.
//!
//! The scan limit counts every row of the listing, let through or not. So where a scan ends depends on which memories
//! there are and when they happened, never on what a hidden one says.

use memoryscope_domain::govern::{Facts, Visible};
use memoryscope_domain::limits;
use memoryscope_domain::memory::within_budget;
use memoryscope_domain::place::{Place, SealedPlace};

use super::query::Item;

/// How many times as much is loaded where the policy let through too little. Each time is from the page's beginning, so
/// that all of it is of one commit; growing by a factor keeps the sum below half as much again as the last time alone.
const WIDENING: usize = 4;

/// Where a listing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Behind a memory that the caller saw.
    Shown(Place),
    /// Behind a place that the caller may not learn: [`Engine::open`](crate::engine::Engine::open) reads it.
    Sealed(SealedPlace),
}

/// How many rows are loaded for a page of `limit`, widened so many times.
pub(super) fn rows(limit: usize, times: u32) -> usize {
    let first = limit.saturating_add(limit / 4).saturating_add(8);
    first.saturating_mul(WIDENING.saturating_pow(times)).min(limits::LIST_SCAN_ITEMS)
}

/// The same, if that is more than was loaded before.
pub(super) fn rows_wider(limit: usize, times: u32) -> Option<usize> {
    (rows(limit, times.saturating_sub(1)) < limits::LIST_SCAN_ITEMS).then(|| rows(limit, times))
}

/// Where the page behind this one begins, if there may be one: `last` is the last memory of a full page behind which
/// there are more to show.
pub(super) fn next(seen: &Visible<Facts>, last: Option<Place>) -> Option<Next> {
    last.map(Next::Shown).or_else(|| seen.scan_end().map(Next::Sealed))
}

/// How much of what is to be shown stands on one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// At most so many memories.
    pub(super) limit: usize,
    /// At most so many tokens, by estimate, but for the first memory, which is always there.
    pub(super) max_tokens: Option<usize>,
}

impl Bounds {
    /// How many of these stand on the page, and how many tokens they have.
    fn of(self, items: &[Item]) -> (usize, usize) {
        within_budget(items.iter().take(self.limit).map(|item| &*item.memory), self.max_tokens)
    }

    /// Whether there is more than stands on the page: then it is known where it ends.
    pub(super) fn are_exceeded_by(self, items: &[Item]) -> bool {
        self.of(items).0 < items.len()
    }

    /// Leaves what stands on the page. How many tokens that has, and its last memory's place if there was more.
    pub(super) fn cut(self, items: &mut Vec<Item>) -> (usize, Option<Place>) {
        let (count, tokens) = self.of(items);
        let is_full = count < items.len();
        items.truncate(count);
        let last = items.last().filter(|_| is_full);
        (tokens, last.and_then(|last| Some((last.memory.placed?, last.memory.id))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_ends_at_the_scan_limit_and_costs_little() {
        for limit in [1, 2, 100, limits::LIST_ITEMS_MAX] {
            let mut loaded = vec![rows(limit, 0)];
            while let Some(more) = rows_wider(limit, loaded.len().try_into().unwrap()) {
                loaded.push(more);
            }
            assert!(loaded.is_sorted() && loaded[0] > limit, "{loaded:?}");
            assert_eq!(loaded.last(), Some(&limits::LIST_SCAN_ITEMS));
            assert!(loaded.iter().sum::<usize>() < 2 * limits::LIST_SCAN_ITEMS, "{loaded:?}");
        }
    }
}
