//! The policies that are kept for a tenant, and when one was last activated.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::govern::{Facts, StoredEntry};
use memoryscope_engine::port::PolicySelect;
use rusqlite::params;

use super::apply::one;
use super::error::Failure;
use super::load::View;
use super::row::entry;
use crate::common::row;

impl View<'_> {
    pub(super) fn policies(&self, select: &PolicySelect, facts: &mut Facts) -> Result<(), Failure> {
        let tenant = self.load.tenant.as_str();
        let read = |row: &rusqlite::Row<'_>| {
            Ok(PolicyDocument { version: row.get(0)?, hash: row.get(1)?, text: row.get(2)? })
        };
        match select {
            PolicySelect::All(limit) => {
                let sql = "SELECT version, hash, '' FROM policies WHERE tenant = ?1 ORDER BY version, hash LIMIT ?2";
                let bound = row::limit(limit.saturating_add(1));
                let mut statement = self.conn.prepare_cached(sql)?;
                let rows = statement.query_map(params![tenant, bound], read)?;
                facts.policies = rows.collect::<Result<_, _>>()?;
                facts.more = facts.policies.len() > *limit;
                facts.policies.truncate(*limit);
            }
            PolicySelect::Version(version) => {
                let sql = "SELECT version, hash, text FROM policies WHERE tenant = ?1 AND version = ?2 ORDER BY hash";
                let mut statement = self.conn.prepare_cached(sql)?;
                let rows = statement.query_map(params![tenant, version], read)?;
                facts.policies = rows.collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    }

    /// Activations are rare and rarely asked for: the chain is walked backwards to the last one.
    pub(super) fn latest_entry(&self, operation: &Code) -> Result<Option<StoredEntry>, Failure> {
        let sql = "SELECT seq, id, prev_hash, hash, text, private FROM audit_events
                   WHERE tenant = ?1 AND operation = ?2 ORDER BY seq DESC LIMIT 1";
        one(self.conn, sql, params![self.load.tenant.as_str(), operation.as_str()], entry)
    }
}
