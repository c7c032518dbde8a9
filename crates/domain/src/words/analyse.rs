//! From text to terms, the same for what is kept and for what is asked.

use std::borrow::Cow;

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::stop::is_stop_word;
use crate::limits;

/// Whose words they are: in a script without spaces every character of what is kept is a word too, so that a question of one
/// character finds it; of what is asked only one that stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is kept.
    Kept,
    /// What is asked.
    Asked,
}

/// Visits the terms of a text in their order, each as often as it stands there: its words, stemmed.
pub fn each_term(text: &str, side: Side, each: &mut dyn FnMut(&str)) {
    each_word(text, side, &mut |word| each(&stem(word)));
}

/// Visits the words of a text in their order, each as often as it stands there.
///
/// The text is normalised (NFKC) and put into lower case. A word is a run of letters, digits and their marks in any script:
///
/// - an apostrophe inside belongs to the word and is left out (`O'Brien`: `obrien`); a possessive `'s` is dropped;
/// - of words with hyphens every part is a word, and the whole without hyphens (`e-mail`: `e`, `mail`, `email`);
/// - of a run of Chinese, Japanese or Korean every two neighbours are a word (`[日本, 本語]`);
/// - what is longer than [`limits::TERM_BYTES_MAX`] is cut there; a whole that is longer is no word;
/// - English stop words are none.
pub(super) fn each_word(text: &str, side: Side, each: &mut dyn FnMut(&str)) {
    let mut reader = Reader { part: String::new(), whole: String::new(), parts: 0, side, each };
    if text.is_ascii() {
        reader.read(text.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        reader.read(text.nfkc().flat_map(char::to_lowercase).filter(|c| !is_invisible(*c)));
    }
}

/// The stem of a word by the Snowball project's English rules; words with other letters than `a` to `z` have none but themselves.
pub(super) fn stem(word: &str) -> Cow<'_, str> {
    if word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Stemmer::new(Algorithm::English).stem(word)
    } else {
        Cow::Borrowed(word)
    }
}

/// Whether a word can have a stem, without finding it: rules change what follows the first letter, and nothing grows.
pub(super) fn may_have_stem(word: &str, stem: &str) -> bool {
    word.as_bytes().first() == stem.as_bytes().first() && word.len() + 1 >= stem.len()
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Of a script whose words have no spaces between them, or in which they are put together: Han, kana, Hangul.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3005}' | '\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Where a line may break, and how letters join: nothing that is read.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

struct Reader<'a> {
    /// What stands between hyphens, apostrophes included.
    part: String,
    /// All parts of a word so far.
    whole: String,
    parts: usize,
    side: Side,
    each: &'a mut dyn FnMut(&str),
}

impl Reader<'_> {
    fn read(&mut self, characters: impl Iterator<Item = char>) {
        let mut characters = characters.peekable();
        let mut run = String::new();
        while let Some(c) = characters.next() {
            if is_unspaced(c) {
                self.finish_word();
                run.push(c);
                continue;
            }
            // A mark belongs to what it stands behind.
            if !run.is_empty() && is_combining_mark(c) {
                continue;
            }
            self.finish_run(&mut run);
            if is_of_word(c) {
                // A word ends with another sigma than it has inside; which one it is depends on who wrote it.
                self.part.push(if c == 'ς' { 'σ' } else { c });
                continue;
            }
            let next_is_inside = |next: &char| is_of_word(*next) && !is_unspaced(*next);
            let is_inside = !self.part.is_empty() && characters.peek().is_some_and(next_is_inside);
            match c {
                '\'' | '\u{2019}' | '\u{2bc}' if is_inside => self.part.push('\''),
                '-' | '\u{2010}' if is_inside => self.finish_part(),
                _ => self.finish_word(),
            }
        }
        self.finish_run(&mut run);
        self.finish_word();
    }

    /// Every two neighbours of a run; each character of what is kept, and what stands alone.
    fn finish_run(&mut self, run: &mut String) {
        let mut before: Option<usize> = None;
        let is_single = run.chars().nth(1).is_none();
        for (at, c) in run.char_indices() {
            let end = at + c.len_utf8();
            if self.side == Side::Kept || is_single {
                (self.each)(&run[at..end]);
            }
            if let Some(before) = before {
                (self.each)(&run[before..end]);
            }
            before = Some(at);
        }
        run.clear();
    }

    fn finish_part(&mut self) {
        let mut part = std::mem::take(&mut self.part);
        if let Some(stem) = part.strip_suffix("'s") {
            part.truncate(stem.len());
        }
        part.retain(|c| c != '\'');
        if part.is_empty() {
            return;
        }
        self.parts += 1;
        if self.whole.len() <= limits::TERM_BYTES_MAX {
            self.whole.push_str(&part);
        }
        cut(&mut part);
        self.word(&part);
        part.clear();
        self.part = part;
    }

    fn finish_word(&mut self) {
        self.finish_part();
        let whole = std::mem::take(&mut self.whole);
        if std::mem::take(&mut self.parts) > 1 && whole.len() <= limits::TERM_BYTES_MAX {
            self.word(&whole);
        }
    }

    fn word(&mut self, word: &str) {
        if !is_stop_word(word) {
            (self.each)(word);
        }
    }
}

/// Cuts a term to the length that it may have.
fn cut(term: &mut String) {
    let mut end = term.len().min(limits::TERM_BYTES_MAX);
    while !term.is_char_boundary(end) {
        end -= 1;
    }
    term.truncate(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms_of(text: &str, side: Side) -> Vec<String> {
        let mut terms = Vec::new();
        each_term(text, side, &mut |term| terms.push(term.to_owned()));
        terms
    }

    fn terms(text: &str) -> Vec<String> {
        terms_of(text, Side::Asked)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(terms(text).join(" "), expected, "{text}");
    }

    #[test]
    fn texts_become_terms() {
        check("Ada drinks TEA, tea and tea.", "ada drink tea tea tea");
        check("I don't know what O\u{2019}Brien\u{2019}s dog's name is", "know obrien dog name");
        check("'quoted' rock'n'roll James' '", "quot rocknrol jame");
        check("e-mail, matter-of-fact -- a-b -c- d-", "e mail email matter fact matteroffact b ab c d");
        check("in 2024: 3.14 and 7 x_y", "2024 3 14 7 x y");
        check(
            "Straße \u{fb01}sh \u{ff21}\u{ff22}\u{ff23} caf\u{e9} cafe\u{301}",
            "straße fish abc café café",
        );
        check("ΟΔΟΣ οδος İstanbul", "οδοσ οδοσ i\u{307}stanbul");
        check("हिन्दी \u{1f980} ½", "हिन्दी 1 2");
        check("hy\u{ad}phen zero\u{200b}width", "hyphen zerowidth");
        check("the and of it's", "");
        check(" \n\t!?", "");
    }

    #[test]
    fn english_words_are_stemmed_and_others_are_not() {
        check("Teas, cities, running and ran; happily happiness", "tea citi run ran happili happi");
        check("dying skies goes as organisations organise", "die sky goe organis organis");
        check("cafés Häuser 3rd b2b ski", "cafés häuser 3rd b2b ski");
    }

    #[test]
    fn what_has_no_spaces_is_read_in_pairs() {
        check("日本語。", "日本 本語");
        check("茶", "茶");
        check("お茶が好き 東京tower", "お茶 茶が が好 好き 東京 tower");
        check("한국어 ｶﾀｶﾅ", "한국 국어 カタ タカ カナ");
        let kept = terms_of("お茶を3杯", Side::Kept);
        assert_eq!(kept.join(" "), "お 茶 お茶 を 茶を 3 杯");
    }

    #[test]
    fn long_terms_are_cut() {
        let long = "7".repeat(70);
        check(&long, &long[..64]);
        check(&"é".repeat(40), &"é".repeat(32));
        check(&format!("a{}", "é".repeat(40)), &format!("a{}", "é".repeat(31)));
        check(
            &format!("{}-{}", "7".repeat(32), "8".repeat(32)),
            &[&"7".repeat(32), " ", &"8".repeat(32), " ", &"7".repeat(32), &"8".repeat(32)].concat(),
        );
        check(
            &format!("{}-{}", "7".repeat(32), "8".repeat(33)),
            &[&"7".repeat(32), " ", &"8".repeat(33)].concat(),
        );
    }

    proptest! {
        #[test]
        fn terms_are_bounded_and_are_their_own_terms(text in "(\\PC|[a-z'\\- ]){0,60}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty() && term.len() <= limits::TERM_BYTES_MAX);
                prop_assert!(!term.contains(['\'', '-', ' ']));
            }
        }

        #[test]
        fn what_is_asked_is_found_in_what_is_kept(text in "(\\PC|[a-z'\\- ]|[あ-お]|[一-三]){0,60}") {
            let kept = terms_of(&text, Side::Kept);
            for term in terms(&text) {
                prop_assert!(kept.contains(&term), "{}", term);
            }
        }

        #[test]
        fn no_stem_is_missed(word in "[a-z]{1,14}(ing|ed|ies|s|ness|ly|ying|al|ion)?") {
            prop_assert!(may_have_stem(&word, &stem(&word)));
        }

        #[test]
        fn case_and_what_stands_between_change_nothing(words in prop::collection::vec("[a-z0-9]{1,8}", 0..8)) {
            let (plain, loud) = (words.join(" "), words.join(" ... ").to_uppercase());
            prop_assert_eq!(terms(&plain), terms(&loud));
        }
    }
}
