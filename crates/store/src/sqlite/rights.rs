//! What persons said about purposes, and what is left of erased values.

use memoryscope_domain::govern::{ErasedValues, Facts};
use memoryscope_domain::memory::SubjectRef;
use rusqlite::{Connection, params};

use super::apply::{execute, exists, one};
use super::error::Failure;
use super::load::View;
use super::row::{audit_key, blob, text};
use crate::common::prepare::ConsentRow;
use crate::common::row;

impl View<'_> {
    /// What is asked of persons' rights.
    pub(super) fn rights(&self, facts: &mut Facts) -> Result<(), Failure> {
        let (tenant, rights) = (self.load.tenant.as_str(), &self.load.rights);
        let sql = "SELECT subject, document FROM consents WHERE tenant = ?1 AND subject = ?2";
        for person in &rights.persons {
            let consents = one(self.conn, sql, params![tenant, person.0], |row| {
                Ok(row::consents(blob(row, 0)?, text(row, 1)?, self.load)?)
            })?;
            facts.consents.extend(consents);
        }
        if !rights.erased {
            return Ok(());
        }
        let any = exists(self.conn, "SELECT 1 FROM suppressions WHERE tenant = ?1 LIMIT 1", params![tenant])?;
        let sql = "SELECT key FROM subject_keys WHERE tenant = ?1 AND subject = ?2";
        let key = one(self.conn, sql, params![tenant, SubjectRef::TENANT.0], audit_key)?;
        facts.suppressed = ErasedValues { key, any, ..ErasedValues::default() };
        let sql = "SELECT 1 FROM suppressions WHERE tenant = ?1 AND digest = ?2";
        for digest in &rights.digests {
            if exists(self.conn, sql, params![tenant, digest.hash().0])? {
                facts.suppressed.known.insert(*digest);
            }
        }
        Ok(())
    }
}

/// At which version a person's consent stands; 0 where they said nothing.
pub(super) fn consent_version(conn: &Connection, tenant: &str, subject: SubjectRef) -> Result<i64, Failure> {
    let sql = "SELECT version FROM consents WHERE tenant = ?1 AND subject = ?2";
    Ok(one(conn, sql, params![tenant, subject.0], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

/// In the place of what the person said before.
pub(super) fn keep_consent(conn: &Connection, tenant: &str, consent: &ConsentRow) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO consents (tenant, subject, version, document) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, subject) DO UPDATE SET version = excluded.version, document = excluded.document",
        params![tenant, consent.subject.0, consent.version, consent.document],
    )
}

/// Each once.
pub(super) fn suppress(conn: &Connection, tenant: &str, digests: &[[u8; 32]]) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO suppressions (tenant, digest) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    digests.iter().try_fold(0, |rows, digest| Ok(rows + execute(conn, sql, params![tenant, digest])?))
}
