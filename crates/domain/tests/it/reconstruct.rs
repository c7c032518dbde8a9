//! Reconstruction: its forms, its budget, its laws.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::constraint::{Constraint, Kind, Params};
use memoryscope_domain::derive::{Source, derive};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::object::{Activation, Cue, Unit};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{
    Context, Dormant, EventReference, Format, Held, Material, Reconstruction, Support, Wanted, reconstruct,
};
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::derive_corpus::saying;

const SAID: &str = "Please don't mention my ex. Ask me before you book anything. I prefer trains. \
    Use bullet points. Be gentle with me. I use a screen reader. Keep this between us. Ask clarifying questions first.";

const fn at(days: i64) -> Timestamp {
    Timestamp::from_unix_micros(0).plus_days(days)
}

fn id(number: u128) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(number))
}

fn unit(number: f64) -> Unit {
    Unit::new(number).unwrap()
}

fn support(strength: f64, confidence: f64, day: i64) -> Support {
    Support { strength: unit(strength), confidence: unit(confidence), reinforced_at: at(day) }
}

fn said(text: &str, categories: &[&str]) -> Vec<Constraint> {
    derive(&Source { categories, ..saying(text) }, id(10)).constraints
}

fn held(constraints: &[Constraint]) -> Vec<Held<'_>> {
    constraints
        .iter()
        .map(|constraint| Held { constraint, impact: id(10), support: support(1.0, 1.0, 90) })
        .collect()
}

fn cues(words: &[&str]) -> Vec<Cue> {
    words.iter().map(|word| Cue::parse(word).unwrap()).collect()
}

fn dormant(seed: u128, cues: &[Cue], strength: f64) -> Dormant<'_> {
    let activation = Activation::new(unit(0.3), 3_600).unwrap();
    Dormant { seed: id(seed), cues, activation, last_activated_at: None, support: support(strength, 1.0, 90) }
}

fn wanted(format: Format) -> Wanted<'static> {
    Wanted {
        purpose: Purpose::ChatResponse,
        format,
        max_tokens: None,
        include_events: true,
        cues: &[],
        raise_activation_by: Unit::ZERO,
        now: at(90),
    }
}

/// Everything, in one form.
fn whole(format: Format) -> Reconstruction {
    let constraints = said(SAID, &["trauma", "shame"]);
    let cues = cues(&["Lisbon", "train", "ex"]);
    let seeds = [dormant(20, &cues, 1.0)];
    let events =
        [1, 2].map(|day| EventReference { event: id(30 + day), occurred_at: at(day as i64), rank: 0 });
    let held = held(&constraints);
    reconstruct(&Material { constraints: &held, seeds: &seeds, events: &events }, &wanted(format))
}

#[test]
fn as_text() {
    let Context::Text(text) = whole(Format::Text).context else { panic!("text was asked for") };
    insta::assert_snapshot!(text);
}

#[test]
fn as_json() {
    let Context::Json(object) = whole(Format::Json).context else { panic!("JSON was asked for") };
    insta::assert_snapshot!(serde_json::to_string_pretty(&object).unwrap());
}

#[test]
fn as_messages() {
    let Context::Messages(messages) = whole(Format::Messages).context else {
        panic!("messages were asked for")
    };
    let shown: Vec<_> =
        messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
}

#[test]
fn where_it_comes_from_is_said() {
    let whole = whole(Format::Text);
    assert_eq!(whole.sources.impacts, [id(10)]);
    assert_eq!(whole.sources.seeds, [id(20)]);
    assert_eq!(whole.sources.events, [id(31), id(32)]);
    assert_eq!(whole.left_out, Default::default());
}

#[test]
fn nothing_is_nothing_in_every_form() {
    let nothing = Material { constraints: &[], seeds: &[], events: &[] };
    for (format, context) in [
        (Format::Text, Context::Text(String::new())),
        (Format::Json, Context::Json(json!({}))),
        (Format::Messages, Context::Messages(Vec::new())),
    ] {
        let empty = reconstruct(&nothing, &Wanted { max_tokens: Some(0), ..wanted(format) });
        assert_eq!((empty.context, empty.confidence, empty.token_estimate), (context, 0.0, 0));
    }
}

#[track_caller]
fn check_confidence(supports: &[(f64, f64, i64)], expected: f64) {
    let constraints = said("Please don't mention Tom. Please don't mention Jerry.", &[]);
    let held: Vec<Held<'_>> = constraints
        .iter()
        .zip(supports)
        .map(|(constraint, (strength, confidence, day))| Held {
            constraint,
            impact: id(10),
            support: support(*strength, *confidence, *day),
        })
        .collect();
    let material = Material { constraints: &held, seeds: &[], events: &[] };
    assert_eq!(reconstruct(&material, &wanted(Format::Text)).confidence.to_bits(), expected.to_bits());
}

/// What an explicit `avoid` says is 0.9 sure: `docs/reconstruction.md` calculates the same.
#[test]
fn confidence_is_golden() {
    check_confidence(&[(1.0, 1.0, 90)], 0.9);
    check_confidence(&[(1.0, 1.0, 0)], 0.765);
    check_confidence(&[(0.5, 1.0, 90)], 0.585);
    check_confidence(&[(0.5, 0.8, 0)], 0.36);
    check_confidence(&[(1.0, 1.0, 90), (0.5, 0.8, 0)], 0.63);
    check_confidence(&[(0.0, 1.0, 90)], 0.27);
    check_confidence(&[(1.0, 0.0, 90)], 0.0);
    check_confidence(&[], 0.0);
}

#[track_caller]
fn check_sprouts(asked: &[&str], strength: f64, raised: f64, rested_seconds: Option<i64>, sprouts: bool) {
    let cues = cues(&["train station", "Lisbon"]);
    let now = at(90);
    let seed = Dormant {
        last_activated_at: rested_seconds.map(|seconds| now.plus_micros(-seconds * 1_000_000)),
        ..dormant(20, &cues, strength)
    };
    let wanted = Wanted { cues: asked, raise_activation_by: unit(raised), ..wanted(Format::Text) };
    let found = reconstruct(&Material { constraints: &[], seeds: &[seed], events: &[] }, &wanted);
    assert_eq!(!found.sources.seeds.is_empty(), sprouts, "{asked:?}");
}

#[test]
fn seeds_sprout_when_they_are_met_strong_and_rested() {
    check_sprouts(&["Lisbon"], 1.0, 0.0, None, true);
    check_sprouts(&["lisbon"], 0.3, 0.0, None, true);
    check_sprouts(&["lisbon"], 0.29, 0.0, None, false);
    check_sprouts(&["trains"], 1.0, 0.0, None, true);
    check_sprouts(&["trains"], 0.59, 0.0, None, false);
    check_sprouts(&["Porto"], 1.0, 0.0, None, false);
    check_sprouts(&["Porto", "lisbon"], 1.0, 0.0, None, true);
    check_sprouts(&[], 1.0, 0.0, None, true);
    check_sprouts(&["lisbon"], 0.4, 0.15, None, false);
    check_sprouts(&["lisbon"], 0.45, 0.15, None, true);
    check_sprouts(&["lisbon"], 1.0, 1.0, None, true);
    check_sprouts(&["lisbon"], 1.0, 0.0, Some(3_599), false);
    check_sprouts(&["lisbon"], 1.0, 0.0, Some(3_600), true);
}

#[test]
fn what_must_not_stand_in_a_prompt_does_not() {
    let body = derive(&Source { do_not_prompt_with: &["hospital"], ..saying("") }, id(10)).constraints;
    let asked = said("Please don't mention the hospital. Be gentle with me.", &[]);
    let all: Vec<Constraint> = body.into_iter().chain(asked).collect();
    let cues = cues(&["hospitals", "garden"]);
    let held = held(&all);
    let seeds = [dormant(20, &cues, 1.0)];
    let found =
        reconstruct(&Material { constraints: &held, seeds: &seeds, events: &[] }, &wanted(Format::Text));
    let Context::Text(text) = &found.context else { panic!("text was asked for") };
    assert!(!text.contains("hospital") && text.contains("garden"), "{text}");
    assert_eq!(found.left_out.withheld.len(), 2);
}

#[test]
fn a_topic_of_two_words_does_not_stand_in_a_prompt_word_by_word() {
    let body =
        derive(&Source { do_not_prompt_with: &["flickering light"], ..saying("") }, id(10)).constraints;
    let cues = cues(&["flickering", "lights", "light house", "ward"]);
    let held = held(&body);
    let seeds = [dormant(20, &cues, 1.0)];
    let found =
        reconstruct(&Material { constraints: &held, seeds: &seeds, events: &[] }, &wanted(Format::Text));
    let Context::Text(text) = &found.context else { panic!("text was asked for") };
    assert!(text.ends_with("- light house, ward\n"), "{text}");
}

#[test]
fn what_is_sensitive_is_not_told_unasked() {
    let cues = cues(&["shame"]);
    let told = |asked: &[&str], min_confidence: f64| {
        let activation = Activation::new(unit(min_confidence), 3_600).unwrap();
        let seeds = [Dormant { activation, ..dormant(20, &cues, 1.0) }];
        let wanted = Wanted { cues: asked, ..wanted(Format::Text) };
        let material = Material { constraints: &[], seeds: &seeds, events: &[] };
        !reconstruct(&material, &wanted).sources.seeds.is_empty()
    };
    assert!(told(&[], 0.5) && !told(&[], 0.51) && !told(&[], 0.8));
    assert!(told(&["shame"], 0.8));
}

#[test]
fn what_is_done_with_memories_is_no_models_business() {
    let all = said("This is off the record.", &[]);
    assert!(matches!(all[0].params, Params::Boundary { .. }));
    let held = held(&all);
    let found = reconstruct(&Material { constraints: &held, seeds: &[], events: &[] }, &wanted(Format::Text));
    assert_eq!(found.context, Context::Text(String::new()));
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Format::Text, Format::Json, Format::Messages])
}

/// The sentences of [`SAID`], some of them.
fn any_said() -> impl Strategy<Value = Vec<Constraint>> {
    let sentences: Vec<&str> = SAID.split_inclusive('.').collect();
    let all = sentences.len();
    (prop::sample::subsequence(sentences, 0..=all), prop::sample::subsequence(vec!["trauma", "shame"], 0..=2))
        .prop_map(|(sentences, categories)| said(&sentences.concat(), &categories))
}

/// The lines of a context, to compare what is told.
fn lines(context: &Context) -> Vec<String> {
    match context {
        Context::Text(text) => text.lines().map(str::to_owned).collect(),
        Context::Messages(messages) => {
            messages.iter().flat_map(|(_, content)| content.lines().map(str::to_owned)).collect()
        }
        Context::Json(object) => {
            let lists = ["constraints", "seeds", "events"].map(|name| object[name].as_array().cloned());
            lines_of(lists.into_iter().flatten().flatten())
        }
    }
}

fn lines_of(items: impl Iterator<Item = serde_json::Value>) -> Vec<String> {
    items.map(|item| item.to_string()).collect()
}

proptest! {
    #[test]
    fn the_budget_holds_and_takes_from_the_end(
        constraints in any_said(), format in any_format(), budget in 0usize..400, strengths in prop::collection::vec(0.0..=1.0f64, 3),
    ) {
        let cues = [cues(&["lisbon"]), cues(&["garden"]), cues(&["winter", "ex"])];
        let seeds: Vec<Dormant<'_>> =
            (20..).zip(cues.iter().zip(strengths)).map(|(id, (cues, strength))| dormant(id, cues, strength)).collect();
        let events = [1, 2].map(|day| EventReference { event: id(30 + day), occurred_at: at(day as i64), rank: 0 });
        let held = held(&constraints);
        let material = Material { constraints: &held, seeds: &seeds, events: &events };
        let some = reconstruct(&material, &Wanted { max_tokens: Some(budget), ..wanted(format) });
        let all = reconstruct(&material, &wanted(format));
        prop_assert!(some.token_estimate <= budget);
        let (some_lines, all_lines) = (lines(&some.context), lines(&all.context));
        prop_assert!(some_lines.iter().all(|line| all_lines.contains(line)));
        prop_assert!(all.token_estimate > budget || some == all);
        let told = some.sources.seeds.len() + some.left_out.seeds.len();
        prop_assert_eq!(told, all.sources.seeds.len());
        if !some.sources.events.is_empty() {
            prop_assert!(some.left_out.constraints.is_empty() && some.left_out.seeds.is_empty());
        }
        prop_assert!((0.0..=1.0).contains(&some.confidence));
    }

    #[test]
    fn order_does_not_matter(
        (constraints, shuffled) in any_said().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        format in any_format(),
    ) {
        let cues = [cues(&["lisbon"]), cues(&["garden"])];
        let seeds = [dormant(20, &cues[0], 1.0), dormant(21, &cues[1], 1.0)];
        let back = [seeds[1], seeds[0]];
        let events = [1, 2].map(|day| EventReference { event: id(30 + day), occurred_at: at(7), rank: 0 });
        let events_back = [events[1], events[0]];
        let (first, second) = (held(&constraints), held(&shuffled));
        let one = reconstruct(&Material { constraints: &first, seeds: &seeds, events: &events }, &wanted(format));
        let two = reconstruct(&Material { constraints: &second, seeds: &back, events: &events_back }, &wanted(format));
        prop_assert_eq!(one, two);
    }
}

#[test]
fn the_most_important_goes_first() {
    let constraints = said(SAID, &["trauma"]);
    let held = held(&constraints);
    let material = Material { constraints: &held, seeds: &[], events: &[] };
    let budget = Wanted { max_tokens: Some(70), ..wanted(Format::Text) };
    let found = reconstruct(&material, &budget);
    let Context::Text(text) = &found.context else { panic!("text was asked for") };
    assert!(text.contains("Take care") && !text.contains("They prefer"), "{text}");
    let of = |kind: Kind| constraints.iter().find(|c| c.kind() == kind).unwrap().constraint_id;
    assert_eq!(found.left_out.constraints.last(), Some(&of(Kind::Prefer)));
}
