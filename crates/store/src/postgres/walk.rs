//! The walk of a whole chain, page by page in one snapshot: no statement takes long, and little is in memory.

use memoryscope_domain::audit_chain::Head;
use memoryscope_domain::govern::Facts;
use tokio_postgres::Row;

use super::error::Failure;
use super::load::View;
use super::session::Call;
use super::value::{Bytes, Raw};
use crate::common::row;
use crate::common::walk::{Stored, Walk};

/// Entries read at once.
const PAGE_ROWS: usize = 512;

const CHECKPOINTS: &str = "SELECT seq, text FROM checkpoints WHERE tenant = $1 ORDER BY number";

const HEAD: &str = "SELECT seq, hash FROM audit_heads WHERE tenant = $1";

const PAGE: &str = "
    SELECT seq, prev_hash, hash, text, id, operation, private FROM audit_events
    WHERE tenant = $1 AND seq >= $2 ORDER BY seq LIMIT $3";

/// Each by its key, whatever the planner thinks of the table's size (see `known`).
const KEYS: &str = "
    SELECT w.subject, k.key FROM unnest($2::bytea[]) AS w (subject) CROSS JOIN LATERAL
        (SELECT key FROM subject_keys WHERE tenant = $1 AND subject = w.subject OFFSET 0) AS k";

impl View<'_> {
    /// Walks the chain. Only PostgreSQL's own failures stop it.
    pub(super) async fn verify(&mut self, facts: &mut Facts) -> Result<(), Failure> {
        let mut walk = Walk::new(self.load.tenant.clone());
        self.begin_walk(&mut walk).await?;
        let mut from = Some(i64::MIN);
        while let Some(first) = from {
            let page = Call::new(
                PAGE,
                vec![Box::new(self.tenant()), Box::new(first), Box::new(row::limit(PAGE_ROWS))],
            );
            let rows = self.session.query(page).await?;
            let page = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
            self.keep_keys(&mut walk, &page).await?;
            page.iter().for_each(|stored| walk.push(stored));
            let last = page.last().filter(|_| page.len() == PAGE_ROWS);
            from = last.and_then(|last| last.seq.checked_add(1));
        }
        walk.finish(facts);
        Ok(())
    }

    async fn begin_walk(&mut self, walk: &mut Walk) -> Result<(), Failure> {
        let calls = [
            Call::new(CHECKPOINTS, vec![Box::new(self.tenant())]),
            Call::new(HEAD, vec![Box::new(self.tenant())]),
        ];
        let mut answers = self.session.pipeline(&calls).await?.into_iter();
        for row in answers.next().unwrap_or_default() {
            walk.checkpoint(row.try_get(0)?, bytes(&row, 1)?);
        }
        let head = answers.next().unwrap_or_default();
        let head = match head.first() {
            Some(row) => {
                Failure::unless_unreadable(row::head(row.try_get(0)?, bytes(row, 1)?).map_err(Failure::from))?
            }
            None => Some(Head::GENESIS),
        };
        walk.begin(head);
        Ok(())
    }

    async fn keep_keys(&mut self, walk: &mut Walk, page: &[Stored<'_>]) -> Result<(), Failure> {
        let missing = walk.keys_missing(page);
        if missing.is_empty() {
            return Ok(());
        }
        let subjects: Vec<Bytes<16>> = missing.iter().map(|subject| Bytes(subject.0)).collect();
        let call = Call::new(KEYS, vec![Box::new(self.tenant()), Box::new(subjects)]);
        let rows = self.session.query(call).await?;
        for subject in missing {
            let mut key = None;
            for row in &rows {
                if bytes(row, 0)? == subject.0 {
                    key = row::audit_key(bytes(row, 1)?).ok();
                }
            }
            walk.keep_key(subject, key);
        }
        Ok(())
    }
}

/// A row from the columns (seq, `prev_hash`, hash, text, id, operation, private).
fn stored(row: &Row) -> Result<Stored<'_>, Failure> {
    let private: Option<Raw<'_>> = row.try_get(6)?;
    Ok(Stored::new(row.try_get(0)?, bytes(row, 1)?, bytes(row, 2)?, bytes(row, 3)?)
        .with_index(bytes(row, 4)?, bytes(row, 5)?)
        .with_private(private.map(|raw| raw.0)))
}

/// A column's bytes, whatever they are.
fn bytes(row: &Row, column: usize) -> Result<&[u8], Failure> {
    let raw: Option<Raw<'_>> = row.try_get(column)?;
    Ok(raw.map_or(&[], |raw| raw.0))
}
