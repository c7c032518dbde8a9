//! Texts that are made up, the same for the same seed: of some topic, among words as frequent as words are.
//!
//! A topic is told in some words and asked about in others, so what only means the same is found by meaning alone.

use crate::chance::Chance;

/// Words of each text, at least and at most.
const WORDS: (usize, usize) = (8, 40);
/// Words of no topic: the n-th is about 1/n as frequent as the first.
const VOCABULARY: usize = 20_000;
/// The most frequent of them; none is in a topic, and none a stop word. The others are made of syllables.
const COMMON: [&str; 40] = [
    "today", "really", "new", "people", "good", "week", "morning", "place", "friend", "time", "little",
    "long", "year", "small", "evening", "great", "talk", "early", "whole", "side", "open", "later", "nice",
    "quick", "left", "happy", "quiet", "half", "busy", "bright", "corner", "simple", "second", "usual",
    "plan", "turn", "letter", "answer", "question", "reason",
];
const CONSONANTS: [char; 14] = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'];
const VOWELS: [char; 4] = ['a', 'i', 'o', 'u'];
/// Vowels of the last syllable: no stem ends otherwise than its word.
const LAST_VOWELS: [char; 3] = ['a', 'o', 'u'];

/// What is talked about: the words in which it is told, the most frequent first, and those in which it is asked about.
struct Topic {
    told: [&'static str; 10],
    asked: [&'static str; 4],
}

const TOPICS: [Topic; 12] = [
    Topic {
        told: [
            "flight", "airport", "luggage", "boarding", "gate", "runway", "pilot", "layover", "terminal",
            "takeoff",
        ],
        asked: ["journey", "plane", "suitcase", "departure"],
    },
    Topic {
        told: ["soup", "onion", "oven", "recipe", "garlic", "pan", "dinner", "spice", "dough", "butter"],
        asked: ["cooking", "meal", "kitchen", "ingredients"],
    },
    Topic {
        told: [
            "guitar",
            "song",
            "chord",
            "drums",
            "concert",
            "melody",
            "album",
            "singer",
            "piano",
            "rehearsal",
        ],
        asked: ["music", "band", "tune", "instrument"],
    },
    Topic {
        told: ["puppy", "leash", "bark", "kennel", "paws", "spaniel", "collar", "fetch", "terrier", "tail"],
        asked: ["dog", "pet", "canine", "animal"],
    },
    Topic {
        told: [
            "doctor",
            "fever",
            "clinic",
            "cough",
            "prescription",
            "nurse",
            "throat",
            "surgery",
            "bandage",
            "headache",
        ],
        asked: ["illness", "hospital", "medicine", "health"],
    },
    Topic {
        told: ["garden", "tulip", "soil", "seedling", "shovel", "rose", "weeds", "compost", "petal", "hedge"],
        asked: ["flowers", "planting", "lawn", "backyard"],
    },
    Topic {
        told: [
            "exam",
            "homework",
            "teacher",
            "classroom",
            "essay",
            "lecture",
            "semester",
            "grade",
            "pupil",
            "textbook",
        ],
        asked: ["school", "education", "student", "studying"],
    },
    Topic {
        told: [
            "snow", "frost", "blizzard", "icicle", "freezing", "sleet", "hail", "storm", "drizzle", "thunder",
        ],
        asked: ["weather", "winter", "cold", "climate"],
    },
    Topic {
        told: [
            "goal",
            "striker",
            "referee",
            "stadium",
            "penalty",
            "league",
            "midfield",
            "trophy",
            "kickoff",
            "goalkeeper",
        ],
        asked: ["football", "soccer", "sport", "championship"],
    },
    Topic {
        told: [
            "salary",
            "boss",
            "office",
            "deadline",
            "promotion",
            "colleague",
            "contract",
            "meeting",
            "resume",
            "overtime",
        ],
        asked: ["job", "career", "employment", "workplace"],
    },
    Topic {
        told: [
            "laptop", "keyboard", "software", "password", "browser", "download", "server", "screen",
            "compiler", "database",
        ],
        asked: ["computer", "programming", "internet", "technology"],
    },
    Topic {
        told: [
            "bride",
            "groom",
            "wedding",
            "vows",
            "bouquet",
            "honeymoon",
            "veil",
            "bridesmaid",
            "chapel",
            "fiance",
        ],
        asked: ["marriage", "couple", "ceremony", "spouse"],
    },
];

/// What a search is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The two rarest words of a text: few memories have them.
    Rare,
    /// Two words of a topic, and a common one.
    Topic,
    /// Three words that most memories of the store have one of.
    Frequent,
    /// Four words in which a topic is asked about, none of which is in any text.
    Meaning,
}

impl Kind {
    /// What can be found by words.
    pub const BY_WORDS: [Self; 3] = [Self::Rare, Self::Topic, Self::Frequent];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rare => "rare",
            Self::Topic => "topic",
            Self::Frequent => "frequent",
            Self::Meaning => "meaning",
        }
    }
}

/// All texts of a seed.
#[derive(Debug)]
pub(super) struct Texts {
    seed: u64,
    /// How often one of the first n + 1 words comes, each 1/(n + 1) as often as the first.
    of_vocabulary: Vec<u64>,
    of_topic: Vec<u64>,
}

/// Words with these weights, added up: the n-th has the n-th part of the first one's.
fn weights(words: usize) -> Vec<u64> {
    let mut sum = 0;
    let add = |rank| {
        sum += (1 << 40) / rank as u64;
        sum
    };
    (1..=words).map(add).collect()
}

/// Which word it is, by weights that are added up.
fn chosen(chance: &mut Chance, weights: &[u64]) -> usize {
    let all = weights.last().copied().unwrap_or(1);
    let at = chance.next() % all;
    weights.partition_point(|sum| *sum <= at)
}

/// The n-th of the words of no topic.
fn word(rank: usize) -> String {
    let Some(mut left) = rank.checked_sub(COMMON.len()) else { return COMMON[rank].to_owned() };
    let mut text = String::new();
    let mut syllable = |vowels: &[char]| {
        text.push(CONSONANTS[left % CONSONANTS.len()]);
        left /= CONSONANTS.len();
        text.push(vowels[left % vowels.len()]);
        left /= vowels.len();
    };
    syllable(&VOWELS);
    syllable(&VOWELS);
    syllable(&LAST_VOWELS);
    text
}

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, of_vocabulary: weights(VOCABULARY), of_topic: weights(TOPICS[0].told.len()) }
    }

    /// Chance that belongs to the n-th text, whichever texts were made before.
    fn chance(&self, n: u64) -> Chance {
        Chance(Chance(self.seed ^ n.wrapping_mul(0xD6E8_FEB8_6659_FD93)).next())
    }

    /// The topic of the n-th text, and its words: of the topic every other by chance.
    fn words(&self, n: u64) -> (&'static Topic, Vec<(Option<usize>, String)>) {
        let mut chance = self.chance(n);
        let topic = &TOPICS[chance.below(TOPICS.len())];
        let count = WORDS.0 + chance.below(WORDS.1 - WORDS.0 + 1);
        let next = |_| match chance.below(2) {
            0 => (None, topic.told[chosen(&mut chance, &self.of_topic)].to_owned()),
            _ => {
                let rank = chosen(&mut chance, &self.of_vocabulary);
                (Some(rank), word(rank))
            }
        };
        (topic, (0..count).map(next).collect())
    }

    /// The n-th text.
    pub(super) fn text(&self, n: u64) -> String {
        let words: Vec<String> = self.words(n).1.into_iter().map(|(_, word)| word).collect();
        words.join(" ")
    }

    /// What is asked of the n-th text.
    pub(super) fn query(&self, n: u64, kind: Kind) -> String {
        let (topic, words) = self.words(n);
        let mut chance = Chance(n);
        match kind {
            Kind::Rare => {
                let mut ranked: Vec<&(Option<usize>, String)> = words.iter().collect();
                ranked.sort_by(|a, b| b.cmp(a));
                ranked.dedup();
                let two: Vec<&str> = ranked.iter().take(2).map(|(_, word)| word.as_str()).collect();
                two.join(" ")
            }
            Kind::Topic => {
                let (one, other) = (chance.below(5), 5 + chance.below(5));
                format!("{} {} {}", topic.told[one], topic.told[other], chance.one(&COMMON[10..]))
            }
            Kind::Frequent => format!("{} {} {}", COMMON[0], COMMON[1 + chance.below(3)], topic.told[0]),
            Kind::Meaning => topic.asked.join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_texts() {
        let texts = Texts::new(7);
        assert_eq!(texts.text(3), Texts::new(7).text(3));
        assert_ne!(texts.text(3), texts.text(4));
        assert_ne!(texts.text(3), Texts::new(8).text(3));
        insta::assert_snapshot!((0..3).map(|n| texts.text(n)).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn texts_have_as_many_words_as_they_may() {
        let texts = Texts::new(1);
        let counts: BTreeSet<usize> = (0..2_000).map(|n| texts.text(n).split(' ').count()).collect();
        assert_eq!(counts, (WORDS.0..=WORDS.1).collect());
    }

    #[test]
    fn words_are_as_frequent_as_their_rank_says() {
        let (texts, mut chance, mut counts) = (Texts::new(1), Chance(1), [0_u32; 4]);
        for _ in 0..200_000 {
            if let Some(count) = counts.get_mut(chosen(&mut chance, &texts.of_vocabulary)) {
                *count += 1;
            }
        }
        let first = f64::from(counts[0]);
        for (at, count) in counts.iter().enumerate() {
            let share = f64::from(*count) * (at + 1) as f64 / first;
            assert!((0.95..1.05).contains(&share), "{counts:?}");
        }
    }

    #[test]
    fn no_word_is_two() {
        let words: BTreeSet<String> = (0..VOCABULARY).map(word).collect();
        assert_eq!(words.len(), VOCABULARY);
        let told: Vec<&str> = TOPICS
            .iter()
            .flat_map(|topic| topic.told)
            .chain(TOPICS.iter().flat_map(|topic| topic.asked))
            .collect();
        assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len());
        assert!(told.iter().all(|word| !words.contains(*word)));
    }

    #[test]
    fn queries_hold_words_of_their_text_or_none_at_all() {
        let texts = Texts::new(5);
        for n in 0..200 {
            let text = texts.text(n);
            let words: BTreeSet<&str> = text.split(' ').collect();
            let shared = |kind| texts.query(n, kind).split(' ').filter(|word| words.contains(word)).count();
            assert_eq!(shared(Kind::Rare), 2, "{text}");
            assert_eq!(shared(Kind::Meaning), 0, "{text}");
        }
    }
}
