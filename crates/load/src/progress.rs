//! Progress on standard error, for people; nothing where that is no terminal.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many steps; `unit` says what a step is.
#[must_use]
pub fn bar(steps: u64, unit: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps);
    // On one line of a terminal with 80 columns.
    let template = format!("{{bar:30}} {{human_pos}}/{{human_len}} {unit} {{msg:8}} {{eta}} left");
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
