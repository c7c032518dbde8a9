//! Who may look at records, and who may change them. That is no matter of policy: each kind says it of itself.

use super::{Ask, Authority, Facts, Reason, Ruling, Verdict, Visible, allowed, refused};
use crate::memory::SubjectRef;
use crate::principal::{Caller, Principal, Role};
use crate::record::{Record, RecordKind, Records};

/// What the caller may not read is as if it were not there, whatever it is about to do.
pub(super) fn leave_what_is_readable(ask: &Ask<'_>, records: &mut Records) {
    records.named.retain(|record| record.may_be_read_by(ask.principal));
    records.page.retain(|record| record.may_be_read_by(ask.principal));
}

/// Where the caller wants to change what it may only read, it is denied.
pub(super) fn decide(ask: &Ask<'_>, facts: Facts) -> Verdict {
    let changes = ask.authority == Authority::ChangeRecords;
    if changes && !facts.records.named.iter().all(|record| record.may_be_changed_by(ask.principal)) {
        return refused(Reason::RoleDenied, Ruling::default(), None);
    }
    allowed(ask, facts, Ruling::default())
}

impl Record {
    /// Whether the principal may read it. The principal is of its tenant.
    #[must_use]
    pub fn may_be_read_by(&self, principal: &Principal) -> bool {
        match self.kind {
            RecordKind::Job | RecordKind::Delivery => runs(principal),
            RecordKind::Session | RecordKind::Feedback | RecordKind::Opinion => self.is_own_of(principal),
            RecordKind::User | RecordKind::Namespace | RecordKind::Batch => {
                principal.caller == Caller::System
            }
        }
    }

    /// Whether it is the person's for whom the principal acts, or the developer's, who acts for anybody.
    fn is_own_of(&self, principal: &Principal) -> bool {
        match &principal.user {
            Some(user) => self.subject == Some(SubjectRef::of_user(user)),
            None => true,
        }
    }

    /// Whether the principal may change it.
    #[must_use]
    pub fn may_be_changed_by(&self, principal: &Principal) -> bool {
        self.may_be_read_by(principal)
    }
}

/// Whether it runs the tenant.
pub(super) fn runs(principal: &Principal) -> bool {
    let has_no_key = principal.client == Principal::LOCAL_CLIENT;
    has_no_key || principal.roles.contains(&Role::Admin) || principal.caller == Caller::System
}

impl Visible<Facts> {
    /// The records that the caller may read.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.facts.records
    }

    /// Whether the decision was about keeping this version: a first one, or the next one of what was decided about.
    pub(super) fn may_keep_record(&self, next: &Record) -> bool {
        let held = self.held_record(next.kind, &next.id);
        let follows = held.map_or(next.version == 1, |held| held.version + 1 == next.version);
        match self.authority {
            Authority::System => true,
            Authority::ChangeRecords => follows,
            Authority::KeepSession => follows && self.names_session(next),
            Authority::GiveFeedback => follows && self.says(next),
            _ => false,
        }
    }

    /// Whether it was about forgetting this record.
    pub(super) fn may_forget_record(&self, kind: RecordKind, id: &str) -> bool {
        let is_held = self.held_record(kind, id).is_some();
        self.authority == Authority::System || (self.authority == Authority::ChangeRecords && is_held)
    }

    fn held_record(&self, kind: RecordKind, id: &str) -> Option<&Record> {
        self.facts.records.named.iter().find(|record| record.kind == kind && record.id == id)
    }
}
