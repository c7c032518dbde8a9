//! The vectors of a scope, packed together in memory: what is nearest is found by looking at all of them.
//!
//! A scope's vectors are read from the database once, and after that only those that came since: each row says at which commit it was
//! kept, and a row beside them at which commit the last one came and the last one went. Both are read in the transaction that
//! everything else is read in, so what is looked at is what stands there, whoever wrote it and on whichever server. Scopes that
//! nobody searches are dropped when what all of them take is over the budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::scope::Partition;
use memoryscope_domain::vector::{ModelKey, Near as Nearness, TextKey, Vector, dot};
use memoryscope_engine::port::Near;
use rten_simd::{Isa, SimdOp};

/// Segments that a scope's vectors are in, at most: more are packed anew into one.
const SEGMENTS_MAX: usize = 8;
/// What a vector takes beside its values.
const ROW_BYTES: usize = 64;

/// Which vectors.
pub(crate) type Whose = (TenantId, Partition, ModelKey);

/// The commits at which a scope's vectors last came and went; 0 for never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) kept: i64,
    pub(crate) dropped: i64,
}

/// A vector, as it is read.
#[derive(Debug)]
pub(crate) struct VectorRead {
    pub(crate) memory: MemoryId,
    pub(crate) text: TextKey,
    pub(crate) since: i64,
    pub(crate) vector: Vector,
}

/// The vectors of one scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed {
    marks: Marks,
    segments: Vec<Arc<Segment>>,
}

#[derive(Debug, Default)]
struct Segment {
    dimensions: usize,
    memories: Vec<MemoryId>,
    texts: Vec<TextKey>,
    since: Vec<i64>,
    scales: Vec<f32>,
    values: Vec<i8>,
    /// Which row is whose, by memory.
    order: Vec<u32>,
}

impl Segment {
    fn of(rows: Vec<VectorRead>) -> Self {
        let dimensions = rows.first().map_or(0, |row| row.vector.values().len());
        let mut segment = Self { dimensions, ..Self::default() };
        // One model's vectors are of one length; one that is not was damaged.
        for row in rows.into_iter().filter(|row| row.vector.values().len() == dimensions) {
            segment.memories.push(row.memory);
            segment.texts.push(row.text);
            segment.since.push(row.since);
            segment.scales.push(row.vector.scale());
            segment.values.extend_from_slice(row.vector.values());
        }
        segment.in_order()
    }

    fn in_order(mut self) -> Self {
        let count = u32::try_from(self.memories.len()).unwrap_or(u32::MAX);
        self.order = (0..count).collect();
        let memories = &self.memories;
        self.order.sort_unstable_by_key(|row| memories.get(*row as usize));
        self
    }

    fn together(segments: &[Arc<Self>]) -> Self {
        let dimensions = segments.first().map_or(0, |segment| segment.dimensions);
        let mut all = Self { dimensions, ..Self::default() };
        for segment in segments.iter().filter(|segment| segment.dimensions == dimensions) {
            all.memories.extend_from_slice(&segment.memories);
            all.texts.extend_from_slice(&segment.texts);
            all.since.extend_from_slice(&segment.since);
            all.scales.extend_from_slice(&segment.scales);
            all.values.extend_from_slice(&segment.values);
        }
        all.in_order()
    }

    fn row_of(&self, memory: MemoryId) -> Option<usize> {
        let at = self.order.binary_search_by_key(&Some(&memory), |row| self.memories.get(*row as usize));
        self.order.get(at.ok()?).map(|row| *row as usize)
    }

    fn bytes(&self) -> usize {
        self.values.len() + self.memories.len() * ROW_BYTES
    }
}

/// The sum of products with each of many vectors. What it dispatches to differs by how many are multiplied at once, and whole numbers
/// do not mind in which order they are summed.
struct Dots<'a> {
    asked: &'a [i8],
    values: &'a [i8],
}

impl SimdOp for Dots<'_> {
    type Output = Vec<i32>;

    #[inline(always)]
    fn eval<I: Isa>(self, _isa: I) -> Vec<i32> {
        self.values.chunks_exact(self.asked.len().max(1)).map(|row| dot(self.asked, row)).collect()
    }
}

impl Packed {
    /// What was read of a scope up to these marks.
    pub(crate) fn of(rows: Vec<VectorRead>, marks: Marks) -> Self {
        Self { marks, segments: vec![Arc::new(Segment::of(rows))] }
    }

    /// With what came since.
    pub(crate) fn with(&self, rows: Vec<VectorRead>, marks: Marks) -> Self {
        let mut segments = self.segments.clone();
        if !rows.is_empty() {
            segments.push(Arc::new(Segment::of(rows)));
        }
        if segments.len() > SEGMENTS_MAX {
            segments = vec![Arc::new(Segment::together(&segments))];
        }
        Self { marks, segments }
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks
    }

    fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes()).sum()
    }

    /// The nearest of those that were kept up to a commit, then by id, as many and as near as is wanted; and whether there are more.
    pub(crate) fn nearest(&self, wanted: &Near, until: i64) -> (Vec<MemoryId>, bool) {
        let (asked, limit) = (&wanted.vector, wanted.limit);
        let mut near: Vec<(f64, MemoryId)> = Vec::new();
        for segment in self.segments.iter().filter(|of| of.dimensions == asked.values().len()) {
            let dots = Dots { asked: asked.values(), values: &segment.values }.dispatch();
            let rows = dots.iter().zip(&segment.scales).zip(&segment.since).zip(&segment.memories);
            // As exact as a cosine, of which it is a multiple.
            let counting = rows.filter(|(((..), since), _)| **since <= until);
            let cosines = counting.map(|(((dot, scale), _), memory)| {
                (f64::from(*dot) * (f64::from(asked.scale()) * f64::from(*scale)), *memory)
            });
            near.extend(cosines.filter(|(cosine, _)| *cosine > wanted.least));
        }
        let more = near.len() > limit;
        let in_order = |(x, a): &(f64, MemoryId), (y, b): &(f64, MemoryId)| y.total_cmp(x).then(a.cmp(b));
        if more && limit > 0 {
            near.select_nth_unstable_by(limit - 1, in_order);
        }
        near.truncate(limit);
        near.sort_unstable_by(in_order);
        (near.into_iter().map(|(_, memory)| memory).collect(), more)
    }

    /// How near a memory is, if it has a vector that was kept up to a commit.
    pub(crate) fn near(&self, memory: MemoryId, asked: &Vector, until: i64) -> Option<Nearness> {
        self.segments.iter().find_map(|segment| {
            let row = segment.row_of(memory)?;
            let values = segment.values.get(row * segment.dimensions..(row + 1) * segment.dimensions)?;
            let is_counted = segment.since.get(row).is_some_and(|since| *since <= until);
            let cosine = asked.cosine_to(*segment.scales.get(row)?, values);
            is_counted.then_some(Nearness { cosine, text: *segment.texts.get(row)? })
        })
    }
}

/// The scopes whose vectors are in memory.
#[derive(Debug)]
pub(crate) struct VectorCache {
    budget: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    of: BTreeMap<Whose, (Packed, u64)>,
    bytes: usize,
    uses: u64,
}

/// What is to be read of a scope's vectors.
#[derive(Debug)]
pub(crate) enum Missing {
    /// Nothing.
    Nothing(Packed),
    /// Those that were kept behind that commit.
    Behind(i64, Packed),
    /// All.
    All,
}

impl VectorCache {
    /// An empty one that may hold so many bytes.
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, held: Mutex::default() }
    }

    /// One that keeps nothing.
    pub(crate) fn none() -> Arc<Self> {
        Arc::new(Self::new(0))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is here of a scope, where these are its marks.
    pub(crate) fn missing(&self, whose: &Whose, marks: Marks) -> Missing {
        let mut held = self.lock();
        held.uses += 1;
        let uses = held.uses;
        let Some((packed, used)) = held.of.get_mut(whose) else { return Missing::All };
        *used = uses;
        let there = packed.marks;
        if there.dropped != marks.dropped {
            return Missing::All;
        }
        // Where it is ahead of who asks, what came since is told by its commit.
        if there.kept >= marks.kept {
            Missing::Nothing(packed.clone())
        } else {
            Missing::Behind(there.kept, packed.clone())
        }
    }

    /// Keeps a scope's vectors, unless newer ones are here; those that were not used for longest make room.
    pub(crate) fn put(&self, whose: Whose, packed: &Packed) {
        let bytes = packed.bytes();
        if bytes == 0 || bytes > self.budget {
            return;
        }
        let mut held = self.lock();
        let is_newer =
            |marks: Marks| (marks.dropped, marks.kept) >= (packed.marks.dropped, packed.marks.kept);
        if held.of.get(&whose).is_some_and(|(there, _)| is_newer(there.marks())) {
            return;
        }
        held.uses += 1;
        let uses = held.uses;
        if let Some((before, _)) = held.of.insert(whose, (packed.clone(), uses)) {
            held.bytes = held.bytes.saturating_sub(before.bytes());
        }
        held.bytes += bytes;
        while held.bytes > self.budget {
            let oldest = held.of.iter().min_by_key(|(_, (_, used))| *used).map(|(whose, _)| whose.clone());
            let Some((gone, _)) = oldest.and_then(|whose| held.of.remove(&whose)) else { break };
            held.bytes = held.bytes.saturating_sub(gone.bytes());
        }
    }

    /// Forgets a tenant's: something of it was erased.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        let mut held = self.lock();
        held.of.retain(|(of, ..), _| of != tenant);
        held.bytes = held.of.values().map(|(packed, _)| packed.bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn vector(numbers: &[f32]) -> Vector {
        Vector::quantise(numbers).unwrap()
    }

    fn near(asked: &Vector, limit: usize) -> Near {
        Near { model: ModelKey::of("m"), vector: asked.clone(), least: -2.0, limit }
    }

    fn row(number: u128, since: i64, numbers: &[f32]) -> VectorRead {
        let memory = MemoryId::from_uuid(Uuid::from_u128(number));
        VectorRead { memory, text: TextKey::of(&number.to_string()), since, vector: vector(numbers) }
    }

    fn numbers((found, more): (Vec<MemoryId>, bool)) -> (Vec<u128>, bool) {
        (found.iter().map(|id| id.uuid().as_u128()).collect(), more)
    }

    #[test]
    fn the_nearest_come_first_and_ties_by_id() {
        let rows = vec![
            row(3, 1, &[1.0, 0.0]),
            row(1, 2, &[1.0, 1.0]),
            row(2, 3, &[1.0, 0.0]),
            row(4, 4, &[-1.0, 0.0]),
        ];
        let packed = Packed::of(rows, Marks { kept: 4, dropped: 0 });
        let asked = vector(&[1.0, 0.0]);
        assert_eq!(numbers(packed.nearest(&near(&asked, 9), 9)), (vec![2, 3, 1, 4], false));
        assert_eq!(numbers(packed.nearest(&near(&asked, 1), 9)), (vec![2], true));
        assert_eq!(numbers(packed.nearest(&near(&asked, 9), 2)), (vec![3, 1], false));
        assert_eq!(numbers(packed.nearest(&near(&asked, 0), 9)), (vec![], true));
        let nearer = Near { least: 0.8, ..near(&asked, 9) };
        assert_eq!(numbers(packed.nearest(&nearer, 9)), (vec![2, 3], false));
        assert_eq!(numbers(packed.nearest(&near(&vector(&[1.0]), 9), 9)), (vec![], false));
    }

    #[test]
    fn what_is_over_the_budget_goes_the_longest_unused_first() {
        let whose = |name: &str| {
            (TenantId::parse(&format!("t_{name}")).unwrap(), Partition([0; 16]), ModelKey::of("m"))
        };
        let marks = Marks { kept: 1, dropped: 0 };
        let one = || Packed::of(vec![row(1, 1, &[1.0; 36])], marks);
        let cache = VectorCache::new(250);
        for name in ["a", "b"] {
            cache.put(whose(name), &one());
        }
        let is_here = |name| matches!(cache.missing(&whose(name), marks), Missing::Nothing(_));
        assert!(is_here("b") && is_here("a"));
        cache.put(whose("c"), &one());
        assert!(is_here("a") && is_here("c") && !is_here("b"));
        cache.forget(&whose("a").0);
        assert!(!is_here("a") && is_here("c"));
        let later = Marks { kept: 2, dropped: 0 };
        assert!(matches!(cache.missing(&whose("c"), later), Missing::Behind(1, _)));
        assert!(matches!(cache.missing(&whose("c"), Marks { dropped: 2, ..later }), Missing::All));
        cache.put(whose("d"), &Packed::of((0..3).map(|n| row(n, 1, &[1.0; 36])).collect(), marks));
        assert!(!is_here("d") && is_here("c"), "what is over the budget alone is not kept");
    }

    proptest! {
        /// Whatever multiplies, and in however many segments they came, the nearest are the same.
        #[test]
        fn segments_change_nothing(
            rows in proptest::collection::vec(proptest::collection::vec(-1.0_f32..1.0, 7), 1..60),
            cuts in proptest::collection::vec(0_usize..60, 0..12),
            limit in 0_usize..20,
        ) {
            prop_assume!(rows.iter().all(|numbers| numbers.iter().any(|x| x.abs() > 0.01)));
            let all = || rows.iter().enumerate().map(|(at, numbers)| row(at as u128, at as i64, numbers));
            let asked = vector(&rows[0]);
            let whole = Packed::of(all().collect(), Marks::default());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
            cuts.extend([0, rows.len()]);
            cuts.sort_unstable();
            let mut parts = Packed::default();
            for pair in cuts.windows(2) {
                parts = parts.with(all().skip(pair[0]).take(pair[1] - pair[0]).collect(), Marks::default());
            }
            let until = rows.len() as i64 / 2;
            prop_assert_eq!(parts.nearest(&near(&asked, limit), until), whole.nearest(&near(&asked, limit), until));
            let mut expected: Vec<(f64, MemoryId)> = all()
                .filter(|row| row.since <= until)
                .map(|row| (asked.cosine(&row.vector), row.memory))
                .collect();
            expected.sort_by(|(x, a), (y, b)| y.total_cmp(x).then(a.cmp(b)));
            let nearest: Vec<MemoryId> = expected.iter().take(limit).map(|(_, id)| *id).collect();
            prop_assert_eq!(whole.nearest(&near(&asked, limit), until).0, nearest);
            for (cosine, id) in expected {
                prop_assert_eq!(parts.near(id, &asked, until).map(|near| near.cosine), Some(cosine));
            }
        }
    }
}
