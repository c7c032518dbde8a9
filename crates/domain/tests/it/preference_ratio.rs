//! The ratio equals CPython's, and its bound is a bound.

use memoryscope_domain::preference::ratio::{Pattern, alike, common_subsequence, matched, reaches};
use proptest::prelude::*;

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

#[derive(serde::Deserialize)]
struct Pair {
    a: String,
    b: String,
    matched: usize,
}

#[test]
fn matching_blocks_are_those_of_cpython() {
    let pairs: Vec<Pair> = serde_json::from_str(include_str!("../corpus/ratio.json")).unwrap();
    assert!(pairs.len() > 300);
    for pair in pairs {
        assert_eq!(matched(&chars(&pair.a), &chars(&pair.b)), pair.matched, "{:?} {:?}", pair.a, pair.b);
    }
}

#[track_caller]
fn check(a: &str, b: &str, expect: bool) {
    assert_eq!(alike(&chars(a), &chars(b)), expect, "{a:?} {b:?}");
}

#[test]
fn the_threshold_is_85_hundredths_and_included() {
    check("", "", true);
    check("", "a", false);
    check("jazz", "jazzy", true);
    check("vegan", "vegetarian", false);
    check("with sugar", "without sugar", true);
    // 2·17/40 is exactly 0.85; 2·16/40 is not enough.
    check(&"a".repeat(20), &format!("{}bbb", "a".repeat(17)), true);
    check(&"a".repeat(20), &format!("{}bbbb", "a".repeat(16)), false);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{0,90}", "[a-e ]{0,140}", "[aé日🙂]{0,40}", "[a-z]{190,200}"]
}

/// The textbook's table.
fn subsequence(a: &[char], b: &[char]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

proptest! {
    #[test]
    fn the_bit_parallel_subsequence_is_the_textbooks_and_bounds_the_blocks(a in text(), b in text()) {
        let (a, b) = (chars(&a), chars(&b));
        let pattern = Pattern::new(&a).unwrap();
        let bound = common_subsequence(&pattern, &b);
        prop_assert_eq!(bound, subsequence(&a, &b));
        prop_assert!(matched(&a, &b) <= bound && matched(&b, &a) <= bound);
        prop_assert!(!alike(&a, &b) || reaches(bound, a.len() + b.len()));
    }

    #[test]
    fn every_text_is_all_alike_to_itself(a in text()) {
        let a = chars(&a);
        prop_assert_eq!(matched(&a, &a), a.len());
    }
}
