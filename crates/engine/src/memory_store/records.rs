//! Records beside memories.

use std::ops::Bound;

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::record::{Record, RecordKind, Records};
use memoryscope_domain::time::Timestamp;

use super::{Tenant, require};
use crate::port::{RecordPage, StoreError, WantedRecords};

impl Tenant {
    pub(super) fn records_of(&self, wanted: &WantedRecords) -> Records {
        let find = |(kind, id): &(RecordKind, String)| self.records.get(&(*kind, id.clone())).cloned();
        let mut records =
            Records { named: wanted.named.iter().filter_map(find).collect(), ..Records::default() };
        let Some(page) = &wanted.page else { return records };
        match page {
            RecordPage::Listed { kind, group, after, limit, counted } => {
                let all = || {
                    self.of_kind(*kind)
                        .filter(|record| group.as_ref().is_none_or(|group| record.group == *group))
                };
                let behind = all().filter(|record| after.as_ref().is_none_or(|after| record.id > *after));
                records.page = behind.take(limit.saturating_add(1)).cloned().collect();
                records.count = counted.then(|| u64::try_from(all().count()).unwrap_or(u64::MAX));
            }
            RecordPage::Due { kind, by, .. } => {
                let due = self.of_kind(*kind).filter(|record| record.due.is_some_and(|due| due <= *by));
                records.page = due.cloned().collect();
                records.page.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
            }
        }
        records.more = records.page.len() > page.limit();
        records.page.truncate(page.limit());
        records
    }

    /// Of an erased memory nobody thinks anything any more.
    pub(super) fn forget_opinions(&mut self, memory: MemoryId) {
        let group = memory.prefixed();
        self.records.retain(|(kind, _), record| *kind != RecordKind::Opinion || record.group != group);
    }

    fn of_kind(&self, kind: RecordKind) -> impl Iterator<Item = &Record> {
        let from = Bound::Included((kind, String::new()));
        let all = self.records.range((from, Bound::Unbounded));
        all.take_while(move |((of, _), _)| *of == kind).map(|(_, record)| record)
    }

    pub(super) fn has_due_record(&self, kind: RecordKind, by: Timestamp) -> bool {
        self.of_kind(kind).any(|record| record.due.is_some_and(|due| due <= by))
    }

    pub(super) fn check_record(&self, next: &Record) -> Result<(), StoreError> {
        if let Some(flaw) = next.flaw() {
            return Err(StoreError::Corrupt(format!("a change set was refused: {flaw}")));
        }
        self.expect_record(next.kind, &next.id, next.version - 1)
    }

    pub(super) fn expect_record(&self, kind: RecordKind, id: &str, version: u64) -> Result<(), StoreError> {
        let held = self.records.get(&(kind, id.to_owned())).map_or(0, |held| held.version);
        require(held == version, "a record")
    }
}
