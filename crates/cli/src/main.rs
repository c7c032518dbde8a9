//! The binary `memoryscope`: reads the configuration, wires store, engine and api together, and offers commands.
//!
//! **Invariant: the cli cannot think.** It decides nothing about memories: what it does beyond wiring is to read
//! flags and to print. Start with [`commands::run`].

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

/// The command line or the configuration is wrong: nothing was tried.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    commands::run(commands::Cli::parse()).unwrap_or_else(|error| {
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        // There is nowhere left to complain to when standard error is closed.
        let _ = writeln!(std::io::stderr(), "error: {}", chain.join(": "));
        if error.is::<config::Invalid>() { ExitCode::from(MISUSED) } else { ExitCode::FAILURE }
    })
}
