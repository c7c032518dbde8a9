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
