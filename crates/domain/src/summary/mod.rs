//! What a conversation comes to, in its own sentences.
//!
//! A summary is made of sentences that were said, as they were said, in the order in which they were; nothing is put into other
//! words. Which of them stand for the rest is told by `rank`: how much of what the others say a sentence says too (LexRank:
//! Erkan and Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 22, 2004), and by its length,
//! its place and its cues (Edmundson, "New Methods in Automatic Extracting", JACM 16, 1969). It is a pure function of the turns: who
//! may see less of them gets a summary of less, and nothing of the rest is in it.

mod cues;
mod rank;
mod sentences;
#[cfg(test)]
mod tests;
mod topics;

use crate::items::MessageRole;
use crate::limits;

/// Turns of a short-term summary, from the last one.
const SHORT_TURNS: usize = 15;
/// Turns of a medium-term one.
const MEDIUM_TURNS: usize = 100;
/// A summary has at most such a part of what it is of,
const SHORTER: usize = 3;
/// unless that is shorter than this: nobody needs a summary of a few lines.
const SHORT_ENOUGH_BYTES: usize = 300;
/// Turns that a context gives as they are, from the last one.
const RECENT_TURNS: usize = 6;

/// One turn of a conversation, as whoever reads the summary may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Who said it.
    pub role: MessageRole,
    /// What was said.
    pub text: &'a str,
}

/// What a conversation comes to. Every text in it was said in the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summaries {
    /// The last 15 turns, in at most [`limits::SUMMARY_SHORT_BYTES`].
    pub short_term: String,
    /// The last 100, in at most [`limits::SUMMARY_MEDIUM_BYTES`].
    pub medium_term: String,
    /// All of it, in at most [`limits::SUMMARY_LONG_BYTES`].
    pub long_term: String,
    /// What the user began with.
    pub session_intent: Option<String>,
    /// Words that come up most, the most frequent first.
    pub topics: Vec<String>,
    /// Sentences that say that something was decided, in order.
    pub key_decisions: Vec<String>,
    /// Sentences that say what is to be done, the last ones, in order.
    pub next_steps: Vec<String>,
}

/// Summarises a conversation, its first turn first. Nothing comes of no turns.
#[must_use]
pub fn summarise(turns: &[Turn<'_>]) -> Summaries {
    let window = |count: usize| &turns[turns.len().saturating_sub(count)..];
    Summaries {
        short_term: extract(window(SHORT_TURNS), limits::SUMMARY_SHORT_BYTES),
        medium_term: extract(window(MEDIUM_TURNS), limits::SUMMARY_MEDIUM_BYTES),
        long_term: extract(turns, limits::SUMMARY_LONG_BYTES),
        session_intent: intent(turns),
        topics: topics::topics(turns),
        key_decisions: cues::decisions(turns),
        next_steps: cues::next_steps(turns),
    }
}

/// The sentences of some turns that stand for all of them, in at most so many bytes; and whole, unless not one of them is short
/// enough.
fn extract(turns: &[Turn<'_>], bytes_max: usize) -> String {
    let all: Vec<rank::Sentence<'_>> = turns.iter().enumerate().flat_map(rank::Sentence::of_turn).collect();
    let bytes_max = room(turns, bytes_max);
    let chosen = rank::choose(&all, bytes_max);
    if chosen.is_empty() {
        return all.first().map(|first| cut(first.text, bytes_max).to_owned()).unwrap_or_default();
    }
    let texts: Vec<&str> = chosen.into_iter().filter_map(|at| all.get(at)).map(|one| one.text).collect();
    texts.join(" ")
}

/// How long a summary of these may be.
fn room(turns: &[Turn<'_>], bytes_max: usize) -> usize {
    let bytes: usize = turns.iter().map(|turn| turn.text.len()).sum();
    bytes_max.min((bytes / SHORTER).max(SHORT_ENOUGH_BYTES))
}

/// The first sentence of the user that asks for or says something, else the first one there is.
fn intent(turns: &[Turn<'_>]) -> Option<String> {
    let of_user = turns.iter().filter(|turn| turn.role == MessageRole::User).take(3);
    let mut sentences = of_user.flat_map(|turn| sentences::split(turn.text));
    let first = sentences.next()?;
    let said = std::iter::once(first).chain(sentences).find(|text| rank::terms_of(text).len() >= 3);
    Some(cut(said.unwrap_or(first), limits::SUMMARY_SENTENCE_BYTES).to_owned())
}

/// The beginning of a text, at most that many bytes, and to the end of a word where there is one.
fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let begin = &text[..end];
    let is_inside = text[end..].chars().next().is_some_and(|next| !next.is_whitespace());
    let word = begin.rfind(char::is_whitespace).filter(|_| is_inside);
    word.map_or(begin, |word| &begin[..word]).trim_end()
}

/// What can be put before a model in a conversation's place: its summary, and its last turns as they are. At most
/// [`limits::SUMMARY_CONTEXT_BYTES`].
#[must_use]
pub fn context(summaries: &Summaries, turns: &[Turn<'_>]) -> String {
    let mut lines = vec!["Summary of the conversation so far:".to_owned(), summaries.long_term.clone()];
    for (head, list) in [("Decisions:", &summaries.key_decisions), ("Next steps:", &summaries.next_steps)] {
        if !list.is_empty() {
            lines.push(head.to_owned());
            lines.extend(list.iter().map(|line| format!("- {line}")));
        }
    }
    lines.push("Last messages:".to_owned());
    let used: usize = lines.iter().map(|line| line.len() + 1).sum();
    let mut room = limits::SUMMARY_CONTEXT_BYTES.saturating_sub(used);
    let mut recent = Vec::new();
    for turn in turns.iter().rev().take(RECENT_TURNS) {
        let head = format!("{}: ", turn.role.name());
        let Some(left) = room.checked_sub(head.len() + 1).filter(|left| *left > 0) else { break };
        let text = cut(turn.text, left.min(limits::SUMMARY_MEDIUM_BYTES));
        room = left.saturating_sub(text.len());
        recent.push(format!("{head}{text}"));
    }
    lines.extend(recent.into_iter().rev());
    lines.join("\n")
}
