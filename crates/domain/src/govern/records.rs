//! Who may look at records, and who may change them. That is no matter of policy: each kind says it of itself.

use super::{Ask, Authority, Facts, Reason, Ruling, Verdict, Visible, allowed, refused};
use crate::change::{Change, ChangeSet};
use crate::ids::UserId;
use crate::memory::SubjectRef;
use crate::policy::Effect;
use crate::principal::{Caller, Principal, Role};
use crate::record::{Record, RecordKind, Records};
use crate::webhook::Batch;

/// What the caller may not read is as if it were not there, whatever it is about to do.
pub(super) fn leave_what_is_readable(ask: &Ask<'_>, records: &mut Records) {
    records.named.retain(|record| record.may_be_read_by(ask.principal));
    records.page.retain(|record| record.may_be_read_by(ask.principal));
}

/// Where the caller wants to change what it may only read, it is denied.
pub(super) fn decide(ask: &Ask<'_>, facts: Facts) -> Verdict {
    if ask.authority == Authority::ManageRecords && !manages(ask.principal) {
        return refused(Reason::RoleDenied, Ruling::default(), None);
    }
    let changes = matches!(ask.authority, Authority::ChangeRecords | Authority::ManageRecords);
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
            RecordKind::User => {
                let person = principal.user.as_ref().map(SubjectRef::of_user);
                manages(principal) || (self.subject.is_some() && self.subject == person)
            }
            // It is what holds for everybody of the tenant who is in it.
            RecordKind::Namespace => true,
            RecordKind::Session | RecordKind::Feedback | RecordKind::Opinion => self.is_own_of(principal),
            RecordKind::Batch => principal.caller == Caller::System || self.is_batch_of(principal),
        }
    }

    /// Whether it is the person's for whom the principal acts, or the developer's, who acts for anybody.
    fn is_own_of(&self, principal: &Principal) -> bool {
        match &principal.user {
            Some(user) => self.subject == Some(SubjectRef::of_user(user)),
            None => true,
        }
    }

    /// Whether it is a batch that the principal's client sent, for the person for whom it acts now; or it acts for nobody.
    fn is_batch_of(&self, principal: &Principal) -> bool {
        Batch::read(self).is_ok_and(|batch| {
            let user = principal.user.as_ref().map(UserId::as_str);
            batch.client == principal.client && (user.is_none() || user == batch.user.as_deref())
        })
    }

    /// Whether the principal may change it.
    #[must_use]
    pub fn may_be_changed_by(&self, principal: &Principal) -> bool {
        match self.kind {
            RecordKind::User | RecordKind::Namespace => manages(principal),
            _ => self.may_be_read_by(principal),
        }
    }
}

/// Whether it manages its tenant's users and namespaces: a client that acts for nobody, and an admin.
pub(super) fn manages(principal: &Principal) -> bool {
    let is_developer = principal.caller == Caller::Client && principal.user.is_none();
    is_developer || principal.roles.contains(&Role::Admin) || principal.caller == Caller::System
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
    pub(super) fn may_keep_record(&self, set: &ChangeSet, next: &Record) -> bool {
        let held = self.held_record(next.kind, &next.id);
        let follows = held.map_or(next.version == 1, |held| held.version + 1 == next.version);
        match self.authority {
            Authority::System => true,
            _ if self.changes_records() => follows,
            // A job of the tenant's, by who runs it.
            Authority::Operator => held.is_some() && follows && next.kind == RecordKind::Delivery,
            // What is told of what is made, and which of it came together.
            Authority::Policy(Effect::Write) => {
                let makes = set.changes.iter().any(|change| matches!(change, Change::InsertMemory(_)));
                let tells = matches!(next.kind, RecordKind::Delivery | RecordKind::Batch);
                tells && makes && next.version == 1
            }
            Authority::KeepSession => follows && self.names_session(next),
            Authority::GiveFeedback => follows && self.says(next),
            _ => false,
        }
    }

    /// Whether it was about forgetting this record.
    pub(super) fn may_forget_record(&self, kind: RecordKind, id: &str) -> bool {
        let is_held = self.held_record(kind, id).is_some();
        self.authority == Authority::System || (self.changes_records() && is_held)
    }

    fn changes_records(&self) -> bool {
        matches!(self.authority, Authority::ChangeRecords | Authority::ManageRecords)
    }

    fn held_record(&self, kind: RecordKind, id: &str) -> Option<&Record> {
        self.facts.records.named.iter().find(|record| record.kind == kind && record.id == id)
    }
}
