//! The binary `memoryscope`: reads the configuration, wires store, engine and api together, and offers commands.
//!
//! **Invariant: the cli cannot think.** It decides nothing about memories: what it does beyond wiring is to read
//! flags and to print. Start with [`commands::run`].

mod asking;
mod commands;
mod config;
mod logging;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "sentry")]
mod sentry_report;
mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

/// The C library's allocator took a sixth of the time of a request (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line, the configuration or the request is wrong: nothing was done.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    commands::run(commands::Cli::parse()).unwrap_or_else(|error| {
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        // There is nowhere left to complain to when standard error is closed.
        let _ = writeln!(std::io::stderr(), "error: {}", chain.join(": "));
        if is_misuse(&error) { ExitCode::from(MISUSED) } else { ExitCode::FAILURE }
    })
}

/// Whether what was asked for is malformed.
fn is_misuse(error: &anyhow::Error) -> bool {
    error.is::<config::Invalid>()
        || error.is::<commands::Misused>()
        || error.downcast_ref::<asking::Refused>().is_some_and(asking::Refused::is_misuse)
}
