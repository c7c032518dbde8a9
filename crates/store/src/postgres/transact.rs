//! One transaction for some change sets of one tenant.
//!
//! The tenant's head is locked first. Every writer of the tenant does so, so what is compared under it stays so until the
//! commit, absent rows too; and no two of our transactions can wait for each other. The comparison is sent with the
//! lock, and all writes are sent with the commit: two round trips.

use memoryscope_domain::audit_chain::{Head, Seq, link};
use memoryscope_engine::port::{Receipt, StoreError};
use tokio_postgres::Row;

use super::apply::Writes;
use super::error::Failure;
use super::known::{Known, Names};
use super::session::{Call, Session};
use super::value::Bytes;
use crate::common::prepare::Prepared;
use crate::common::row::{self, corrupt};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

const LOCK_HEAD: &str = "SELECT seq, hash FROM audit_heads WHERE tenant = $1 FOR UPDATE";

/// Whoever comes second waits for the first one's commit, and then finds the row.
const MAKE_HEAD: &str = "
    INSERT INTO audit_heads (tenant, seq, hash) VALUES ($1, 0, $2) ON CONFLICT (tenant) DO NOTHING";

const FIND_ENTRIES: &str = "
    SELECT e.seq, e.id FROM unnest($2::bytea[]) AS w (id) CROSS JOIN LATERAL
        (SELECT seq, id FROM audit_events WHERE tenant = $1 AND id = w.id OFFSET 0) AS e";

/// What became of each change set.
pub(super) type Outcomes = Vec<Result<Receipt, StoreError>>;

/// Why a transaction failed, and what may have been committed all the same.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) why: Failure,
    /// What the outcomes are if the commit, whose answer is missing, did happen.
    pub(super) unless: Option<Outcomes>,
}

impl From<Failure> for Failed {
    fn from(why: Failure) -> Self {
        Self { why, unless: None }
    }
}

impl From<StoreError> for Failed {
    fn from(why: StoreError) -> Self {
        Failure::Store(why).into()
    }
}

/// Compares, writes and commits. `unless` holds the outcomes of an earlier try whose commit was not answered: if its
/// entries stand in the chain, it happened, and nothing is done again.
pub(super) async fn transact(
    session: &mut Session,
    sets: &[&Prepared],
    unless: Option<&Outcomes>,
) -> Result<Outcomes, Failed> {
    let Some(first) = sets.first() else { return Ok(Vec::new()) };
    let tenant = first.tenant.as_str();
    let begun = begin(session, tenant, sets, unless.is_some()).await?;
    if let Some(outcomes) = unless
        && happened(&begun.found, sets, outcomes)?
    {
        session.pipeline(&[Call::Plain(ROLLBACK)]).await?;
        return Ok(outcomes.clone());
    }
    let mut known = Known::read(&begun.known)?;
    let mut head = begun.head;
    let mut writes = Writes::new(tenant);
    let mut outcomes = Vec::with_capacity(sets.len());
    for set in sets {
        let judged = known.judge(set);
        if judged.is_ok() {
            let entry = link(&head, &set.entry);
            head = entry.head();
            writes.add(set, entry)?;
        }
        outcomes.push(judged.map(|()| Receipt { seq: head.seq }));
    }
    if head == begun.head {
        session.pipeline(&[Call::Plain(ROLLBACK)]).await?;
        return Ok(outcomes);
    }
    let mut calls = writes.finish();
    calls.push(Call::Plain(COMMIT));
    match session.pipeline(&calls).await {
        Ok(_) => Ok(outcomes),
        Err(why) if why.is_undone() => Err(why.into()),
        Err(why) => Err(Failed { why, unless: Some(outcomes) }),
    }
}

/// What is read under the lock.
struct Begun {
    head: Head,
    known: Vec<Row>,
    found: Vec<Row>,
}

async fn begin(
    session: &mut Session,
    tenant: &str,
    sets: &[&Prepared],
    find: bool,
) -> Result<Begun, Failure> {
    let names = Names::of(sets);
    let under_lock = |calls: &mut Vec<Call<'_>>| {
        calls.push(Call::new(LOCK_HEAD, vec![Box::new(tenant.to_owned())]));
        calls.push(names.call(tenant.to_owned()));
        if find {
            let ids: Vec<Bytes<16>> = sets.iter().map(|set| Bytes::of(set.entry.id.uuid())).collect();
            calls.push(Call::new(FIND_ENTRIES, vec![Box::new(tenant.to_owned()), Box::new(ids)]));
        }
    };
    let mut calls = vec![Call::Plain(BEGIN)];
    under_lock(&mut calls);
    let mut answers = session.pipeline(&calls).await?.into_iter().skip(1);
    let mut heads = answers.next().unwrap_or_default();
    if heads.is_empty() {
        let values: Vec<super::value::Value<'_>> =
            vec![Box::new(tenant), Box::new(Bytes(Head::GENESIS.hash.0))];
        let mut calls = vec![Call::new(MAKE_HEAD, values)];
        under_lock(&mut calls);
        answers = session.pipeline(&calls).await?.into_iter().skip(1);
        heads = answers.next().unwrap_or_default();
    }
    let head = heads.first().ok_or_else(|| corrupt("head"))?;
    let head = row::head(head.try_get(0)?, head.try_get(1)?)?;
    Ok(Begun { head, known: answers.next().unwrap_or_default(), found: answers.next().unwrap_or_default() })
}

/// Whether the entries of the earlier try stand in the chain, each at its place.
fn happened(found: &[Row], sets: &[&Prepared], outcomes: &Outcomes) -> Result<bool, Failure> {
    let mut stand = 0;
    let mut wanted = 0;
    for (set, outcome) in sets.iter().zip(outcomes) {
        let Ok(receipt) = outcome else { continue };
        wanted += 1;
        for row in found {
            let (seq, id): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            let same = id == set.entry.id.uuid().as_bytes() && Seq(row::count(seq)?) == receipt.seq;
            stand += usize::from(same);
        }
    }
    Ok(stand > 0 && stand == wanted)
}
