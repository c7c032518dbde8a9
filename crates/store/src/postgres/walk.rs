//! The walk of a whole chain, page by page in one snapshot: no statement takes long, and little is in memory.

use memoryscope_domain::audit_chain::{Reason, Row as ChainRow, Seq, SignedCheckpoint, Verifier};
use memoryscope_domain::govern::Facts;
use tokio_postgres::Row;

use super::error::Failure;
use super::load::View;
use super::session::Call;
use crate::common::row;

/// Entries read at once.
const PAGE_ROWS: usize = 512;

const CHECKPOINTS: &str = "SELECT seq, text FROM checkpoints WHERE tenant = $1 ORDER BY number";

const HEAD: &str = "SELECT seq, hash FROM audit_heads WHERE tenant = $1";

const PAGE: &str = "
    SELECT seq, prev_hash, hash, text FROM audit_events WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3";

impl View<'_> {
    /// Walks the chain.
    pub(super) async fn verify(&mut self, facts: &mut Facts) -> Result<(), Failure> {
        let mut verifier = Verifier::new(self.load.tenant.clone());
        let calls = [
            Call::new(CHECKPOINTS, vec![Box::new(self.tenant())]),
            Call::new(HEAD, vec![Box::new(self.tenant())]),
        ];
        let answers = self.session.pipeline(&calls).await?;
        let mut answers = answers.iter();
        facts.checkpoints = checkpoints(answers.next().map_or(&[], Vec::as_slice), &mut verifier)?;
        verifier.expect_stored(&facts.checkpoints);
        let head = answers.next().and_then(|rows| rows.first());
        let head = head.map(|row| Ok::<_, Failure>(row::head(row.try_get(0)?, row.try_get(1)?)?));
        verifier.expect_head(head.transpose()?.unwrap_or_default());
        let mut after = i64::MIN;
        loop {
            let page = Call::new(
                PAGE,
                vec![Box::new(self.tenant()), Box::new(after), Box::new(row::limit(PAGE_ROWS))],
            );
            let rows = self.session.query(page).await?;
            for row in &rows {
                after = row.try_get(0)?;
                push(&mut verifier, row)?;
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
        }
        facts.verification = Some(verifier.finish());
        Ok(())
    }
}

fn push(verifier: &mut Verifier, row: &Row) -> Result<(), Failure> {
    let seq = Seq(row::count(row.try_get(0)?)?);
    // A hash of another length is a finding, not a failure of the walk.
    let (Ok(prev_hash), Ok(hash)) = (row::hash(row.try_get(1)?), row::hash(row.try_get(2)?)) else {
        verifier.refuse_next(Reason::Edited);
        return Ok(());
    };
    verifier.push(&ChainRow { seq, prev_hash, hash, text: row.try_get(3)? });
    Ok(())
}

/// The checkpoints that can be read; the verifier is told of those that cannot.
fn checkpoints(rows: &[Row], verifier: &mut Verifier) -> Result<Vec<SignedCheckpoint>, Failure> {
    let mut checkpoints = Vec::new();
    for row in rows {
        match SignedCheckpoint::parse(row.try_get(1)?) {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(_) => {
                verifier.refuse_checkpoint(Seq(row::count(row.try_get(0)?)?), Reason::CheckpointInvalid);
            }
        }
    }
    Ok(checkpoints)
}
