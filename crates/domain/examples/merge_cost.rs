//! What a merge costs: `cargo run --release -p memoryscope-domain --example merge_cost`.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::Instant;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::preference::{Kind, Preference, Source, merge};
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

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
}

/// Merges `memories` memories of `each` likes, drawn from `likes`.
fn measure(name: &str, likes: &[String], memories: usize, each: usize) -> Result<(), Box<dyn Error>> {
    let mut chance = Chance(7);
    let mut built = Vec::new();
    for index in 0..memories {
        let some: Vec<Value> = (0..each)
            .filter_map(|turn| likes.get((index * each + turn) % likes.len()))
            .map(|like| json!(like))
            .collect();
        let value = json!({ "likes": some, "volume": chance.below(100) });
        let preference = Preference::new(Kind::Preferences, None, Source::UserSetting, value)
            .map_err(|faults| format!("{faults:?}"))?;
        let id = MemoryId::from_uuid(Uuid::from_u128(index as u128));
        built.push((Timestamp::from_unix_micros(i64::try_from(index)?), id, preference));
    }
    let mut best_ms = f64::INFINITY;
    let mut text = String::new();
    for _ in 0..5 {
        let started = Instant::now();
        let summary =
            merge(Kind::Preferences, built.iter().map(|(at, id, preference)| (*at, *id, preference)));
        best_ms = best_ms.min(started.elapsed().as_secs_f64() * 1000.0);
        text = summary.summary_text;
    }
    println!("{name}: {memories} memories, {} distinct: {best_ms:.1} ms ({text})", likes.len());
    Ok(())
}

const WORDS: &str = "the a of and to in with without for from on at by quiet loud warm cold early late morning \
    evening weekend summer winter coffee tea music books films hiking cycling cooking bread cheese garden city \
    mountain river train window light dark slow fast short long simple spicy sweet bitter fresh old new";

fn main() -> Result<(), Box<dyn Error>> {
    let mut chance = Chance(1);
    let alphabet = "abcdefghijklmnopqrstuvwxyz   ";
    let mixed: Vec<_> = (0..2000)
        .map(|_| {
            let length = 4 + chance.below(40);
            chance.text(alphabet, length)
        })
        .collect();
    let numbered: Vec<_> = (0..2000).map(|n| format!("my favourite thing {n}")).collect();
    let same_length: Vec<_> = (0..2000).map(|_| chance.text(alphabet, 20)).collect();
    let frame = "abcdefghij".repeat(20);
    let shuffled: Vec<_> = (0..2000).map(|_| chance.shuffled(&frame)).collect();
    let binary: Vec<_> = (0..2000).map(|_| chance.text("ab", 200)).collect();
    let many: Vec<_> = (0..100_000).map(|_| chance.text(alphabet, 20)).collect();
    measure("mixed lengths", &mixed, 10_000, 1)?;
    measure("same length", &same_length, 10_000, 1)?;
    measure("numbered", &numbered, 10_000, 1)?;
    measure("shuffled 200 characters", &shuffled, 10_000, 1)?;
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let sentences: Vec<_> = (0..2000)
        .map(|_| {
            let count = 20 + chance.below(10);
            (0..count)
                .filter_map(|_| words.get(chance.below(words.len())).copied())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    measure("sentences of 20 to 30 words", &sentences, 10_000, 1)?;
    measure("two letters, 200 characters", &binary, 10_000, 1)?;
    measure("many", &many, 1_000, 100)
}
