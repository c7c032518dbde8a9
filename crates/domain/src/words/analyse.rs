//! From text to terms, the same for what is kept and for what is asked.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::stop::is_stop_word;
use crate::limits;

/// Visits the terms of a text in their order, each as often as it stands there.
///
/// The text is normalised (NFKC) and put into lower case. A term is a run of letters, digits and their marks in any script:
///
/// - an apostrophe inside belongs to the word and is left out (`O'Brien`: `obrien`); a possessive `'s` is dropped;
/// - of words with hyphens every part is a term, and the whole without hyphens (`e-mail`: `e`, `mail`, `email`);
/// - what is longer than [`limits::TERM_BYTES_MAX`] is cut there; a whole that is longer is no term;
/// - English stop words are none.
pub fn each_term(text: &str, each: &mut dyn FnMut(&str)) {
    let mut reader = Reader { part: String::new(), whole: String::new(), parts: 0, each };
    let characters = text.nfkc().flat_map(char::to_lowercase);
    let mut characters = characters.filter(|c| !is_invisible(*c)).peekable();
    while let Some(c) = characters.next() {
        if is_of_word(c) {
            // A word ends with another sigma than it has inside; which one it is depends on who wrote it.
            reader.part.push(if c == 'ς' { 'σ' } else { c });
            continue;
        }
        let is_inside = !reader.part.is_empty() && characters.peek().is_some_and(|next| is_of_word(*next));
        match c {
            '\'' | '\u{2019}' | '\u{2bc}' if is_inside => reader.part.push('\''),
            '-' | '\u{2010}' if is_inside => reader.finish_part(),
            _ => reader.finish_word(),
        }
    }
    reader.finish_word();
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
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
    each: &'a mut dyn FnMut(&str),
}

impl Reader<'_> {
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
        self.term(&part);
        part.clear();
        self.part = part;
    }

    fn finish_word(&mut self) {
        self.finish_part();
        let whole = std::mem::take(&mut self.whole);
        if std::mem::take(&mut self.parts) > 1 && whole.len() <= limits::TERM_BYTES_MAX {
            self.term(&whole);
        }
    }

    fn term(&mut self, term: &str) {
        if !is_stop_word(term) {
            (self.each)(term);
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

    fn terms(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        each_term(text, &mut |term| terms.push(term.to_owned()));
        terms
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(terms(text).join(" "), expected, "{text}");
    }

    #[test]
    fn texts_become_terms() {
        check("Ada drinks TEA, tea and tea.", "ada drinks tea tea tea");
        check("I don't know what O\u{2019}Brien\u{2019}s dog's name is", "know obrien dog name");
        check("'quoted' rock'n'roll James' '", "quoted rocknroll james");
        check("e-mail, matter-of-fact -- a-b -c- d-", "e mail email matter fact matteroffact b ab c d");
        check("in 2024: 3.14 and 7 x_y", "2024 3 14 7 x y");
        check(
            "Straße \u{fb01}sh \u{ff21}\u{ff22}\u{ff23} caf\u{e9} cafe\u{301}",
            "straße fish abc café café",
        );
        check("ΟΔΟΣ οδος İstanbul", "οδοσ οδοσ i\u{307}stanbul");
        check("日本語。 हिन्दी \u{1f980} ½", "日本語 हिन्दी 1 2");
        check("hy\u{ad}phen zero\u{200b}width", "hyphen zerowidth");
        check("the and of it's", "");
        check(" \n\t!?", "");
    }

    #[test]
    fn long_terms_are_cut() {
        let long = "x".repeat(70);
        check(&long, &long[..64]);
        check(&"é".repeat(40), &"é".repeat(32));
        check(&format!("a{}", "é".repeat(40)), &format!("a{}", "é".repeat(31)));
        check(
            &format!("{}-{}", "x".repeat(32), "y".repeat(32)),
            &[&"x".repeat(32), " ", &"y".repeat(32), " ", &"x".repeat(32), &"y".repeat(32)].concat(),
        );
        check(
            &format!("{}-{}", "x".repeat(32), "y".repeat(33)),
            &[&"x".repeat(32), " ", &"y".repeat(33)].concat(),
        );
    }

    proptest! {
        #[test]
        fn terms_are_bounded_and_are_their_own_terms(text in "(\\PC|[a-z'\\- ]){0,60}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty() && term.len() <= limits::TERM_BYTES_MAX);
                prop_assert!(!term.contains(['\'', '-', ' ']) && !is_stop_word(&term));
            }
        }

        #[test]
        fn case_and_what_stands_between_change_nothing(words in prop::collection::vec("[a-z0-9]{1,8}", 0..8)) {
            let (plain, loud) = (words.join(" "), words.join(" ... ").to_uppercase());
            prop_assert_eq!(terms(&plain), terms(&loud));
        }
    }
}
