//! How much of what should be found was: recall of evidence at some cutoffs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::evidence::TurnId;

/// What kinds of questions there are, by their numbers.
pub const CATEGORIES: [(u8, &str); 5] =
    [(1, "multi-hop"), (2, "temporal"), (3, "open-domain"), (4, "single-hop"), (5, "adversarial")];

/// The share of the evidence that is among the first hits, for each of these numbers of hits. `hits` are the turns that
/// were found, the best first; what is no turn takes a place all the same.
pub(super) fn recalls(evidence: &BTreeSet<TurnId>, hits: &[Option<TurnId>], cutoffs: &[usize]) -> Vec<f64> {
    let at = |cutoff: &usize| {
        let first: BTreeSet<TurnId> = hits.iter().take(*cutoff).copied().flatten().collect();
        first.intersection(evidence).count() as f64 / evidence.len().max(1) as f64
    };
    cutoffs.iter().map(at).collect()
}

/// The mean of several questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Their categories.
    pub categories: Vec<u8>,
    /// How many they are.
    pub questions: usize,
    /// The mean of their recalls at each cutoff, 0 to 1; none of no question.
    pub recall: Vec<Option<f64>>,
}

/// Categories 1 to 4 together, then each by itself. A question of the fifth asks for what was never said, so it is not of
/// those that are answered.
pub(super) fn groups(asked: &[(u8, Vec<f64>)], cutoffs: usize) -> Vec<Group> {
    let each = CATEGORIES.iter().map(|(number, _)| vec![*number]);
    std::iter::once(vec![1, 2, 3, 4])
        .chain(each)
        .map(|categories| group(asked, categories, cutoffs))
        .collect()
}

fn group(asked: &[(u8, Vec<f64>)], categories: Vec<u8>, cutoffs: usize) -> Group {
    let of: Vec<&Vec<f64>> = asked
        .iter()
        .filter(|(category, _)| categories.contains(category))
        .map(|(_, recalls)| recalls)
        .collect();
    let mean = |at: usize| match of.is_empty() {
        true => None,
        false => Some(of.iter().map(|recalls| recalls[at]).sum::<f64>() / of.len() as f64),
    };
    Group { questions: of.len(), recall: (0..cutoffs).map(mean).collect(), categories }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_is_the_share_of_the_evidence_among_the_first_hits() {
        #[track_caller]
        fn check(evidence: &str, hits: &str, expect: [f64; 3]) {
            let evidence = evidence.split(' ').filter_map(TurnId::parse).collect();
            let hits: Vec<_> = hits.split(' ').map(TurnId::parse).collect();
            assert_eq!(recalls(&evidence, &hits, &[1, 2, 4]), expect);
        }
        check("D1:1", "D1:1 D1:2", [1.0, 1.0, 1.0]);
        check("D1:1 D1:2", "D1:1 D9:1 D1:2", [0.5, 0.5, 1.0]);
        check("D1:1 D1:2", "D9:1 D9:2 D9:3 D9:4 D1:1", [0.0, 0.0, 0.0]);
        // What is no turn takes a place, and a turn that is found twice counts once.
        check("D1:1 D1:2", "- D1:1 D1:1 D1:1 D1:2", [0.0, 0.5, 0.5]);
        check("D1:1", "", [0.0, 0.0, 0.0]);
    }

    #[test]
    fn categories_are_told_together_and_apart() {
        let asked = [(4, vec![1.0, 1.0]), (1, vec![0.0, 0.5]), (5, vec![0.25, 1.0]), (4, vec![0.5, 1.0])];
        let told: Vec<_> =
            groups(&asked, 2).into_iter().map(|g| (g.categories, g.questions, g.recall)).collect();
        let some = |a: f64, b: f64| vec![Some(a), Some(b)];
        let expected = [
            (vec![1, 2, 3, 4], 3, some(0.5, 2.5 / 3.0)),
            (vec![1], 1, some(0.0, 0.5)),
            (vec![2], 0, vec![None, None]),
            (vec![3], 0, vec![None, None]),
            (vec![4], 2, some(0.75, 1.0)),
            (vec![5], 1, some(0.25, 1.0)),
        ];
        assert_eq!(told, expected);
    }
}
