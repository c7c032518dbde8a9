//! Which sentences stand for the others.

use std::collections::BTreeMap;

use super::{Turn, cues, sentences, topics};
use crate::items::MessageRole;
use crate::limits;
use crate::words::{Side, each_term};

/// How much of a sentence's centrality it has from its neighbours; the rest everyone has (as in PageRank).
const DAMPING: f64 = 0.85;
/// Rounds after which centralities hardly change any more.
const ROUNDS: usize = 30;
/// Sentences that are compared with each other at once.
const COMPARED_MAX: usize = 300;
/// How alike two sentences may be, by the cosine of their words, for both to be in one summary.
const ALIKE_MAX: f64 = 0.6;
/// Who is sent on from a block of a long conversation.
const SENT_ON: usize = 60;

/// A sentence of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Sentence<'a> {
    pub(super) text: &'a str,
    role: MessageRole,
    /// Which turn it is of, from 0, and whether it is that turn's first.
    turn: usize,
    is_first: bool,
    terms: Vec<String>,
}

impl<'a> Sentence<'a> {
    pub(super) fn of_turn((at, turn): (usize, &Turn<'a>)) -> Vec<Self> {
        let sentence = |(place, text): (usize, &'a str)| Self {
            text,
            role: turn.role,
            turn: at,
            is_first: place == 0,
            terms: terms_of(text),
        };
        sentences::split(turn.text).into_iter().enumerate().map(sentence).collect()
    }

    /// How much it is worth by itself: very short ones say nothing without others, questions are answered by something else, and
    /// what names numbers, says what was decided or begins a conversation is what people keep.
    fn weight(&self) -> f64 {
        let telling = self.terms.iter().filter(|term| !topics::is_idle(term)).count();
        let length = match telling {
            0 => 0.0,
            1 => 0.25,
            2 => 0.6,
            3..=30 => 1.0,
            _ => 0.6,
        };
        let question = if self.text.ends_with(['?', '？']) { 0.4 } else { 1.0 };
        let numbers = if self.text.bytes().any(|byte| byte.is_ascii_digit()) { 1.25 } else { 1.0 };
        let cues = if cues::is_decision(self.text) { 1.4 } else { 1.0 };
        let place = if self.turn == 0 && self.is_first { 1.3 } else { 1.0 };
        // What the user says of themself is what a memory is for.
        let role = if self.role == MessageRole::User { 1.15 } else { 1.0 };
        length * question * numbers * cues * place * role
    }
}

/// A text's terms, each as often as it stands there.
pub(super) fn terms_of(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    each_term(text, Side::Asked, &mut |term| terms.push(term.to_owned()));
    terms
}

/// The places of the sentences that stand for all of them, in order: joined by single characters they have at most that many
/// bytes. None where none is short enough.
pub(super) fn choose(all: &[Sentence<'_>], bytes_max: usize) -> Vec<usize> {
    let may_stand =
        |at: &usize| all.get(*at).is_some_and(|one| one.text.len() <= limits::SUMMARY_SENTENCE_BYTES);
    let mut among: Vec<usize> = (0..all.len()).filter(may_stand).collect();
    // Of a long conversation the best of each part come together, so that the work grows with its length alone.
    while among.len() > COMPARED_MAX {
        let blocks = among.chunks(COMPARED_MAX);
        among = blocks.flat_map(|block| best(all, block, SENT_ON.min(block.len()))).collect();
    }
    let ranking = Ranking::of(all, &among);
    let mut chosen: Vec<usize> = Vec::new();
    let mut bytes = 0;
    for place in ranking.order() {
        let Some(text) = among.get(place).and_then(|at| all.get(*at)).map(|one| one.text) else { continue };
        let with = bytes + text.len() + usize::from(!chosen.is_empty());
        let is_new = chosen.iter().all(|other| ranking.alike(place, *other) <= ALIKE_MAX);
        if ranking.score(place) > 0.0 && with <= bytes_max && is_new {
            bytes = with;
            chosen.push(place);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().filter_map(|place| among.get(place).copied()).collect()
}

/// The best of some, in order.
fn best(all: &[Sentence<'_>], among: &[usize], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = Ranking::of(all, among).order().into_iter().take(count).collect();
    places.sort_unstable();
    places.into_iter().filter_map(|place| among.get(place).copied()).collect()
}

/// How well each of some sentences stands for the others.
struct Ranking {
    scores: Vec<f64>,
    alike: Vec<f64>,
}

impl Ranking {
    fn of(all: &[Sentence<'_>], among: &[usize]) -> Self {
        let some: Vec<&Sentence<'_>> = among.iter().filter_map(|at| all.get(*at)).collect();
        let alike = cosines(&some);
        let central = centralities(&alike, some.len());
        let most = central.iter().copied().fold(0.0, f64::max);
        let relative = |central: f64| if most > 0.0 { central / most } else { 1.0 };
        let scores =
            some.iter().zip(&central).map(|(one, central)| relative(*central) * one.weight()).collect();
        Self { scores, alike }
    }

    fn score(&self, place: usize) -> f64 {
        self.scores.get(place).copied().unwrap_or_default()
    }

    fn alike(&self, a: usize, b: usize) -> f64 {
        self.alike.get(a * self.scores.len() + b).copied().unwrap_or_default()
    }

    /// The best first; of equals the later one, which knows more.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|a, b| self.score(*b).total_cmp(&self.score(*a)).then(b.cmp(a)));
        order
    }
}

/// The cosine of every two sentences' words, which count by how seldom they are; row by row.
fn cosines(some: &[&Sentence<'_>]) -> Vec<f64> {
    let count = some.len();
    let mut standing: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for (place, sentence) in some.iter().enumerate() {
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        sentence.terms.iter().for_each(|term| *counts.entry(term).or_default() += 1.0);
        for (term, times) in counts {
            standing.entry(term).or_default().push((place, times));
        }
    }
    let mut lengths = vec![0.0; count];
    for places in standing.values_mut() {
        let rarity = libm::log(1.0 + count as f64 / places.len() as f64);
        for (place, times) in places.iter_mut() {
            *times *= rarity;
            if let Some(length) = lengths.get_mut(*place) {
                *length += *times * *times;
            }
        }
    }
    let mut alike = vec![0.0; count * count];
    for places in standing.values() {
        for (a, x) in places {
            for (b, y) in places {
                if let Some(cell) = alike.get_mut(a * count + b) {
                    *cell += x * y;
                }
            }
        }
    }
    let length = |place: usize| lengths.get(place).copied().unwrap_or_default().sqrt();
    for (at, cell) in alike.iter_mut().enumerate() {
        if *cell > 0.0 {
            *cell /= length(at / count) * length(at % count);
        }
    }
    alike
}

/// How central each is: where a reader would be most often who goes from sentence to sentence, the more likely the more alike
/// they are.
fn centralities(alike: &[f64], count: usize) -> Vec<f64> {
    if count == 0 {
        return Vec::new();
    }
    let even = 1.0 / count as f64;
    let sums: Vec<f64> = alike.chunks(count).map(|row| row.iter().sum()).collect();
    let mut now = vec![even; count];
    for _ in 0..ROUNDS {
        let mut next = vec![(1.0 - DAMPING) * even; count];
        for ((row, sum), here) in alike.chunks(count).zip(&sums).zip(&now) {
            for (there, cell) in next.iter_mut().zip(row) {
                let share = if *sum > 0.0 { cell / sum } else { even };
                *there += DAMPING * here * share;
            }
        }
        now = next;
    }
    now
}
