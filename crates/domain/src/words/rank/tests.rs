use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{TenantId, UserId};
use crate::memory::{Body, State};
use crate::object::{Content, Handling, Language, Object, Temporal, TruthMode};
use crate::scope::Scope;

fn memory(number: u128, at: i64, text: &str) -> Memory {
    let at = Timestamp::from_unix_micros(at);
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at));
    object.content = Content::text(Language::default(), text).ok();
    let (tenant, user) = (TenantId::parse("t_a").expect("a tenant"), UserId::parse("ann").expect("a user"));
    let id = MemoryId::from_uuid(Uuid::from_u128(number));
    Memory::new(id, tenant, Scope::of_user(&user), Body::Event(Box::new(object)), at, None)
}

fn query(text: &str) -> QueryText {
    QueryText::parse(text).expect("a question")
}

fn ranked(text: &str, memories: &[Memory]) -> Vec<(u128, u64)> {
    let ranked = rank(&query(text), memories);
    ranked.iter().map(|place| (place.id.uuid().as_u128(), place.score.0.get().to_bits())).collect()
}

fn numbers(text: &str, memories: &[Memory]) -> Vec<u128> {
    ranked(text, memories).into_iter().map(|(number, _)| number).collect()
}

/// Worked out by hand from the formula; the bits are the same on every machine.
#[test]
fn scores_are_those_of_the_formula() {
    let memories = [
        memory(1, 10, "tea tea milk"),
        memory(2, 20, "tea sugar"),
        memory(3, 30, "coffee with milk and sugar and cream"),
    ];
    let shown: Vec<String> = rank(&query("tea milk"), &memories)
        .iter()
        .map(|place| {
            format!(
                "{} {:.9} {:016x}",
                place.id.uuid().as_u128(),
                place.score.0.get(),
                place.score.0.get().to_bits()
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    1 1.085870454 3ff15fb9b26a79b9
    2 0.501689267 3fe00dd6a6684fad
    3 0.442082622 3fdc4b14e870dd87
    ");
}

#[test]
fn the_order_is_by_score_then_time_then_id() {
    let tea = "a cup of tea";
    let memories = [
        memory(5, 10, tea),
        memory(4, 20, tea),
        memory(3, 10, tea),
        memory(2, 5, "tea tea tea"),
        memory(1, 9, "rain"),
    ];
    assert_eq!(numbers("tea", &memories), [2, 4, 3, 5]);
    assert_eq!(numbers("is the", &memories), [0_u128; 0]);
    assert_eq!(numbers("TEAS", &memories), [2, 4, 3, 5], "words are stemmed");
}

#[test]
fn what_cannot_be_found_is_not_ranked() {
    for state in State::ALL {
        let made = Memory { state, ..memory(1, 0, "tea") };
        let is_found = matches!(state, State::Active | State::Restricted);
        assert_eq!(numbers("tea", &[made]).len(), usize::from(is_found), "{}", state.name());
    }
    for handling in Handling::ALL {
        let mut made = memory(1, 0, "tea");
        if let Some(object) = made.body.object_mut() {
            object.sensitivity.handling = *handling;
        }
        assert_eq!(made.words().is_some(), *handling != Handling::NoSearch);
        assert_eq!(numbers("tea", &[made]).is_empty(), *handling == Handling::NoSearch);
    }
}

fn memories() -> impl Strategy<Value = Vec<Memory>> {
    let text =
        prop::collection::vec(prop::sample::select(vec!["tea", "milk", "rain", "lisbon", "the"]), 1..9);
    prop::collection::vec((text, 0i64..4), 0..12).prop_map(|made| {
        made.into_iter().zip(1..).map(|((words, at), number)| memory(number, at, &words.join(" "))).collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_rows_changes_no_bit(memories in memories(), seed in any::<usize>()) {
        let mut turned = memories.clone();
        if !turned.is_empty() {
            let by = seed % turned.len();
            turned.rotate_left(by);
            turned[by..].reverse();
        }
        prop_assert_eq!(ranked("tea in Lisbon, rain", &memories), ranked("tea in Lisbon, rain", &turned));
    }

    #[test]
    fn rows_that_do_not_match_change_no_bit(memories in memories(), others in memories()) {
        let mut all = memories.clone();
        for (other, number) in others.into_iter().zip(100..) {
            all.push(memory(number, number as i64, "milk and the rain"));
            all.push(Memory { state: State::Sealed, id: MemoryId::from_uuid(Uuid::from_u128(number + 100)), ..other });
        }
        prop_assert_eq!(ranked("tea lisbon", &memories), ranked("tea lisbon", &all));
    }

    #[test]
    fn what_is_kept_of_a_text_changes_no_bit(
        texts in prop::collection::vec("((tea|Teas|raining|runs|[a-z]{1,6}(ing|s)?|日本|語)[ '-]?){0,12}", 1..6)
    ) {
        let made = texts.iter().zip(1..).map(|(text, number)| memory(number, 0, text));
        let memories: Vec<Memory> = made.collect();
        for asked in ["tea rain", "run 日本 teas", "x ing"] {
            let first = ranked(asked, &memories);
            prop_assert_eq!(&ranked(asked, &memories), &first);
            prop_assert_eq!(&ranked(asked, &memories.clone()), &first);
        }
    }

    #[test]
    fn exactly_what_holds_a_term_is_ranked_and_matched(memories in memories()) {
        let asked = query("tea lisbon");
        let (mut found, keys) = (numbers("tea lisbon", &memories), asked.keys());
        found.sort_unstable();
        let holds = |memory: &&Memory| memory.words().is_some_and(|words| keys.iter().any(|key| words.contains(key)));
        let expected: Vec<u128> = memories.iter().filter(holds).map(|memory| memory.id.uuid().as_u128()).collect();
        prop_assert_eq!(found, expected);
        for place in rank(&asked, &memories) {
            prop_assert!(Score::new(place.score.0.get()).is_some());
        }
    }
}
