use proptest::prelude::*;

use super::*;

/// Forty turns about a move of offices, as people write them: what has to be kept stands among greetings and small talk.
const OFFICE: &str = include_str!("office.txt");

/// Turns as lines, each with who said it before it.
fn turns(text: &str) -> Vec<Turn<'_>> {
    let turn = |line: &'static str, role| (line, role);
    let roles = [turn("user: ", MessageRole::User), turn("assistant: ", MessageRole::Assistant)];
    let of_line = |line| {
        roles.iter().find_map(|(head, role)| Some(Turn { role: *role, text: str::strip_prefix(line, head)? }))
    };
    text.lines().filter_map(of_line).collect()
}

#[test]
fn what_a_person_would_keep_is_kept() {
    let turns = turns(OFFICE);
    assert_eq!(turns.len(), 40);
    let summaries = summarise(&turns);
    let kept = [
        "We need to move our office from Mainz to Berlin before the lease ends on 30 June.",
        "The budget for the whole move is 45,000 euros, and it is fixed.",
        "We decided to go with Huber Logistics for the move, for 11,900 euros.",
        "We settled on the Torstrasse office at 6,200 euros a month.",
    ];
    for sentence in kept {
        assert!(summaries.long_term.contains(sentence), "{sentence}\n{}", summaries.long_term);
    }
    let idle =
        ["Thanks, that helps a lot!", "Good morning!", "Sounds good.", "You're welcome!", "Ha, fair enough."];
    for sentence in idle {
        assert!(!summaries.long_term.contains(sentence), "{sentence}");
    }
    assert!(
        summaries.short_term.contains("The movers come on 14 June at 7 in the morning."),
        "{}",
        summaries.short_term
    );
    insta::assert_debug_snapshot!(summaries);
    insta::assert_snapshot!(context(&summaries, &turns));
}

#[test]
fn little_comes_of_little() {
    assert_eq!(summarise(&[]), Summaries::default());
    let check = |text: &str, expect: &str| {
        let summaries = summarise(&[Turn { role: MessageRole::User, text }]);
        for summary in [summaries.short_term, summaries.medium_term, summaries.long_term] {
            assert_eq!(summary, expect, "{text}");
        }
        assert!(summaries.topics.is_empty());
    };
    check("", "");
    check("Hi", "Hi");
    check("I am allergic to peanuts.", "I am allergic to peanuts.");
    check("東京に行きます。", "東京に行きます。");
    // One that is no sentence is cut at a word.
    let long = "word ".repeat(1_000);
    let cut = summarise(&[Turn { role: MessageRole::User, text: &long }]);
    assert!(cut.short_term.len() <= limits::SUMMARY_SHORT_BYTES && long.starts_with(&cut.short_term));
    assert!(cut.short_term.ends_with("word"));
}

fn conversation() -> impl Strategy<Value = Vec<(bool, String)>> {
    let word = prop_oneof![
        "[a-z]{1,8}",
        Just("Berlin".to_owned()),
        Just("decided".to_owned()),
        Just("3.5".to_owned()),
        Just("need to".to_owned()),
        Just("お茶".to_owned()),
        Just("e.g.".to_owned()),
    ];
    let sentence =
        (prop::collection::vec(word, 0..9), prop::sample::select(vec![".", "?", "!", "\n", "。", ""]))
            .prop_map(|(words, end)| words.join(" ") + end);
    let text = prop::collection::vec(sentence, 0..4).prop_map(|sentences| sentences.join(" "));
    prop::collection::vec((any::<bool>(), text), 0..30)
}

fn of(said: &[(bool, String)]) -> Vec<Turn<'_>> {
    let role = |is_user: bool| if is_user { MessageRole::User } else { MessageRole::Assistant };
    said.iter().map(|(is_user, text)| Turn { role: role(*is_user), text }).collect()
}

/// Whether a summary is made of these sentences, in their order.
fn is_made_of(summary: &str, sentences: &[&str]) -> bool {
    let mut rest = summary;
    for sentence in sentences {
        // A sentence that is another's beginning may stand in its place only where the rest goes on.
        if let Some(behind) = rest.strip_prefix(sentence)
            && (behind.is_empty() || behind.starts_with(' '))
        {
            rest = behind.strip_prefix(' ').unwrap_or(behind);
        }
    }
    rest.is_empty()
}

proptest! {
    #[test]
    fn summaries_are_sentences_in_order_and_bounded(said in conversation(), bytes_max in 1..400_usize) {
        let turns = of(&said);
        let all: Vec<rank::Sentence<'_>> = turns.iter().enumerate().flat_map(rank::Sentence::of_turn).collect();
        let chosen = rank::choose(&all, room(&turns, bytes_max));
        prop_assert!(chosen.is_sorted_by(|a, b| a < b));
        prop_assert!(chosen.iter().all(|at| *at < all.len()));
        let bytes: usize = chosen.iter().map(|at| all[*at].text.len() + 1).sum();
        prop_assert!(bytes <= bytes_max + 1);
        let summary = extract(&turns, bytes_max);
        prop_assert!(summary.len() <= bytes_max);
        if !chosen.is_empty() {
            let texts: Vec<&str> = chosen.iter().map(|at| all[*at].text).collect();
            prop_assert!(is_made_of(&summary, &texts));
        }
    }

    #[test]
    fn every_word_was_said(said in conversation()) {
        let turns = of(&said);
        let whole: Vec<&str> = turns.iter().map(|turn| turn.text).collect();
        let whole = whole.join("\n");
        let summaries = summarise(&turns);
        let lists = [&summaries.topics, &summaries.key_decisions, &summaries.next_steps];
        let texts = lists.into_iter().flatten().chain(&summaries.session_intent);
        for text in texts {
            prop_assert!(whole.contains(text.as_str()), "{}", text);
        }
        for summary in [&summaries.short_term, &summaries.medium_term, &summaries.long_term] {
            for word in summary.split_whitespace() {
                prop_assert!(whole.contains(word), "{}", word);
            }
        }
        prop_assert!(lists.iter().all(|list| list.len() <= limits::SUMMARY_LIST_ITEMS));
        prop_assert!(context(&summaries, &turns).len() <= limits::SUMMARY_CONTEXT_BYTES);
        prop_assert_eq!(summarise(&turns), summaries);
    }

    /// What comes before a window changes nothing in its summary.
    #[test]
    fn a_window_is_summarised_by_itself(said in conversation()) {
        let turns = of(&said);
        let last = &turns[turns.len().saturating_sub(SHORT_TURNS)..];
        prop_assert_eq!(summarise(&turns).short_term, extract(last, limits::SUMMARY_SHORT_BYTES));
    }
}

#[test]
fn long_conversations_are_summarised_in_parts() {
    let said: Vec<(bool, String)> =
        (0..1_500).map(|n| (n % 2 == 0, format!("Item {n} of the plan costs {} euros.", n * 7))).collect();
    let summaries = summarise(&of(&said));
    assert!(!summaries.long_term.is_empty() && summaries.long_term.len() <= limits::SUMMARY_LONG_BYTES);
}
