//! Why a read is made: one closed list for all dialects.

use serde::{Deserialize, Serialize};

/// Why a read is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To write something.
    ContentGeneration,
    /// To suggest something.
    Recommendation,
    /// To plan time.
    Scheduling,
    /// To draw an interface.
    UiRendering,
    /// To send a notification.
    NotificationDelivery,
    /// To act.
    TaskExecution,
    /// To answer in a conversation.
    ChatResponse,
    /// To keep someone safe.
    SafetyFiltering,
    /// Because the person asked to look at their own memories.
    ReflectionRequestedByUser,
    /// A support agent's review.
    SupportAgentReview,
    /// An audit.
    ComplianceAudit,
    /// To look into a past decision.
    DebuggingReplay,
    /// A person's right of access to what is held about them.
    SubjectAccess,
    /// The system's own jobs.
    Maintenance,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 14] = [
        Self::ContentGeneration,
        Self::Recommendation,
        Self::Scheduling,
        Self::UiRendering,
        Self::NotificationDelivery,
        Self::TaskExecution,
        Self::ChatResponse,
        Self::SafetyFiltering,
        Self::ReflectionRequestedByUser,
        Self::SupportAgentReview,
        Self::ComplianceAudit,
        Self::DebuggingReplay,
        Self::SubjectAccess,
        Self::Maintenance,
    ];

    /// Its name in requests, policies and audit entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContentGeneration => "content_generation",
            Self::Recommendation => "recommendation",
            Self::Scheduling => "scheduling",
            Self::UiRendering => "ui_rendering",
            Self::NotificationDelivery => "notification_delivery",
            Self::TaskExecution => "task_execution",
            Self::ChatResponse => "chat_response",
            Self::SafetyFiltering => "safety_filtering",
            Self::ReflectionRequestedByUser => "reflection_requested_by_user",
            Self::SupportAgentReview => "support_agent_review",
            Self::ComplianceAudit => "compliance_audit",
            Self::DebuggingReplay => "debugging_replay",
            Self::SubjectAccess => "subject_access",
            Self::Maintenance => "maintenance",
        }
    }

    /// The purpose of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// The classes that free text is mapped to, in the order in which they are tried. A scoped read states one of them.
pub const SCOPED_CLASSES: [Purpose; 6] = [
    Purpose::ContentGeneration,
    Purpose::Recommendation,
    Purpose::Scheduling,
    Purpose::UiRendering,
    Purpose::NotificationDelivery,
    Purpose::TaskExecution,
];

/// What a text must contain to be of a class: lower-case beginnings of words, in the order of [`SCOPED_CLASSES`].
pub const SCOPED_KEYWORDS: [(Purpose, &[&str]); 6] = [
    (Purpose::ContentGeneration, &["content", "generate", "create", "write"]),
    (Purpose::Recommendation, &["recommend", "suggest"]),
    (Purpose::Scheduling, &["schedul", "calendar", "time"]),
    (Purpose::UiRendering, &["ui", "render", "display", "show"]),
    (Purpose::NotificationDelivery, &["notify", "notification", "alert"]),
    (Purpose::TaskExecution, &["task", "execute", "action", "run"]),
];

/// The class of a purpose in free text: the first of [`SCOPED_KEYWORDS`] with a keyword at the start of a word, that
/// is after no letter or digit of any script. Case does not matter. `None` means denied: a read fails closed.
///
/// The text's length is the caller's to limit ([`crate::limits::PURPOSE_CHARS_MAX`]).
#[must_use]
pub fn classify(text: &str) -> Option<Purpose> {
    let text: String = text.chars().flat_map(char::to_lowercase).collect();
    let starts_word = |at: usize| !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    let has = |keyword: &str| text.match_indices(keyword).any(|(at, _)| starts_word(at));
    let found = SCOPED_KEYWORDS.into_iter().find(|(_, keywords)| keywords.iter().any(|keyword| has(keyword)));
    found.map(|(purpose, _)| purpose)
}
