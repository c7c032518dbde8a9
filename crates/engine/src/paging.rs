//! Pages of records by their number: what lies before a page is passed over in steps, each of them an entry in the chain.

use memoryscope_domain::limits;

use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::erasing::Contexts;
use crate::op::{namespace, user};
use crate::refusal::Refusal;

/// The page of users behind so many of them.
///
/// # Errors
/// See [`Refusal`].
pub async fn users(
    engine: &Engine,
    cx: &Context,
    list: user::List,
    mut skip: usize,
) -> Result<Done<user::Listed>, Refusal> {
    let mut contexts = Contexts::of(cx);
    let mut after = list.after.clone();
    while skip > 0 {
        let limit = skip.min(limits::RECORDS_STEP_ITEMS);
        let step = user::List { after, limit, ..list.clone() };
        let mut passed = engine.run(&contexts.part(), &step).await?;
        if !passed.output.more {
            passed.output.users.clear();
            return Ok(passed);
        }
        after = passed.output.users.last().map(memoryscope_domain::items::user::User::id);
        skip -= limit;
    }
    engine.run(&contexts.part(), &user::List { after, ..list }).await
}

/// The page of namespaces behind so many of them.
///
/// # Errors
/// See [`Refusal`].
pub async fn namespaces(
    engine: &Engine,
    cx: &Context,
    list: namespace::List,
    mut skip: usize,
) -> Result<Done<namespace::Listed>, Refusal> {
    let mut contexts = Contexts::of(cx);
    let mut after = list.after.clone();
    while skip > 0 {
        let limit = skip.min(limits::RECORDS_STEP_ITEMS);
        let mut passed = engine.run(&contexts.part(), &namespace::List { after, limit }).await?;
        if !passed.output.more {
            passed.output.namespaces.clear();
            return Ok(passed);
        }
        after = passed.output.namespaces.last().map(|last| last.id.clone());
        skip -= limit;
    }
    engine.run(&contexts.part(), &namespace::List { after, limit: list.limit }).await
}
