//! Where sentences end.

/// What ends in a full stop and goes on.
const ABBREVIATIONS: [&str; 18] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "inc", "ltd", "approx", "a.m",
    "p.m", "fig", "cf",
];

/// The sentences of a text, in order, each as it stands there without the blanks around it. A sentence ends with its mark, where
/// a blank follows, with a mark of a script that sets none, or with its line.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut begin = 0;
        let mut characters = line.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let ends = match c {
                '。' | '！' | '？' | '｡' => true,
                '!' | '?' => next.is_none_or(char::is_whitespace),
                '.' | '…' => next.is_none_or(char::is_whitespace) && !is_abbreviation(&line[begin..at]),
                _ => false,
            };
            if ends {
                let end = at + c.len_utf8();
                sentences.push(line[begin..end].trim());
                begin = end;
            }
        }
        sentences.push(line[begin..].trim());
    }
    sentences.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    sentences
}

/// Whether what stands before a full stop is a word that has one inside a sentence, or an initial.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let mut letters = word.chars();
    let is_initial =
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none() && word != "I";
    is_initial || ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_with_their_marks_and_lines() {
        let check = |text: &str, expect: &[&str]| assert_eq!(split(text), expect, "{text}");
        check("", &[]);
        check(" \n ... !", &[]);
        check("One. Two! Three? four", &["One.", "Two!", "Three?", "four"]);
        check("It costs 3.50 at example.org. Fine", &["It costs 3.50 at example.org.", "Fine"]);
        check(
            "Dr. Mora and J. Ito came, e.g. by bus. Then I. Go.",
            &["Dr. Mora and J. Ito came, e.g. by bus.", "Then I.", "Go."],
        );
        check("- first\n- second\r\n", &["- first", "- second"]);
        check("お茶が好き。本当？はい", &["お茶が好き。", "本当？", "はい"]);
        check("Wait... what", &["Wait...", "what"]);
    }
}
