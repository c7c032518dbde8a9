//! Random steps.

use memoryscope_domain::vector::{KeptVector, TextKey, Vector};
use proptest::prelude::*;

use super::behind::{behind, bridge_wish};
use super::filters::filter;
use super::*;

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => (0..8u128, 0..2usize, 0..2usize, 0..3usize, 0..5i64, prop::option::of(NOW - 2..NOW + 3)).prop_map(
            |(id, user, kind, domain, created, expires)| Wish::Insert { id, user, kind, domain, created, expires }
        ),
        6 => (0..8u128, 0..4i64, 0..4usize, 0..64u8, prop::collection::vec(0..8u128, 0..3),
              prop::option::weighted(0.2, NOW - 2..NOW + 3)).prop_map(
            |(id, occurred, level, look, parents, expires)| {
                Wish::InsertObject { id, occurred, level, look, parents, expires }
            }
        ),
        4 => (0..8u128, 0..5usize, prop::bool::weighted(0.1))
            .prop_map(|(id, state, stale)| Wish::Replace { id, state, stale }),
        2 => (0..8u128).prop_map(|id| Wish::Erase { id }),
        2 => (0..4u8, 0..2usize, prop::option::of(1..3i64), 1..6i64)
            .prop_map(|(id, user, age_days, expires)| Wish::InsertGrant { id, user, age_days, expires }),
        2 => (prop::collection::vec(0..8u128, 0..3), 0..6i64).prop_map(|(ids, at)| Wish::Touch { ids, at }),
        1 => (0..4u8).prop_map(|id| Wish::RevokeGrant { id }),
        1 => (0..3u8).prop_map(|subject| Wish::SubjectKey { subject }),
        1 => (0..2usize).prop_map(|hash| Wish::KeepPolicy { hash }),
        1 => (0..2usize).prop_map(|hash| Wish::Activate { hash }),
        1 => (0..4u8, 0..6i64).prop_map(|(key, used)| Wish::Idempotency { key, used }),
        2 => (0..3u8, NOW - 1..NOW + 3).prop_map(|(scope, expires)| Wish::Spiral { scope, expires }),
        1 => (0..3u8).prop_map(|scope| Wish::ForgetSpiral { scope }),
        2 => (0..3u8, prop::bool::weighted(0.2), prop::sample::subsequence(Purpose::ALL.to_vec(), 0..4))
            .prop_map(|(subject, stale, purposes)| Wish::Consent { subject, stale, purposes }),
        1 => prop::collection::vec(0..4u8, 1..3).prop_map(|digests| Wish::Suppress { digests }),
        4 => (0..8u128, 0..PERSONS.len(), any::<bool>(), any::<bool>())
            .prop_map(|(id, persons, shared, waits)| Wish::InsertItem { id, persons, shared, waits }),
        3 => (0..4u8, 1..4u64, any::<bool>(), prop::option::of(0..3u8), prop::option::of(0..6i64))
            .prop_map(|(number, version, group, subject, due)| Wish::Record { number, version, group, subject, due }),
        1 => (0..4u8).prop_map(|number| Wish::ForgetRecord { number }),
        2 => (0..3u128, 1..4u64).prop_map(|(number, version)| Wish::Schema { number, version }),
        4 => (0..8u128, 0..9u8, prop::bool::weighted(0.8))
            .prop_map(|(id, towards, is_of_its_text)| Wish::Vector { id, towards, is_of_its_text }),
        1 => (0..8u128, 0..8u128, prop::option::of(0..8u128))
            .prop_map(|(id, root, after)| Wish::Mark { id, root, after }),
        1 => (0..8u128).prop_map(|id| Wish::Unmark { id }),
        4 => bridge_wish().prop_map(Wish::Bridge),
        1 => (0..6i64).prop_map(|before| Wish::ForgetKeys { before }),
        1 => (0..6i64).prop_map(|before| Wish::ForgetGrants { before }),
        1 => Just(Wish::Checkpoint),
    ]
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![
        prop::option::of(0..2usize).prop_map(Guess::Policy),
        (0..8u128, 1..3u64).prop_map(|(id, version)| Guess::Memory(id, version)),
        (0..4u8, 1..3u64).prop_map(|(id, version)| Guess::Grant(id, version)),
        (0..3u8).prop_map(Guess::NoSubject),
        (0..4u8).prop_map(Guess::NoKey),
        (0..3u8, 0..3u64).prop_map(|(subject, version)| Guess::Consent(subject, version)),
        (0..4u8, 0..3u64).prop_map(|(number, version)| Guess::Record(number, version)),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    let shelf = (
        0..2usize,
        0..2usize,
        prop::option::of(0..3usize),
        prop::option::of(0..5i64),
        prop::option::of((0..5i64, 0..8u128)),
        (prop::option::of(1..4usize), 0..4usize),
    );
    prop_oneof![
        1 => Just(Pick::Nothing),
        6 => shelf.prop_map(|(user, kind, domain, from, after, (scan, limit))| {
            Pick::Shelf { user, kind, domain, from, after, scan, limit }
        }),
        6 => (prop::option::of(0..4i64), prop::option::of(0..5i64), prop::option::of((0..4i64, 0..8u128)),
              prop::option::of(0..4usize), prop::option::of(0..WORDS.len()),
              (prop::option::of(1..4usize), prop::option::of((0..9u8, 0..4usize))), 0..4usize)
            .prop_map(|(since, until, after, level, words, (scan, near), limit)| {
            let scan = scan.filter(|_| words.is_none());
            Pick::Objects { since, until, after, level, words, near, scan, limit }
        }),
        1 => (0..4usize).prop_map(Pick::Unembedded),
        3 => (0..8u128, 0..3u64, 0..3usize).prop_map(|(id, after, limit)| Pick::Versions { id, after, limit }),
        2 => prop::collection::vec(0..9u128, 0..5).prop_map(Pick::Ids),
        2 => (0..4u8, prop::option::of(1..3i64), 0..4usize)
            .prop_map(|(id, age_days, limit)| Pick::Grant { id, age_days, limit }),
        2 => (0..4usize).prop_map(|limit| Pick::Expired { limit }),
        4 => (prop::collection::vec(0..5usize, 0..3), prop::option::of(0..8u128), 0..4usize)
            .prop_map(|(keys, after, limit)| Pick::Keyed { keys, after, limit }),
        1 => (prop::option::of(prop::collection::vec(0..4u128, 0..3)), prop::option::of(0..4u128), 0..4usize)
            .prop_map(|(ids, after, limit)| Pick::Schemas { ids, after, limit }),
        2 => (0..8u128, 0..5usize).prop_map(|(id, limit)| Pick::Family { id, limit }),
        2 => (0..5usize).prop_map(|limit| Pick::Pending { limit }),
        2 => (0..20u64, any::<bool>(), 0..6usize)
            .prop_map(|(after, reads_only, limit)| Pick::Entries { after, reads_only, limit }),
        1 => (0..20u128).prop_map(Pick::Entry),
        1 => (0..4u8).prop_map(Pick::Bridge),
        1 => (0..2usize, 0..2usize).prop_map(|(source, target)| Pick::Bridges(source, target)),
        1 => (0..2usize).prop_map(Pick::Belongings),
        1 => Just(Pick::Verification),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..2usize, prop::collection::vec(wish(), 0..4), prop::collection::vec(guess(), 0..2))
            .prop_map(|(tenant, wishes, expects)| Step::Commit { tenant, wishes, expects }),
        4 => (0..2usize, pick(), filter(), 0..3u8, 0..4u8, behind().prop_map(Box::new)).prop_map(
            |(tenant, select, filter, subject, key, behind)| Step::Load { tenant, select, filter, subject, key, behind }
        ),
        1 => (0..6i64, 0..3usize).prop_map(|(by, limit)| Step::Due { by, limit }),
    ]
}

pub(super) fn direction(towards: u8) -> Vector {
    Vector::quantise(&[f32::from(towards) - 4.0, 3.0, 0.5]).unwrap()
}

/// A vector for a memory: of what it says, or of something else.
pub(super) fn vector(memory: &Memory, towards: u8, is_of_its_text: bool) -> Change {
    let text = memory.text_key().filter(|_| is_of_its_text).unwrap_or(TextKey([towards; 8]));
    let (memory, model, vector) = (memory.id, ModelKey([0; 8]), direction(towards));
    Change::KeepVectors(vec![KeptVector { memory, text, model, vector }])
}
