use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{TenantId, UserId};
use crate::memory::Body;
use crate::object::{Content, Handling, Language, Name, Object, Temporal, TruthMode};
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::vector::{Near, TextKey};

pub(super) fn turn(number: u128, conversation: &str, text: &str) -> Memory {
    let at = Timestamp::from_unix_micros(i64::try_from(number).unwrap());
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at));
    object.content = Content::text(Language::default(), text).ok();
    object.provenance.conversation_id = Name::parse(conversation).ok();
    let (tenant, user) = (TenantId::parse("t_a").unwrap(), UserId::parse("ann").unwrap());
    let id = MemoryId::from_uuid(Uuid::from_u128(number));
    Memory::new(id, tenant, Scope::of_user(&user), Body::Event(Box::new(object)), at, None)
}

fn nearest(memories: &[Memory], cosines: &[f64]) -> Nearest {
    let near = |(memory, cosine): (&Memory, &f64)| {
        Some((memory.id, Near { cosine: *cosine, text: memory.text_key()? }))
    };
    Nearest { of: memories.iter().zip(cosines).filter_map(near).collect(), ..Nearest::default() }
}

fn answer(question: &str, nearest: Option<&Nearest>, memories: &[Memory]) -> Vec<Hit> {
    let text = QueryText::parse(question).unwrap();
    let memories: Vec<&Memory> = memories.iter().collect();
    lend(&find(Question { text: &text, nearest, walk: None }, &memories), &memories)
}

fn shown(hits: &[Hit]) -> Vec<String> {
    let arm =
        |arm: Option<Arm>| arm.map_or_else(|| "-".to_owned(), |arm| format!("{}:{:.3}", arm.rank, arm.score));
    let line = |hit: &Hit| {
        let (number, score) = (hit.ranked.id.uuid().as_u128(), hit.ranked.score.0.get());
        let Why { words, meaning, lent, .. } = hit.why;
        format!("{number} {score:.3} words {} meaning {} lent {lent:.3}", arm(words), arm(meaning))
    };
    hits.iter().map(line).collect()
}

fn talk() -> Vec<Memory> {
    vec![
        turn(1, "c1", "where shall we eat"),
        turn(2, "c1", "a table at the harbour"),
        turn(3, "c1", "they fry fish"),
        turn(4, "c2", "fish swim"),
        turn(5, "", "fish and chips"),
        turn(6, "c1", "good night"),
    ]
}

#[test]
fn words_and_meaning_are_summed_and_neighbours_share() {
    let talk = talk();
    let near = nearest(&talk, &[0.5, 0.0, 0.9, -0.2, 0.3, 0.1]);
    insta::assert_snapshot!(shown(&answer("fish", Some(&near), &talk)).join("\n"), @"
    3 2.745 words 3:0.134 meaning 1:0.900 lent 0.125
    6 1.310 words - meaning - lent 1.310
    2 1.310 words - meaning - lent 1.310
    5 1.180 words 1:0.134 meaning 3:0.300 lent 0.000
    1 1.155 words - meaning 2:0.500 lent 0.655
    4 1.000 words 2:0.134 meaning - lent 0.000
    ");
    insta::assert_snapshot!(shown(&answer("fish", None, &talk)).join("\n"), @"
    5 0.134 words 1:0.134 meaning - lent 0.000
    4 0.134 words 2:0.134 meaning - lent 0.000
    3 0.134 words 3:0.134 meaning - lent 0.000
    6 0.067 words - meaning - lent 0.067
    2 0.067 words - meaning - lent 0.067
    1 0.033 words - meaning - lent 0.033
    ");
}

#[test]
fn a_vector_of_another_text_counts_for_nothing() {
    let talk = talk();
    let mut near = nearest(&talk, &[0.9; 6]);
    let other = TextKey::of("what stood here before");
    near.of.entry(talk[0].id).and_modify(|near| near.text = other);
    let found = answer("whale", Some(&near), &talk);
    let first = found.iter().find(|hit| hit.ranked.id == talk[0].id).unwrap();
    assert_eq!((first.why.meaning, first.why.lent > 0.0), (None, true));
}

#[test]
fn what_is_kept_out_of_searches_is_not_found_beside_others() {
    let mut talk = talk();
    let object = talk[1].body.object_mut().unwrap();
    object.sensitivity.handling = Handling::NoSearch;
    let found = answer("fish", None, &talk);
    assert!(found.iter().all(|hit| hit.ranked.id != talk[1].id), "{:?}", shown(&found));
}

#[test]
fn neighbours_are_there_or_not() {
    let turns: Vec<Memory> = (1..=7).map(|number| turn(number, "c", "tea")).collect();
    let all: Vec<&Memory> = turns.iter().collect();
    let has = |at: usize, memories: &[&Memory]| {
        has_neighbours(&BTreeSet::from([turns[at].anchor().unwrap()]), memories)
    };
    assert!(has(2, &all) && has(4, &all));
    assert!(!has(1, &all) && !has(5, &all) && !has(2, &all[..4]) && !has(3, &all[2..]));
    assert!(!has(0, &all[1..]), "one that is not there");
}

proptest! {
    /// In whatever order memories come, and whatever is known of others, the answer is the same.
    #[test]
    fn an_answer_is_of_what_is_given(
        turns in proptest::collection::vec((0..3_u8, 0..4_u8, -1.0..1.0_f64), 1..40),
        strangers in proptest::collection::vec(0.0..1.0_f64, 0..4),
        by in 0..40_usize,
    ) {
        let texts = ["tea", "milk and tea", "rain", "tea tea rain"];
        let make = |(at, (conversation, text, _)): (usize, &(u8, u8, f64))| {
            turn(at as u128 + 1, &format!("c{conversation}"), texts[usize::from(*text)])
        };
        let memories: Vec<Memory> = turns.iter().enumerate().map(make).collect();
        let cosines: Vec<f64> = turns.iter().map(|(.., cosine)| *cosine).collect();
        let mut near = nearest(&memories, &cosines);
        let expected = answer("tea in the rain", Some(&near), &memories);
        prop_assert!(expected.is_sorted_by_key(|hit| hit.ranked));
        for (cosine, number) in strangers.into_iter().zip(1_000..) {
            let stranger = Near { cosine, text: TextKey([0; 8]) };
            near.of.insert(MemoryId::from_uuid(Uuid::from_u128(number)), stranger);
        }
        let mut turned = memories.clone();
        turned.rotate_left(by % memories.len());
        prop_assert_eq!(answer("tea in the rain", Some(&near), &turned), expected);
    }
}
