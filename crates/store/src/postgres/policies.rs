//! The policies that are kept for a tenant.

use memoryscope_domain::change::PolicyDocument;
use memoryscope_domain::govern::Facts;
use memoryscope_engine::port::PolicySelect;
use tokio_postgres::Row;

use super::error::Failure;
use super::session::Call;
use crate::common::row;

const POLICIES: &str =
    "SELECT version, hash, ''::text FROM policies WHERE tenant = $1 ORDER BY version, hash LIMIT $2";

const POLICIES_OF: &str =
    "SELECT version, hash, text FROM policies WHERE tenant = $1 AND version = $2 ORDER BY hash";

/// The one call that brings them.
pub(super) fn policies_call(tenant: String, select: &PolicySelect) -> Call<'static> {
    match select {
        PolicySelect::All(limit) => {
            let bound = row::limit(limit.saturating_add(1));
            Call::new(POLICIES, vec![Box::new(tenant), Box::new(bound)])
        }
        PolicySelect::Version(version) => {
            Call::new(POLICIES_OF, vec![Box::new(tenant), Box::new(version.clone())])
        }
    }
}

/// From the columns (version, hash, text).
pub(super) fn policies(select: &PolicySelect, records: &[Row], facts: &mut Facts) -> Result<(), Failure> {
    let policy = |row: &Row| -> Result<PolicyDocument, Failure> {
        Ok(PolicyDocument { version: row.try_get(0)?, hash: row.try_get(1)?, text: row.try_get(2)? })
    };
    facts.policies = records.iter().map(policy).collect::<Result<_, _>>()?;
    if let PolicySelect::All(limit) = select {
        facts.more = facts.policies.len() > *limit;
        facts.policies.truncate(*limit);
    }
    Ok(())
}
