//! Bridges, and listings that go behind them.

use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_engine::port::{BridgeSelect, ObjectSelect};
use rusqlite::{Connection, Params, params};

use super::apply::execute;
use super::error::Failure;
use super::load::View;
use super::row::text;
use crate::common::prepare::BridgeRow;
use crate::common::row;

const TO: &str = "
    SELECT document FROM bridges
    WHERE tenant = ?1 AND target_key = ?2 AND valid_from_seq <= ?5
        AND (valid_to_seq IS NULL OR valid_to_seq > ?5) AND (expires IS NULL OR expires > ?3)
    ORDER BY id LIMIT ?4";
const FROM: &str = "
    SELECT document FROM bridges
    WHERE tenant = ?1 AND source_key = ?2 AND valid_from_seq <= ?5
        AND (valid_to_seq IS NULL OR valid_to_seq > ?5) AND (expires IS NULL OR expires > ?3)
    ORDER BY id LIMIT ?4";
const ONE: &str = "SELECT document FROM bridges WHERE tenant = ?1 AND id = ?2";
const OF_PERSON: &str = "
    SELECT document FROM bridges WHERE tenant = ?1 AND source_key = ?2
    UNION SELECT document FROM bridges WHERE tenant = ?1 AND target_key = ?2";

impl View<'_> {
    /// The bridges that the load brings beside its records.
    pub(super) fn bridges_beside(&self) -> Result<Vec<Bridge>, Failure> {
        let mut found = Vec::new();
        if let Some(to) = self.load.bridges.to {
            found.extend(self.bridges_at(TO, to, 2 * limits::BRIDGES_TO_MAX)?);
        }
        if let Some(from) = self.load.bridges.from {
            found.extend(self.bridges_at(FROM, from, 2 * limits::BRIDGES_FROM_MAX)?);
        }
        Ok(in_order(found))
    }

    pub(super) fn bridges(&self, select: &BridgeSelect) -> Result<Vec<Bridge>, Failure> {
        let tenant = self.load.tenant.as_str();
        match select {
            BridgeSelect::One(id) => self.read_bridges(ONE, params![tenant, id.uuid().as_bytes()]),
            BridgeSelect::Between { source, target } => {
                let mut found = self.bridges_at(FROM, source.partition(), 2 * limits::BRIDGES_FROM_MAX)?;
                found.extend(self.bridges_at(TO, target.partition(), 2 * limits::BRIDGES_TO_MAX)?);
                Ok(in_order(found))
            }
        }
    }

    /// Those from and to a person's scope, whether or not they stand.
    pub(super) fn bridges_of_person(&self, user: &UserId, limit: usize) -> Result<Vec<Bridge>, Failure> {
        let scope = Scope::of_user(user).partition();
        let found = self.read_bridges(OF_PERSON, params![self.load.tenant.as_str(), scope.0])?;
        let mut found = in_order(found);
        found.truncate(limit);
        Ok(found)
    }

    fn bridges_at(&self, sql: &str, scope: Partition, limit: usize) -> Result<Vec<Bridge>, Failure> {
        let (now, limit, seq) = (self.load.now.unix_micros(), row::limit(limit), row::stood_at(self.load));
        let found = self.read_bridges(sql, params![self.load.tenant.as_str(), scope.0, now, limit, seq])?;
        Ok(found.into_iter().map(|bridge| Bridge { removed: None, ..bridge }).collect())
    }

    fn read_bridges(&self, sql: &str, values: impl Params) -> Result<Vec<Bridge>, Failure> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut bridges = Vec::new();
        while let Some(row) = rows.next()? {
            bridges.push(row::bridge(text(row, 0)?, self.load)?);
        }
        Ok(bridges)
    }

    /// The latest first, filtered as preferences are; of a scope, and of those that are bridged to it.
    pub(super) fn objects(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        let bridges = &self.load.bridges;
        if bridges.sources.is_empty() {
            return self.objects_of(select, facts);
        }
        let mut found = Vec::with_capacity(bridges.sources.len() + 1);
        for part in bridges.parts(select) {
            let mut facts = Facts::default();
            self.objects_of(&part, &mut facts)?;
            found.push(facts);
        }
        bridges.merge(select, found, facts);
        Ok(())
    }
}

fn in_order(mut bridges: Vec<Bridge>) -> Vec<Bridge> {
    bridges.sort_by_key(|bridge| bridge.id);
    bridges.dedup();
    bridges
}

pub(super) fn insert(
    conn: &Connection,
    tenant: &str,
    seq: i64,
    bridge: &BridgeRow,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        "INSERT INTO bridges (tenant, id, source_key, target_key, valid_from_seq, expires, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            tenant,
            bridge.id.uuid().as_bytes(),
            bridge.source,
            bridge.target,
            seq,
            bridge.expires,
            bridge.document
        ],
    )
}

pub(super) fn remove(
    conn: &Connection,
    tenant: &str,
    seq: i64,
    bridge: &BridgeRow,
) -> rusqlite::Result<usize> {
    execute(
        conn,
        "UPDATE bridges SET valid_to_seq = ?3, document = ?4 WHERE tenant = ?1 AND id = ?2",
        params![tenant, bridge.id.uuid().as_bytes(), seq, bridge.document],
    )
}
