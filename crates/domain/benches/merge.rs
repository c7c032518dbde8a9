//! What a merge costs: `cargo bench -p memoryscope-domain --bench merge`.

use divan::Bencher;
use divan::counter::ItemsCount;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::preference::{Kind, Preference, Source, merge};
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// Different likes of a person.
const DISTINCT: usize = 2_000;
/// Memories of a person, of one like each.
const MEMORIES: usize = 10_000;

fn main() {
    divan::main();
}

/// Numbers that look random and are the same each time.
struct Chance(u32);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % end
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).filter_map(|_| letters.get(self.below(letters.len()))).collect()
    }

    fn shuffled(&mut self, text: &str) -> String {
        let mut text: Vec<char> = text.chars().collect();
        for place in (1..text.len()).rev() {
            let with = self.below(place + 1);
            text.swap(place, with);
        }
        text.into_iter().collect()
    }

    fn sentence(&mut self, words: &[&str]) -> String {
        let count = 20 + self.below(10);
        let chosen = (0..count).filter_map(|_| words.get(self.below(words.len())).copied());
        chosen.collect::<Vec<_>>().join(" ")
    }
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz   ";
const WORDS: &str = "the a of and to in with without for from on at by quiet loud warm cold early late morning \
    evening weekend summer winter coffee tea music books films hiking cycling cooking bread cheese garden city \
    mountain river train window light dark slow fast short long simple spicy sweet bitter fresh old new";

/// What likes look like: it decides how many of them must be compared, and how far.
#[derive(Debug, Clone, Copy)]
enum Likes {
    MixedLengths,
    SameLength,
    Numbered,
    Shuffled200Characters,
    Sentences,
    TwoLetters200Characters,
}

const ALL: [Likes; 6] = [
    Likes::MixedLengths,
    Likes::SameLength,
    Likes::Numbered,
    Likes::Shuffled200Characters,
    Likes::Sentences,
    Likes::TwoLetters200Characters,
];

impl Likes {
    fn make(self, count: usize) -> Vec<String> {
        let mut chance = Chance(1);
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let frame = "abcdefghij".repeat(20);
        let one = |number| match self {
            Self::MixedLengths => {
                let length = 4 + chance.below(40);
                chance.text(LETTERS, length)
            }
            Self::SameLength => chance.text(LETTERS, 20),
            Self::Numbered => format!("my favourite thing {number}"),
            Self::Shuffled200Characters => chance.shuffled(&frame),
            Self::Sentences => chance.sentence(&words),
            Self::TwoLetters200Characters => chance.text("ab", 200),
        };
        (0..count).map(one).collect()
    }
}

/// `memories` memories of `each` likes, which are taken in turn.
fn memories(likes: &[String], memories: usize, each: usize) -> Vec<(Timestamp, MemoryId, Preference)> {
    let mut chance = Chance(7);
    let one = |index: usize| {
        let some: Vec<&String> = (0..each).map(|turn| &likes[(index * each + turn) % likes.len()]).collect();
        let value: Value = json!({ "likes": some, "volume": chance.below(100) });
        let preference = Preference::new(Kind::Preferences, None, Source::UserSetting, value).expect("fits");
        let id = MemoryId::from_uuid(Uuid::from_u128(index as u128));
        (Timestamp::from_unix_micros(index as i64), id, preference)
    };
    (0..memories).map(one).collect()
}

fn bench(bencher: Bencher<'_, '_>, built: &[(Timestamp, MemoryId, Preference)]) {
    bencher.counter(ItemsCount::new(built.len())).bench_local(|| {
        merge(Kind::Preferences, built.iter().map(|(at, id, preference)| (*at, *id, preference)))
    });
}

/// 10,000 memories with 2,000 different likes.
#[divan::bench(args = ALL, sample_count = 10)]
fn ten_thousand_memories(bencher: Bencher<'_, '_>, likes: Likes) {
    bench(bencher, &memories(&likes.make(DISTINCT), MEMORIES, 1));
}

/// 1,000 memories of 100 likes each, all of them different: comparing ends at its bound.
#[divan::bench(sample_count = 10)]
fn a_hundred_thousand_likes(bencher: Bencher<'_, '_>) {
    bench(bencher, &memories(&Likes::SameLength.make(100_000), 1_000, 100));
}
