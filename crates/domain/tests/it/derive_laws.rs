//! Derivation beside its corpus: payloads, states, and what must hold for every event.

use std::collections::BTreeSet;

use memoryscope_domain::constraint::{Kind, Target};
use memoryscope_domain::derive::{Affect, Derived, RULES_SOURCE, Source, derive, derive_event, transform};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Category, Content, Distinct, Language, Level, Object, Temporal, TruthMode};
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use crate::derive_corpus::{given, saying};

fn impact() -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(2))
}

#[track_caller]
fn check(source: &Source<'_>, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|item| (*item).to_owned()).collect();
    assert_eq!(given(source), wanted);
}

const QUIET: Affect<'static> = Affect { valence: 0.0, arousal: 0.0, labels: &[], confidence: 1.0 };

#[test]
fn categories_give_without_a_text() {
    let bare = Source { text: None, ..saying("") };
    check(
        &Source { categories: &["trauma"], ..bare },
        &["safety trauma_informed consent", "tone gentle", "avoid class:graphic_detail"],
    );
    for category in ["shame", "moral_injury"] {
        check(
            &Source { categories: &[category], ..bare },
            &["tone non_judgemental", "avoid class:judgement_language"],
        );
    }
    check(&Source { categories: &["gardening"], ..bare }, &[]);
}

#[test]
fn payloads_and_affect_give() {
    let bare = Source { text: None, ..saying("") };
    let somatic = Source { do_not_prompt_with: &["Loud Noises", "the smell of wet paint"], ..bare };
    check(&somatic, &["avoid loud noises", "avoid wet paint"]);
    let all = derive(&somatic, impact()).constraints;
    assert!(all.iter().all(|constraint| constraint.target == Target::PromptContext));
    check(&Source { procedure_steps: 3, ..bare }, &["style numbered_steps"]);
    check(&Source { procedure_steps: 1, ..bare }, &[]);
    let feeling = |affect| Source { affect: Some(affect), ..bare };
    check(&feeling(Affect { labels: &["anxiety"], ..QUIET }), &["tone reassuring"]);
    check(&feeling(Affect { labels: &["anxiety"], confidence: 0.4, ..QUIET }), &[]);
    check(&feeling(Affect { valence: -0.8, arousal: 0.9, ..QUIET }), &["tone gentle"]);
    check(&feeling(Affect { valence: -0.8, arousal: 0.2, ..QUIET }), &[]);
}

#[test]
fn fiction_gives_tone_and_style_only() {
    let text = "Please don't mention my ex. Be gentle with me, and keep it short.";
    for truth_mode in [TruthMode::Counterfactual, TruthMode::Imagined] {
        let fiction = Source { truth_mode, categories: &["trauma", "shame"], ..saying(text) };
        check(&fiction, &["tone gentle", "style brief", "tone non_judgemental"]);
    }
}

#[test]
fn revoked_and_erased_give_nothing() {
    for state in [State::Revoked, State::Tombstoned] {
        let source = Source { state, categories: &["trauma"], ..saying("Be blunt.") };
        assert_eq!(derive(&source, impact()), Derived { constraints: Vec::new(), seed: None });
    }
}

#[test]
fn what_holds_for_now_expires() {
    let of = |text| derive(&saying(text), impact()).constraints.remove(0).expires_at;
    assert_eq!(of("Please don't mention work today."), Some(Timestamp::from_unix_micros(0).plus_days(1)));
    assert_eq!(of("Please don't mention work."), None);
}

#[test]
fn cues_are_names_and_key_terms() {
    let text = "We met Maria Lopez in Lisbon. The train to Lisbon was late, and the train was cold.";
    let seed = derive(&saying(text), impact()).seed.expect("there are cues");
    let cues: Vec<&str> = seed.cues.iter().map(|cue| cue.as_str()).collect();
    assert_eq!(cues, ["lisbon", "maria lopez", "train", "met", "late", "cold"]);
    assert_eq!((seed.activation.min_confidence.get(), seed.activation.cooldown_seconds()), (0.3, 3_600));
    let sealed = Source { state: State::Sealed, categories: &["trauma"], ..saying(text) };
    let seed = derive(&sealed, impact()).seed.expect("there are cues");
    assert_eq!(seed.cues.iter().map(|cue| cue.as_str()).collect::<Vec<_>>(), ["trauma"]);
    assert_eq!((seed.activation.min_confidence.get(), seed.activation.cooldown_seconds()), (0.8, 86_400));
    assert_eq!(derive(&saying("I am here."), impact()).seed, None);
    assert_eq!(
        derive(&Source { language: Some("de"), ..saying("Der Zug nach Lissabon") }, impact()).seed,
        None
    );
}

#[test]
fn ids_follow_from_the_impact_and_what_is_said() {
    let source = saying("Be blunt. Keep it short. Please don't mention Tom or Jerry.");
    let ids = |impact| -> Vec<_> {
        derive(&source, impact).constraints.iter().map(|constraint| constraint.constraint_id).collect()
    };
    let (first, other) = (ids(impact()), ids(MemoryId::from_uuid(Uuid::from_u128(3))));
    assert_eq!(first, ids(impact()));
    let all: BTreeSet<_> = first.iter().chain(&other).collect();
    assert_eq!(all.len(), 8);
    for constraint in derive(&source, impact()).constraints {
        assert_eq!(constraint.provenance.transform_id.as_ref(), Some(&transform().0));
        assert_eq!(constraint.provenance.version, Some(transform().1));
        assert_eq!(constraint.source_refs, [source.memory]);
    }
}

/// Sentences of the corpus' words and of the rules' own, so that rules do fire.
fn any_text() -> impl Strategy<Value = String> {
    let openings = [
        "please don't mention",
        "I prefer",
        "avoid",
        "I'm allergic to",
        "ask me before you",
        "call me",
        "my favourite",
        "stop talking about",
        "be",
        "we met",
        "she said",
        "keep it",
        "don't",
        "is off limits",
    ];
    let words = [
        "my",
        "old",
        "lake",
        "house",
        "summer",
        "Maria",
        "hospital",
        "brother's",
        "and",
        "or",
        ",",
        ".",
        "?",
        "of",
        "mother-in-law",
        "is",
        "the",
        "dog",
        "who",
        "bit",
        "me",
        "at",
        "school",
        "gentle",
        "short",
        "\"",
        "first",
    ];
    let opening = prop::sample::select(openings.to_vec());
    let word = prop::sample::select(words.to_vec());
    let clause = (opening, prop::collection::vec(word, 0..12))
        .prop_map(|(opening, words)| format!("{opening} {}", words.join(" ")));
    prop::collection::vec(clause, 0..5).prop_map(|clauses| clauses.join(" "))
}

fn any_categories() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["trauma", "shame", "grief", "gardening", "self_harm"], 0..5)
}

/// The words of a text as a reader would count them.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Everything that can be read in what was derived.
fn texts(derived: &Derived) -> Vec<String> {
    let cues = derived.seed.iter().flat_map(|seed| seed.cues.iter().map(|cue| cue.spaced()));
    derived.constraints.iter().flat_map(|constraint| constraint.texts()).chain(cues).collect()
}

proptest! {
    #[test]
    fn no_sentence_is_carried_over(text in any_text(), categories in any_categories()) {
        let source = Source { categories: &categories, ..saying(&text) };
        let derived = derive(&source, impact());
        let said = words(&text);
        for derived in texts(&derived) {
            let derived = words(&derived);
            for run in derived.windows(4) {
                prop_assert!(!said.windows(4).any(|words| words == run), "{run:?} of {text:?}");
            }
        }
    }

    #[test]
    fn any_text_is_read_to_its_end(text in "\\PC{0,200}") {
        let derived = derive(&saying(&text), impact());
        prop_assert_eq!(&derived, &derive(&saying(&text), impact()));
    }

    /// Stronger than that no word of it shows: nothing but the categories can have been looked at.
    #[test]
    fn a_sealed_event_gives_what_its_categories_give(
        text in any_text(), categories in any_categories(), is_critical: bool,
    ) {
        let sealed = Source {
            state: State::Sealed,
            categories: &categories,
            level: if is_critical { Level::Critical } else { Level::Low },
            affect: Some(Affect { labels: &["anxiety"], valence: -1.0, arousal: 1.0, confidence: 1.0 }),
            do_not_prompt_with: &["the lake house"],
            procedure_steps: 4,
            ..saying(&text)
        };
        let bare = Source {
            text: None, affect: None, do_not_prompt_with: &[], procedure_steps: 0, level: Level::Low, ..sealed
        };
        let derived = derive(&sealed, impact());
        prop_assert_eq!(&derived, &derive(&bare, impact()));
        for cue in derived.seed.iter().flat_map(|seed| &seed.cues) {
            prop_assert!(categories.contains(&cue.as_str()));
        }
    }

    #[test]
    fn fiction_never_gives_more_than_manner(text in any_text(), categories in any_categories()) {
        let source = Source { truth_mode: TruthMode::Imagined, categories: &categories, ..saying(&text) };
        let kinds: Vec<Kind> = derive(&source, impact()).constraints.iter().map(|c| c.kind()).collect();
        prop_assert!(kinds.iter().all(|kind| matches!(kind, Kind::Tone | Kind::Style)));
    }
}

#[test]
fn a_long_text_gives_a_bounded_number() {
    let text: String = (0..400).map(|n| format!("Please don't mention topic{n}. ")).collect();
    let derived = derive(&saying(&text), impact());
    assert_eq!(derived.constraints.len(), memoryscope_domain::limits::DERIVED_CONSTRAINTS_MAX);
    assert_eq!(derived.seed.map(|seed| seed.cues.len()), Some(12));
    assert!(RULES_SOURCE.contains("cues_max: 12"));
}

#[test]
fn an_event_as_it_is_kept_gives_the_same() {
    let mut event = Object::new(TruthMode::FactualClaim, Temporal::observed(Timestamp::from_unix_micros(0)));
    event.content = Content::text(Language::parse("en").expect("a tag"), "Be blunt. We met in Lisbon.").ok();
    let of = |event: &Object, state| {
        derive_event(event, saying("").memory, state, Timestamp::from_unix_micros(0), impact())
    };
    assert_eq!(of(&event, State::Active), derive(&saying("Be blunt. We met in Lisbon."), impact()));
    event.content = Content::text(Language::parse("de").expect("a tag"), "Be blunt. We met in Lisbon.").ok();
    assert_eq!(of(&event, State::Active), derive(&Source { text: None, ..saying("") }, impact()));
    let categories = vec![Category::parse("Trauma").expect("a category")];
    event.sensitivity.categories = Distinct::new(categories).expect("one category");
    event.sensitivity.level = Level::Critical;
    let sealed = Source { state: State::Sealed, categories: &["trauma"], ..saying("") };
    assert_eq!(of(&event, State::Sealed), derive(&sealed, impact()));
}
