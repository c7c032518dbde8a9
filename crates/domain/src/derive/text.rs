//! From text to words: lower case, straight apostrophes, contractions written out, quotations left out.

use std::collections::BTreeMap;

use crate::constraint::is_word_char;
use crate::preference::lower;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word.
    Word,
    /// What parts clauses: a comma, a colon, a dash, a parenthesis, a quotation that was left out.
    Break,
    /// The end of a sentence.
    End,
    /// The end of a question.
    Question,
}

/// A word in its normal form, or what stands between words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The word; empty for others.
    pub(crate) text: String,
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Whether a hyphen ties it to the word before.
    pub(crate) is_tied: bool,
    /// Whether it was written with a capital.
    pub(crate) is_capital: bool,
}

impl Token {
    const fn mark(kind: TokenKind) -> Self {
        Self { text: String::new(), kind, is_tied: false, is_capital: false }
    }

    /// Whether it is a word.
    pub(crate) fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }
}

/// Endings that are words of their own.
const ENDINGS: [(&str, &str); 5] =
    [("'m", "am"), ("'re", "are"), ("'ll", "will"), ("'ve", "have"), ("'d", "would")];

/// Words whose `'s` is `is`; after others it is a possessive.
const WITH_IS: [&str; 10] =
    ["it", "that", "he", "she", "what", "there", "here", "who", "everything", "nothing"];

/// Splits a text into tokens. `spellings` gives the words that a token stands for, such as `pls` for `please`.
pub(crate) fn tokens(text: &str, spellings: &BTreeMap<String, Vec<String>>) -> Vec<Token> {
    let mut reader = Reader { tokens: Vec::new(), word: String::new(), is_tied: false, spellings };
    let mut quoted: Option<char> = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if let Some(closing) = quoted {
            // A quotation ends with its mark, or with its paragraph when that is missing.
            if c == closing || c == '\n' {
                quoted = None;
            }
            continue;
        }
        match c {
            '"' | '\u{201c}' | '\u{201e}' | '\u{ab}' => {
                reader.mark(TokenKind::Break);
                quoted = Some(match c {
                    '"' => '"',
                    '\u{ab}' => '\u{bb}',
                    _ => '\u{201d}',
                });
            }
            '\u{2019}' | '\u{2018}' => reader.word.push('\''),
            '-' | '\u{2010}' | '\u{2011}' => {
                let is_inside =
                    !reader.word.is_empty() && characters.peek().is_some_and(|&c| is_word_char(c));
                reader.finish_word();
                reader.is_tied = is_inside;
                if !is_inside {
                    reader.mark(TokenKind::Break);
                }
            }
            '/' if !reader.word.is_empty() && characters.peek().is_some_and(|&c| is_word_char(c)) => {
                reader.word.push(c);
            }
            '?' => reader.mark(TokenKind::Question),
            '.' | '!' | ';' | '\n' => reader.mark(TokenKind::End),
            c if is_word_char(c) => reader.word.push(c),
            c if c.is_whitespace() => reader.finish_word(),
            _ => reader.mark(TokenKind::Break),
        }
    }
    reader.mark(TokenKind::End);
    reader.tokens
}

/// Gathers tokens.
struct Reader<'a> {
    tokens: Vec<Token>,
    word: String,
    is_tied: bool,
    spellings: &'a BTreeMap<String, Vec<String>>,
}

impl Reader<'_> {
    fn mark(&mut self, kind: TokenKind) {
        self.finish_word();
        self.tokens.push(Token::mark(kind));
    }

    fn finish_word(&mut self) {
        let written = std::mem::take(&mut self.word);
        let is_tied = std::mem::take(&mut self.is_tied);
        let written = written.trim_matches('\'');
        if !written.chars().any(char::is_alphanumeric) {
            return;
        }
        let is_capital = written.chars().next().is_some_and(char::is_uppercase);
        let word = lower(written);
        for (place, text) in self.spelled_out(&word).into_iter().enumerate() {
            let is_first = place == 0;
            self.tokens.push(Token {
                text,
                kind: TokenKind::Word,
                is_tied: is_tied && is_first,
                is_capital: is_capital && is_first,
            });
        }
    }

    /// The words that a word stands for.
    fn spelled_out(&self, word: &str) -> Vec<String> {
        if let Some(words) = self.spellings.get(word) {
            return words.clone();
        }
        if let Some(stem) = word.strip_suffix("n't") {
            return vec![stem.to_owned(), "not".to_owned()];
        }
        for (ending, meaning) in ENDINGS {
            if let Some(stem) = word.strip_suffix(ending) {
                return vec![stem.to_owned(), meaning.to_owned()];
            }
        }
        match word.strip_suffix("'s") {
            Some(stem) if WITH_IS.contains(&stem) => vec![stem.to_owned(), "is".to_owned()],
            _ => vec![word.to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let spellings = BTreeMap::from([
            ("can't".to_owned(), vec!["can".to_owned(), "not".to_owned()]),
            ("pls".to_owned(), vec!["please".to_owned()]),
        ]);
        let shown: Vec<String> = tokens(text, &spellings)
            .into_iter()
            .map(|token| match token.kind {
                TokenKind::Word if token.is_tied => format!("-{}", token.text),
                TokenKind::Word => token.text,
                TokenKind::Break => ",".to_owned(),
                TokenKind::End => ".".to_owned(),
                TokenKind::Question => "?".to_owned(),
            })
            .collect();
        assert_eq!(shown.join(" "), expected, "{text}");
    }

    #[test]
    fn texts_become_words() {
        check("Don\u{2019}t,  PLEASE!", "do not , please . .");
        check("I'm sure he'd say it's Ada's.", "i am sure he would say it is ada's . .");
        check("can't pls", "can not please .");
        check("matter-of-fact - ok?", "matter -of -fact , ok ? .");
        check("Mum said \"don't go\" twice", "mum said , twice .");
        check("they/them and/ or", "they/them and , or .");
        check("'quoted' 'tis", "quoted tis .");
        check("\"never closed\nnext", ", next .");
        check("日本語。", "日本語 , .");
        check("", ".");
    }
}
