//! Erasing everything that is a caller's own, memory by memory.
//!
//! Each memory is erased by the step that erases one that is named, so that the same policy decides it, what follows from it goes with it
//! and an audit entry says so. A crash or a timeout between two of them leaves what was done done: the request is sent again then,
//! and finds what is left.

use futures_util::future::join_all;
use memoryscope_domain::ids::{AuditId, IdSeed, IdSource, MemoryId};
use memoryscope_domain::lifecycle::{Barred, Step};
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;

use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::op::own::Own;
use crate::op::step::MakeStep;
use crate::refusal::Refusal;

/// What became of one memory that was to be erased.
#[derive(Debug)]
pub struct Erased {
    /// Which.
    pub id: MemoryId,
    /// When it was stored, or why it stays.
    pub result: Result<Timestamp, NotErased>,
}

/// Why a memory stays.
#[derive(Debug)]
pub enum NotErased {
    /// It cannot be erased as it is; the audit entry says so.
    Barred(Barred, AuditId),
    /// It may not be, or could not be now.
    Refused(Refusal),
}

/// What became of everything that was to be erased.
#[derive(Debug, Default)]
pub struct AllErased {
    /// How many are erased.
    pub erased: usize,
    /// How many are not.
    pub failed: usize,
    /// Each of them, in order of their ids; of those that are erased, the first [`limits::ERASED_SHOWN_ITEMS`], and likewise of those that
    /// are not.
    pub shown: Vec<Erased>,
}

/// Erases every event that is the caller's own, in one namespace or in all of them, in lots of [`limits::ERASED_AT_ONCE_ITEMS`].
/// What nobody may know of is passed over.
///
/// # Errors
/// When the caller may not change anything, or what is its own cannot be read now: what was erased before stays erased.
pub async fn erase_own(
    engine: &Engine,
    cx: &Context,
    namespace: Option<&str>,
) -> Result<AllErased, Refusal> {
    let mut seeds = IdSource::new(cx.id_seed, cx.now);
    let mut context = || {
        let id_seed = IdSeed(*seeds.next_uuid().as_bytes());
        Context { id_seed, idempotency: None, ..cx.clone() }
    };
    let (mut all, mut after) = (AllErased::default(), None);
    loop {
        let own = Own { namespace: namespace.map(str::to_owned), after };
        let found = engine.run(&context(), &own).await?.output;
        for lot in found.ids.chunks(limits::ERASED_AT_ONCE_ITEMS) {
            let lot: Vec<(MemoryId, Context)> = lot.iter().map(|id| (*id, context())).collect();
            all.take(join_all(lot.iter().map(|(id, cx)| erase(engine, cx, *id))).await);
        }
        after = found.after;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Erases one; nothing where there is none to know of any more.
async fn erase(engine: &Engine, cx: &Context, id: MemoryId) -> Option<Erased> {
    let result = match engine.run(cx, &MakeStep { id, step: Step::Erase }).await {
        Ok(Done { output: Ok(made), .. }) => Ok(made.memory.created),
        Ok(Done { output: Err(barred), access_log, .. }) => Err(NotErased::Barred(barred, access_log)),
        Err(Refusal::Hidden { .. }) => return None,
        Err(refusal) => Err(NotErased::Refused(refusal)),
    };
    Some(Erased { id, result })
}

impl AllErased {
    fn take(&mut self, lot: Vec<Option<Erased>>) {
        for one in lot.into_iter().flatten() {
            let count = if one.result.is_ok() { &mut self.erased } else { &mut self.failed };
            *count += 1;
            if *count <= limits::ERASED_SHOWN_ITEMS {
                self.shown.push(one);
            }
        }
    }
}
