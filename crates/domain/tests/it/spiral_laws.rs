//! What holds of detection whatever the events: order, bounds, and what is not looked at.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::ids::{MemoryId, TenantId};
use memoryscope_domain::memory::{Body, Memory, State};
use memoryscope_domain::object::{
    Affect, Category, Content, Distinct, Feeling, Language, Object, Temporal, TruthMode, Unit, Valence,
};
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::spiral::{
    Event, Finding, LEXICON_SOURCE, Lexicon, WINDOW_EVENTS_MAX, WINDOW_MINUTES_MAX, detect,
};
use memoryscope_domain::time::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use crate::spiral_eval::{Line, Window, half};

fn found(events: &[Event<'_>]) -> Option<Finding> {
    detect(Lexicon::builtin(), events)
}

/// A window of the corpus, whose events may come from others too.
fn any_window() -> impl Strategy<Value = Window> {
    let windows: Vec<Window> = half("tuning");
    let lines: Vec<Line> = windows.iter().flat_map(|window| window.lines.clone()).collect();
    let whole = proptest::sample::select(windows);
    let mixed = proptest::collection::vec(proptest::sample::select(lines), 0..30)
        .prop_map(|lines| Window { label: String::new(), lines });
    prop_oneof![whole, mixed]
}

fn any_mode() -> impl Strategy<Value = TruthMode> {
    proptest::sample::select(TruthMode::ALL.to_vec())
}

/// An event as it is kept.
fn kept(number: usize, text: &str, state: State, line: &Line, categories: &[String]) -> Memory {
    let observed = Timestamp::from_unix_micros(0).plus_micros(line.minutes * 60_000_000);
    let mut event = Object::new(line.truth_mode, Temporal::observed(observed));
    event.content = Some(Content::text(Language::default(), text).unwrap());
    event.sensitivity.categories =
        Distinct::new(categories.iter().map(|category| Category::parse(category).unwrap()).collect())
            .unwrap();
    event.affect = line.feeling.map(|(valence, arousal)| Affect {
        feeling: Feeling {
            valence: Valence::new(valence).unwrap(),
            arousal: Unit::new(arousal).unwrap(),
            ..Feeling::default()
        },
        ..Affect::default()
    });
    let id = MemoryId::from_uuid(Uuid::from_u128(u128::try_from(number).unwrap() + 1));
    let scope = Scope::named(ScopeType::User, "ada").unwrap();
    let tenant = TenantId::default_tenant();
    Memory { state, ..Memory::new(id, tenant, scope, Body::Event(Box::new(event)), observed, None) }
}

fn events_of(memories: &[Memory]) -> Vec<Event<'_>> {
    memories.iter().filter_map(|memory| Event::of(memory, true)).collect()
}

proptest! {
    /// Whatever a sealed or restricted event says, and in whatever words, the finding is the same.
    #[test]
    fn the_text_of_what_is_not_active_changes_nothing(
        window in any_window(),
        others in any_window(),
        sealed in proptest::collection::vec(any::<bool>(), 30),
        is_restricted in any::<bool>(),
        categories in proptest::sample::subsequence(vec!["shame".to_owned(), "rumination".to_owned(), "despair".to_owned()], 0..=3),
    ) {
        let hidden = if is_restricted { State::Restricted } else { State::Sealed };
        let memories = |said: &dyn Fn(usize) -> String| -> Vec<Memory> {
            window.lines.iter().enumerate().map(|(at, line)| {
                let state = if sealed[at] { hidden } else { State::Active };
                let text = if sealed[at] { said(at) } else { line.text.clone() };
                kept(at, &text, state, line, &categories)
            }).collect()
        };
        let as_written = memories(&|at| window.lines[at].text.clone());
        let otherwise = memories(&|at| others.lines.get(at).map_or_else(|| "x".to_owned(), |line| line.text.clone()));
        prop_assert_eq!(found(&events_of(&as_written)), found(&events_of(&otherwise)));
    }

    /// What the caller may not see is not looked at either.
    #[test]
    fn the_text_of_what_is_hidden_changes_nothing(window in any_window(), text in ".{1,40}") {
        let written: Vec<Memory> =
            window.lines.iter().enumerate().map(|(at, line)| kept(at, &line.text, State::Active, line, &[])).collect();
        prop_assume!(Content::text(Language::default(), &text).is_ok());
        let otherwise: Vec<Memory> =
            window.lines.iter().enumerate().map(|(at, line)| kept(at, &text, State::Active, line, &[])).collect();
        let hidden = |memories: &[Memory]| {
            let events: Vec<Event<'_>> = memories.iter().filter_map(|memory| Event::of(memory, false)).collect();
            found(&events)
        };
        prop_assert_eq!(hidden(&written), hidden(&otherwise));
    }

    #[test]
    fn a_finding_keeps_its_bounds_in_whatever_order(window in any_window(), mode in any_mode(), seed in any::<u64>()) {
        let mut window = window;
        if seed % 3 == 0 {
            window.lines.iter_mut().for_each(|line| line.truth_mode = mode);
        }
        let events = window.events();
        let finding = found(&events);
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|event| event.memory.uuid().as_u128().wrapping_mul(u128::from(seed | 1)));
        prop_assert_eq!(&finding, &found(&shuffled));
        if let Some(finding) = finding {
            prop_assert!((3..=WINDOW_EVENTS_MAX).contains(&finding.window_events));
            prop_assert_eq!(finding.window_events, finding.references.len());
            prop_assert!((0..=WINDOW_MINUTES_MAX).contains(&finding.window_minutes));
            prop_assert!((0.0..=1.0).contains(&finding.confidence.get()));
            prop_assert!(!finding.signals.is_empty() && finding.signals.is_sorted());
            // Names of the lexicon, never words of an event.
            for signal in &finding.signals {
                let name = signal.strip_suffix("_rising").unwrap_or(signal);
                prop_assert!(LEXICON_SOURCE.contains(&format!("{name}:")), "{}", signal);
            }
        }
    }
}

#[test]
fn categories_stand_for_what_is_sealed() {
    let line = |minutes, valence| Line {
        minutes,
        truth_mode: TruthMode::SubjectiveExperience,
        feeling: Some((valence, 0.5)),
        text: "x".to_owned(),
    };
    let sealed = |category: &str| -> Vec<Memory> {
        let lines = [line(0, -0.5), line(30, -0.7), line(40, -0.9)];
        let categories = [category.to_owned()];
        lines.iter().enumerate().map(|(at, line)| kept(at, "x", State::Sealed, line, &categories)).collect()
    };
    let despair = sealed("despair");
    assert_eq!(found(&events_of(&despair)).unwrap().pattern.name(), "future_collapse");
    assert_eq!(found(&events_of(&sealed("gardening"))), None);
}

#[test]
fn what_is_older_than_a_day_does_not_count() {
    let windows = half("tuning");
    let window = windows.iter().find(|window| window.label == "future_collapse").unwrap();
    assert!(window.finding(Lexicon::builtin()).is_some());
    let mut apart = window.clone();
    for (at, line) in apart.lines.iter_mut().enumerate() {
        line.minutes = i64::try_from(at).unwrap() * (WINDOW_MINUTES_MAX + 1);
    }
    assert_eq!(apart.finding(Lexicon::builtin()), None);
}

#[test]
fn another_lexicon_finds_other_words() {
    let source = "{events_min: 2, full_share: 500, lists: {gloom: {phrases: [grau in grau]}}, patterns: {rumination: \
                  {threshold: 500, at_least: {gloom: 500}, weights: {gloom: 10}}}}";
    let lexicon = Lexicon::parse(source).unwrap();
    let window = |text: &str| Window {
        label: String::new(),
        lines: (0..2).map(|minute| Line::parse(&format!("{minute} -0.5 | {text}"))).collect(),
    };
    assert_eq!(window("Alles grau in grau.").finding(&lexicon).unwrap().signals, ["gloom"]);
    assert_eq!(window("Alles blau.").finding(&lexicon), None);
}
