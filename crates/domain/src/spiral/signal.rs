//! What is measured of a run of events, in whole thousandths.

use std::collections::BTreeSet;

use super::event::Event;
use super::lexicon::Lexicon;
use super::phrase;
use crate::object::TruthMode;
use crate::time::Timestamp;

/// The signals that are not about lists of words, in the order of [`measure`].
pub(super) const STRUCTURAL: [&str; 8] = [
    "repetition",
    "counterfactual_mode",
    "factual_mode",
    "low_affect",
    "high_affect",
    "falling_affect",
    "rising_arousal",
    "acceleration",
];

/// What a signal is worth, 0 to 1000; none where it cannot be measured.
pub(super) type Value = Option<i64>;

/// An event with what the lexicon finds in it.
#[derive(Debug)]
pub(super) struct Marked {
    at: Timestamp,
    is_counterfactual: bool,
    is_factual: bool,
    /// What it is about; none where its text is not looked at.
    content: Option<BTreeSet<String>>,
    /// By list: whether the event carries it. None where nothing can be said: no text, and no category of any list.
    carries: Option<Vec<bool>>,
    valence: Value,
    arousal: Value,
}

impl Marked {
    pub(super) fn new(lexicon: &Lexicon, event: &Event<'_>) -> Self {
        // What is told of others, taught or made up is not what somebody thinks of themselves.
        let is_own = !matches!(
            event.truth_mode,
            TruthMode::Imagined | TruthMode::SociallySourced | TruthMode::Procedural
        );
        let sentences = event.text.filter(|_| is_own).map(|text| phrase::words(text, &lexicon.spellings));
        let mut carries = lexicon.carried_by_categories(&event.categories);
        let is_categorised = carries.contains(&true);
        if let Some(sentences) = &sentences {
            lexicon.add_carried_by_text(sentences, &mut carries);
        }
        let is_heard = is_categorised || sentences.is_some();
        Self {
            at: event.at,
            is_counterfactual: matches!(event.truth_mode, TruthMode::Counterfactual | TruthMode::Imagined),
            is_factual: event.truth_mode == TruthMode::FactualClaim,
            content: sentences.map(|sentences| phrase::content(&sentences, &lexicon.stopwords)),
            carries: is_heard.then_some(carries),
            valence: event.feeling.map(|(valence, _)| thousandths(valence)),
            arousal: event.feeling.map(|(_, arousal)| thousandths(arousal)),
        }
    }
}

fn thousandths(number: f64) -> i64 {
    // At most a thousand either way: exact.
    libm::round(number * 1000.0) as i64
}

/// Measures a run: [`STRUCTURAL`], then each list's share and its rise.
pub(super) fn measure(lexicon: &Lexicon, run: &[Marked]) -> Vec<Value> {
    let valences: Vec<i64> = run.iter().filter_map(|event| event.valence).collect();
    let arousals: Vec<i64> = run.iter().filter_map(|event| event.arousal).collect();
    let mut values = vec![
        repetition(run),
        share(run.iter().map(|event| event.is_counterfactual)),
        share(run.iter().map(|event| event.is_factual)),
        mean(&valences).map(|mean| (-mean).max(0)),
        mean(&valences).map(|mean| mean.max(0)),
        rise(&valences).map(|rise| (-rise).max(0)),
        rise(&arousals).map(|rise| rise.max(0)),
        acceleration(run),
    ];
    for list in 0..lexicon.lists_count() {
        let carried: Vec<bool> =
            run.iter().filter_map(|event| event.carries.as_ref()).map(|carries| carries[list]).collect();
        let numbers: Vec<i64> = carried.iter().map(|&is_carried| if is_carried { 1000 } else { 0 }).collect();
        values.push(share(carried.into_iter()).map(|share| lexicon.filled(share)));
        values.push(rise(&numbers).map(|rise| rise.max(0)));
    }
    values
}

/// How much of each event was said before, in whichever earlier event of the run has most of it.
fn repetition(run: &[Marked]) -> Value {
    let contents: Vec<&BTreeSet<String>> =
        run.iter().filter_map(|event| event.content.as_ref()).filter(|content| !content.is_empty()).collect();
    let overlaps: Vec<i64> = (1..contents.len())
        .map(|at| contents[..at].iter().map(|earlier| overlap(earlier, contents[at])).max().unwrap_or(0))
        .collect();
    mean(&overlaps)
}

/// The part of the smaller set that is in the larger one.
fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> i64 {
    let smaller = i64::try_from(a.len().min(b.len())).unwrap_or(i64::MAX).max(1);
    let common = i64::try_from(a.intersection(b).count()).unwrap_or(0);
    common * 1000 / smaller
}

fn share(flags: impl Iterator<Item = bool>) -> Value {
    let numbers: Vec<i64> = flags.map(|flag| if flag { 1000 } else { 0 }).collect();
    mean(&numbers)
}

fn mean(numbers: &[i64]) -> Value {
    let count = i64::try_from(numbers.len()).ok().filter(|&count| count > 0)?;
    Some(numbers.iter().sum::<i64>() / count)
}

/// By how much the second half lies above the first; the middle one of an odd number is in neither.
fn rise(numbers: &[i64]) -> Value {
    let half = numbers.len() / 2;
    Some(mean(&numbers[numbers.len() - half..])? - mean(&numbers[..half])?)
}

/// How much shorter the pauses become: 0 where they do not, towards 1000 where hardly any is left.
fn acceleration(run: &[Marked]) -> Value {
    let gaps: Vec<i64> = run.windows(2).map(|pair| pair[1].at.micros_since(pair[0].at).max(0)).collect();
    let half = gaps.len() / 2;
    let (early, late) = (mean(&gaps[..half])?, mean(&gaps[gaps.len() - half..])?);
    // A window is a day: a thousand times that is far from the end of what can be represented.
    Some(if early > 0 { (early - late).max(0) * 1000 / early } else { 0 })
}
