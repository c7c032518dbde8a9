//! Items, schemas and records.

use memoryscope_domain::record::RecordKind;
use memoryscope_engine::port::{RecordPage, WantedRecords};

use super::*;

/// Two kinds by turns.
fn named(number: u8) -> (RecordKind, String) {
    let kinds = [RecordKind::Job, RecordKind::Session];
    (kinds[usize::from(number % 2)], format!("record {}", number / 2))
}

pub(super) fn change(tenant: &TenantId, wish: &Wish) -> Option<Change> {
    Some(match *wish {
        Wish::InsertItem { id, persons, shared, waits } => {
            let readers: &[&str] = if shared { &["bob"] } else { &[] };
            Change::InsertMemory(make::item(tenant, id, PERSONS[persons], readers, waits))
        }
        Wish::Schema { number, version: 1 } => {
            Change::InsertSchema(Box::new(make::schema(tenant, number, 1)))
        }
        Wish::Schema { number, version } => {
            Change::ReplaceSchema(Box::new(make::schema(tenant, number, version)))
        }
        Wish::Record { number, version, group, subject, due } => {
            let (kind, id) = named(number);
            make::keep_record((kind, &id, version), if group { "g" } else { "" }, subject, due)
        }
        Wish::ForgetRecord { number } => {
            let (kind, id) = named(number);
            Change::ForgetRecord { kind, id }
        }
        _ => return None,
    })
}

pub(super) fn expect(number: u8, version: u64) -> Expect {
    let (kind, id) = named(number);
    Expect::Record { kind, id, version }
}

/// Some by their names, and some page.
pub(super) fn wanted(number: u8, page: u8) -> WantedRecords {
    let kind = named(number).0;
    let limit = usize::from(number);
    let page = match page {
        0 => RecordPage::Due { kind, by: time(number.into()), limit },
        1 => RecordPage::Listed { kind, group: None, after: None, limit, counted: true },
        _ => {
            let after = Some("record 0".to_owned()).filter(|_| number > 1);
            RecordPage::Listed { kind, group: Some("g".to_owned()), after, limit, counted: number > 2 }
        }
    };
    WantedRecords { named: [3, number, 9].map(named).to_vec(), page: Some(page) }
}
