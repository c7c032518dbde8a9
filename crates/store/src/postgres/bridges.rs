//! Bridges, and listings that go behind them.

use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::port::{BridgeSelect, Load, ObjectSelect};
use tokio_postgres::Row;

use super::apply::boxed;
use super::error::Failure;
use super::listing::Listing;
use super::load::View;
use super::matching;
use super::session::Call;
use super::value::{Bytes, Value};
use crate::common::prepare::BridgeRow;
use crate::common::row;

const ONE: &str = "SELECT document FROM bridges WHERE tenant = $1 AND id = $2";

/// From the one scope, and to the other.
const BETWEEN: &str = "
    (SELECT id, document FROM bridges
     WHERE tenant = $1 AND source_key = $2 AND valid_from_seq <= $7
         AND (valid_to_seq IS NULL OR valid_to_seq > $7) AND (expires IS NULL OR expires > $4)
     ORDER BY id LIMIT $5)
    UNION
    (SELECT id, document FROM bridges
     WHERE tenant = $1 AND target_key = $3 AND valid_from_seq <= $7
         AND (valid_to_seq IS NULL OR valid_to_seq > $7) AND (expires IS NULL OR expires > $4)
     ORDER BY id LIMIT $6)
    ORDER BY id";

const OF_PERSON: &str = "
    SELECT id, document FROM bridges WHERE tenant = $1 AND source_key = $2
    UNION SELECT id, document FROM bridges WHERE tenant = $1 AND target_key = $2
    ORDER BY id LIMIT $3";

/// What is asked of bridges first.
pub(super) fn call(load: &Load, select: &BridgeSelect) -> Call<'static> {
    let tenant: Value<'static> = Box::new(load.tenant.as_str().to_owned());
    match select {
        BridgeSelect::One(id) => Call::new(ONE, vec![tenant, Box::new(Bytes::of(id.uuid()))]),
        BridgeSelect::Between { source, target } => {
            let (source, target) = (Bytes(source.partition().0), Bytes(target.partition().0));
            let now = Box::new(load.now.unix_micros());
            let from = Box::new(row::limit(2 * limits::BRIDGES_FROM_MAX));
            let to = Box::new(row::limit(2 * limits::BRIDGES_TO_MAX));
            Call::new(
                BETWEEN,
                vec![
                    tenant,
                    Box::new(source),
                    Box::new(target),
                    now,
                    from,
                    to,
                    Box::new(row::stood_at(load)),
                ],
            )
        }
    }
}

impl View<'_> {
    /// The bridges in the last column of these rows.
    pub(super) fn bridges(&self, rows: &[Row]) -> Result<Vec<Bridge>, Failure> {
        let last = |row: &Row| row.len().saturating_sub(1);
        rows.iter().map(|row| Ok(row::bridge(row.try_get(last(row))?, self.load)?)).collect()
    }

    /// Those that were asked about ([`call`]).
    pub(super) fn bridges_asked(&self, select: &BridgeSelect, rows: &[Row]) -> Result<Vec<Bridge>, Failure> {
        let found = self.bridges(rows)?;
        Ok(match select {
            BridgeSelect::One(_) => found,
            BridgeSelect::Between { .. } => {
                found.into_iter().map(|bridge| Bridge { removed: None, ..bridge }).collect()
            }
        })
    }

    /// Those from and to a person's scope, whether or not they stand.
    pub(super) async fn bridges_of_person(
        &mut self,
        user: &UserId,
        limit: usize,
    ) -> Result<Vec<Bridge>, Failure> {
        let scope = Box::new(Bytes(Scope::of_user(user).partition().0));
        let values: Vec<Value<'_>> = vec![Box::new(self.tenant()), scope, Box::new(row::limit(limit))];
        let rows = self.session.query(Call::new(OF_PERSON, values)).await?;
        self.bridges(&rows)
    }

    /// Objects of a scope and of those that are bridged to it: each as if it were listed alone.
    pub(super) async fn bridged(&mut self, select: &ObjectSelect, facts: &mut Facts) -> Result<(), Failure> {
        let mut found = Vec::with_capacity(self.load.bridges.sources.len() + 1);
        for part in self.load.bridges.parts(select) {
            let mut facts = Facts::default();
            if let Some(keys) = &part.words {
                let rows = self.session.query(matching::call(self.load, &part, keys)).await?;
                self.matched(&part, keys, &rows, &mut facts).await?;
            } else {
                let listing = Listing::Objects(&part);
                let first = self.session.query(listing.first_call(self.load)).await?;
                self.list(listing, first, &mut facts).await?;
                self.say_how_near(&part, &mut facts).await?;
            }
            found.push(facts);
        }
        self.load.bridges.merge(select, found, facts);
        Ok(())
    }
}

const INSERT_BRIDGE: &str = "
    INSERT INTO bridges (tenant, id, source_key, target_key, valid_from_seq, expires, document)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const REMOVE_BRIDGE: &str =
    "UPDATE bridges SET valid_to_seq = $3, document = $4 WHERE tenant = $1 AND id = $2";

/// A new one.
pub(super) fn insert<'a>(tenant: &'a str, seq: i64, bridge: &'a BridgeRow) -> Call<'a> {
    let id = boxed(Bytes::of(bridge.id.uuid()));
    let (source, target) = (boxed(Bytes(bridge.source)), boxed(Bytes(bridge.target)));
    let (expires, document) = (boxed(bridge.expires), boxed(bridge.document.as_str()));
    Call::new(INSERT_BRIDGE, vec![boxed(tenant), id, source, target, boxed(seq), expires, document])
}

/// One that stood stands no more.
pub(super) fn remove<'a>(tenant: &'a str, seq: i64, bridge: &'a BridgeRow) -> Call<'a> {
    let id = boxed(Bytes::of(bridge.id.uuid()));
    Call::new(REMOVE_BRIDGE, vec![boxed(tenant), id, boxed(seq), boxed(bridge.document.as_str())])
}
