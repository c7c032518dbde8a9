//! From a text to the tokens that a BERT model reads: normalised, split into words, and these into the longest pieces of a
//! vocabulary (WordPiece).
//!
//! It does what the reference implementation does with the model's own `tokenizer.json`, but for one thing: a text is data, so that
//! `[SEP]` in it is a word in brackets and never the token of that name.

use std::collections::BTreeMap;

use memoryscope_domain::limits;
use serde_json::Value;
use unicode_categories::UnicodeCategories as _;
use unicode_normalization::UnicodeNormalization as _;

/// A word of more characters is unknown, whatever it is made of.
const WORD_CHARS_MAX: usize = 100;
/// What stands before a piece that does not begin its word.
const WITHIN: &str = "##";

/// A vocabulary, and its three tokens that are no pieces of words.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    vocabulary: BTreeMap<String, u32>,
    /// The characters of its longest piece: more of a word need not be looked up.
    longest: usize,
    begin: u32,
    end: u32,
    unknown: u32,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`; `None` where it is none of the kind that is understood here.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let file: Value = serde_json::from_slice(json).ok()?;
        let is_bert = [
            ("/normalizer/type", "BertNormalizer"),
            ("/pre_tokenizer/type", "BertPreTokenizer"),
            ("/model/type", "WordPiece"),
            ("/model/continuing_subword_prefix", WITHIN),
        ];
        let is_lower_case = file.pointer("/normalizer/lowercase") == Some(&Value::Bool(true));
        if !is_lower_case || is_bert.iter().any(|(at, kind)| file.pointer(at) != Some(&Value::from(*kind))) {
            return None;
        }
        let mut vocabulary = BTreeMap::new();
        for (piece, id) in file.pointer("/model/vocab")?.as_object()? {
            vocabulary.insert(piece.clone(), u32::try_from(id.as_u64()?).ok()?);
        }
        let id = |token: &str| vocabulary.get(token).copied();
        let (begin, end, unknown) = (id("[CLS]")?, id("[SEP]")?, id("[UNK]")?);
        let longest = vocabulary.keys().map(|piece| piece.chars().count()).max()?;
        Some(Self { vocabulary, longest, begin, end, unknown })
    }

    /// The tokens of a text, at most [`limits::EMBED_TOKENS_MAX`] with those at its two ends. What is behind them is not looked at.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let last = limits::EMBED_TOKENS_MAX - 1;
        let mut tokens = vec![self.begin];
        let mut word = Word::default();
        for c in normalized(text) {
            match kind(c) {
                Kind::Letter => word.push(c),
                Kind::Space => self.end_word(&mut word, &mut tokens),
                Kind::Alone => {
                    self.end_word(&mut word, &mut tokens);
                    word.push(c);
                    self.end_word(&mut word, &mut tokens);
                }
            }
            if tokens.len() >= last {
                break;
            }
        }
        self.end_word(&mut word, &mut tokens);
        tokens.truncate(last);
        tokens.push(self.end);
        tokens
    }

    /// Adds a word's pieces, the longest that fit one after the other; one unknown token where any part of it fits none.
    fn end_word(&self, word: &mut Word, tokens: &mut Vec<u32>) {
        let begins_at = tokens.len();
        let mut rest = match word.chars {
            0 => return,
            1..=WORD_CHARS_MAX => word.text.as_str(),
            _ => {
                tokens.push(self.unknown);
                *word = Word::default();
                return;
            }
        };
        let mut piece = String::with_capacity(WITHIN.len() + rest.len());
        while !rest.is_empty() {
            piece.clear();
            if tokens.len() > begins_at {
                piece.push_str(WITHIN);
            }
            let prefix = piece.len();
            piece.extend(rest.chars().take(self.longest));
            let found = loop {
                if let Some(id) = self.vocabulary.get(&piece) {
                    break Some(*id);
                }
                piece.pop();
                if piece.len() <= prefix {
                    break None;
                }
            };
            let Some(id) = found else {
                tokens.truncate(begins_at);
                tokens.push(self.unknown);
                break;
            };
            tokens.push(id);
            rest = &rest[piece.len() - prefix..];
        }
        *word = Word::default();
    }
}

/// A word as far as it has been read; of one that is too long no more is kept than that it is.
#[derive(Debug, Default)]
struct Word {
    text: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        self.chars += 1;
        if self.chars <= WORD_CHARS_MAX {
            self.text.push(c);
        }
    }
}

/// What a character does to the words around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It belongs to a word.
    Letter,
    /// It stands between words.
    Space,
    /// It is a word.
    Alone,
}

fn kind(c: char) -> Kind {
    match c {
        _ if c.is_whitespace() => Kind::Space,
        _ if is_ideograph(c) || c.is_ascii_punctuation() || c.is_punctuation() => Kind::Alone,
        _ => Kind::Letter,
    }
}

/// Without what is not seen, without accents, in lower case.
fn normalized(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|c| matches!(c, '\t' | '\n' | '\r') || !is_unseen(*c))
        .flat_map(around)
        .nfd()
        .filter(|c| !c.is_mark_nonspacing())
        .flat_map(char::to_lowercase)
}

/// Ideographs are words even where their decomposition is none.
fn around(c: char) -> impl Iterator<Item = char> {
    let space = is_ideograph(c).then_some(' ');
    space.into_iter().chain([c]).chain(space)
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\0' | '\u{fffd}') || c.is_other()
}

/// Those of the blocks that BERT takes for ideographs.
const fn is_ideograph(c: char) -> bool {
    matches!(
        c,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}
