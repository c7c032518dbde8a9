//! What persons say of answers, and what they come to think of the memories that these were made of.
//!
//! An opinion is one person's about one memory: nobody's ranking tells what somebody else thinks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit_chain::Hash32;
use crate::constraint::closed_list;
use crate::ids::{AuditId, MemoryId, UserId};
use crate::limits;
use crate::time::Timestamp;

closed_list!(
    /// What is said of an answer.
    FeedbackType {
        /// It was good.
        ThumbsUp "thumbs_up",
        /// It was bad.
        ThumbsDown "thumbs_down",
        /// How good it was, from 1 to 5.
        Rating "rating",
        /// What would have been right.
        Correction "correction",
        /// That something is wrong with it.
        Report "report",
        /// It was copied.
        CopyAction "copy_action",
        /// It was saved.
        SaveAction "save_action",
        /// A document was made of it.
        CreateDocument "create_document",
        /// How much the memories had to do with the question.
        MemoryRelevance "memory_relevance",
        /// How good the answer was.
        AnswerQuality "answer_quality",
    }
);

closed_list!(
    /// Where it was said.
    FeedbackSource {
        /// Beside the answer.
        Inline "inline",
        /// Behind a query.
        PostQuery "post_query",
        /// At the end of a session.
        SessionEnd "session_end",
        /// At a memory that was cited.
        MemoryCitation "memory_citation",
        /// In the panel of an answer.
        AnswerPanel "answer_panel",
    }
);

impl FeedbackType {
    /// Whether a score can be said with it.
    #[must_use]
    pub fn allows(self, score: f64) -> bool {
        match self {
            Self::ThumbsUp => score == 1.0,
            Self::ThumbsDown => score == -1.0,
            Self::Rating => (1.0..=5.0).contains(&score),
            _ => (-1.0..=1.0).contains(&score),
        }
    }

    /// Which scores can, for messages.
    #[must_use]
    pub const fn scores(self) -> &'static str {
        match self {
            Self::ThumbsUp => "must be 1",
            Self::ThumbsDown => "must be -1",
            Self::Rating => "must be a number from 1 to 5",
            _ => "must be a number from -1 to 1",
        }
    }
}

/// What was said in free words: the person's, and forgotten with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// A word for what is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// In the person's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// What the user had asked, or where that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_message: Option<Value>,
    /// What was answered, or where that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant_message: Option<Value>,
}

/// What somebody says of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// What.
    pub kind: FeedbackType,
    /// Where.
    pub source: FeedbackSource,
    /// How much; [`FeedbackType::allows`] it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// In words.
    #[serde(default)]
    pub said: Said,
    /// The memories that it is about, as they were named: what names none, or none that the person may see, counts for nothing.
    #[serde(default)]
    pub cited_memories: Vec<String>,
    /// The nodes that it is about, likewise.
    #[serde(default)]
    pub cited_nodes: Vec<String>,
}

impl Feedback {
    /// Whether it speaks for the memories that it cites, or against them; none where it does neither.
    #[must_use]
    pub fn vote(&self) -> Option<bool> {
        use FeedbackType::{
            AnswerQuality, CopyAction, Correction, CreateDocument, MemoryRelevance, Rating, Report,
            SaveAction, ThumbsDown, ThumbsUp,
        };
        let sign = |score: f64| (score != 0.0).then_some(score > 0.0);
        match self.kind {
            ThumbsUp | CopyAction | SaveAction | CreateDocument => Some(true),
            ThumbsDown | Correction | Report => Some(false),
            // Three of five is neither.
            Rating => self.score.and_then(|score| sign(score - 3.0)),
            MemoryRelevance | AnswerQuality => self.score.and_then(sign),
        }
    }

    /// The memories that it cites, each once.
    #[must_use]
    pub fn memories(&self) -> Vec<MemoryId> {
        let mut ids: Vec<MemoryId> =
            self.cited_memories.iter().filter_map(|id| MemoryId::parse(id).ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Feedback as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackRecord {
    /// By which client.
    pub client: String,
    /// By whom, where a person is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Of the answer to which search.
    pub search: AuditId,
    /// What.
    pub feedback: Feedback,
    /// When.
    pub given: Timestamp,
}

/// What one person thinks of one memory: a vote for each search of theirs, the last that was given for it. Of more than
/// [`limits::OPINION_VOTES_MAX`] the earliest are forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    votes: Vec<(AuditId, bool)>,
}

impl Opinion {
    /// The same with this vote, in the place of the one that the search had.
    #[must_use]
    pub fn with(&self, search: AuditId, is_for: bool) -> Self {
        let mut votes: Vec<(AuditId, bool)> =
            self.votes.iter().filter(|(of, _)| *of != search).copied().collect();
        votes.push((search, is_for));
        let over = votes.len().saturating_sub(limits::OPINION_VOTES_MAX);
        votes.drain(..over);
        Self { votes }
    }

    /// How many searches it was good for.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.votes.iter().filter(|(_, is_for)| *is_for).count() as u64
    }

    /// How many it was not.
    #[must_use]
    pub fn down(&self) -> u64 {
        self.votes.len() as u64 - self.up()
    }

    /// How likely the memory is to be good for the next search: see [`standing`].
    #[must_use]
    pub fn standing(&self) -> f64 {
        standing(self.up(), self.down())
    }
}

/// How likely something is to be good the next time that was good `up` times and bad `down` times, from 0 to 1: the mean of the
/// Beta distribution that an even one becomes by these (Laplace's rule of succession, 1774). Of what nobody said anything it is a
/// half, and few votes say little.
#[must_use]
pub fn standing(up: u64, down: u64) -> f64 {
    (up as f64 + 1.0) / (up as f64 + down as f64 + 2.0)
}

/// The name of the record of an opinion: of whom, and about what. Who acts for nobody has opinions of the client's own.
#[must_use]
pub fn opinion_id(memory: MemoryId, client: &str, user: Option<&UserId>) -> String {
    let whose = match user {
        Some(user) => format!("memoryscope-opinion-v1\0person\0{}", user.as_str()),
        None => format!("memoryscope-opinion-v1\0client\0{client}"),
    };
    let digest = Hash32::of(whose.as_bytes());
    let hex: String = digest.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hex}", memory.prefixed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn search(number: u128) -> AuditId {
        AuditId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn types_and_scores_vote() {
        let check = |kind: FeedbackType, score: Option<f64>, expect: Option<bool>| {
            let source = FeedbackSource::Inline;
            let said = Said::default();
            let feedback =
                Feedback { kind, source, score, said, cited_memories: Vec::new(), cited_nodes: Vec::new() };
            assert_eq!(feedback.vote(), expect, "{kind:?} {score:?}");
        };
        check(FeedbackType::ThumbsUp, None, Some(true));
        check(FeedbackType::ThumbsDown, Some(-1.0), Some(false));
        check(FeedbackType::Rating, Some(4.0), Some(true));
        check(FeedbackType::Rating, Some(3.0), None);
        check(FeedbackType::Rating, Some(1.0), Some(false));
        check(FeedbackType::SaveAction, None, Some(true));
        check(FeedbackType::Report, None, Some(false));
        check(FeedbackType::MemoryRelevance, None, None);
        check(FeedbackType::AnswerQuality, Some(-0.5), Some(false));
    }

    #[test]
    fn nothing_said_is_in_the_middle() {
        assert_eq!(standing(0, 0), 0.5);
        assert_eq!(standing(1, 0), 2.0 / 3.0);
        assert_eq!(standing(0, 8), 0.1);
    }

    #[test]
    fn opinions_are_named_by_whose_and_about_what() {
        let memory = |number| MemoryId::from_uuid(Uuid::from_u128(number));
        let ana = UserId::parse("ana").expect("a user");
        let ids = [
            opinion_id(memory(1), "one", Some(&ana)),
            opinion_id(memory(2), "one", Some(&ana)),
            opinion_id(memory(1), "ana", None),
            opinion_id(memory(1), "one", None),
        ];
        assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id)), "{ids:?}");
        // A person is one whichever client speaks for them.
        assert_eq!(opinion_id(memory(1), "two", Some(&ana)), ids[0]);
    }

    proptest! {
        #[test]
        fn one_vote_for_each_search(votes in prop::collection::vec((0..300_u128, any::<bool>()), 0..600)) {
            let opinion = votes.iter().fold(Opinion::default(), |opinion, (of, is_for)| opinion.with(search(*of), *is_for));
            let mut last: Vec<(u128, bool)> = Vec::new();
            for (of, is_for) in &votes {
                last.retain(|(other, _)| other != of);
                last.push((*of, *is_for));
            }
            let last = &last[last.len().saturating_sub(limits::OPINION_VOTES_MAX)..];
            prop_assert_eq!(opinion.up(), last.iter().filter(|(_, is_for)| *is_for).count() as u64);
            prop_assert_eq!(opinion.up() + opinion.down(), last.len() as u64);
        }

        #[test]
        fn standings_are_probabilities_that_grow_with_votes(up in 0..10_000_u64, down in 0..10_000_u64) {
            let now = standing(up, down);
            prop_assert!(0.0 < now && now < 1.0);
            prop_assert!(standing(up + 1, down) > now && standing(up, down + 1) < now);
            prop_assert!((now + standing(down, up) - 1.0).abs() < 1e-12);
        }
    }
}
