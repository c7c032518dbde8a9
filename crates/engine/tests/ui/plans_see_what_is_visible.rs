//! An operation plans on what is visible, never on what was loaded.
use memoryscope_domain::govern::{Authority, Facts};
use memoryscope_engine::context::Context;
use memoryscope_engine::op::{Info, Mint, Operation, Plan, read};
use memoryscope_engine::port::Select;
use memoryscope_engine::refusal::Refusal;

struct Peek;

impl Operation for Peek {
    type Output = usize;

    fn info(&self) -> &'static Info {
        &read::INFO
    }

    fn authority(&self) -> Authority {
        Authority::System
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Nothing
    }

    fn plan(&self, _cx: &Context, loaded: &Facts, _mint: &mut Mint) -> Result<Plan<usize>, Refusal> {
        Ok(Plan::answer(loaded.memories.len()))
    }
}

fn main() {}
