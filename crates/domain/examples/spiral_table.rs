//! How good a lexicon is at the labelled windows:
//! `cargo run -p memoryscope-domain --example spiral_table [-- LEXICON.yaml]`.
//!
//! Of the half for tuning it names what goes wrong; of the half for reporting it tells the figures alone.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;

use memoryscope_domain::spiral::{LEXICON_SOURCE, Lexicon};

#[path = "../tests/it/spiral_eval.rs"]
mod spiral_eval;
#[path = "../tests/it/yaml_cases.rs"]
mod yaml_cases;

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => LEXICON_SOURCE.to_owned(),
    };
    let lexicon = Lexicon::parse(&text).map_err(|faults| faults.join("\n"))?;
    let tuning = spiral_eval::half("tuning");
    println!("Half for tuning\n\n{}", spiral_eval::table(&lexicon, &tuning));
    for window in &tuning {
        let found = window.finding(&lexicon);
        let name = found.as_ref().map_or("none", |finding| finding.pattern.name());
        let is_control = spiral_eval::CONTROLS.contains(&window.label.as_str());
        if name != if is_control { "none" } else { window.label.as_str() } {
            let first = window.lines.first().map_or("", |line| line.text.as_str());
            println!("{} taken for {name}: {first}", window.label);
            println!("    {:?}", found.map(|finding| (finding.confidence.get(), finding.signals)));
        }
    }
    println!("\nHalf for reporting\n\n{}", spiral_eval::table(&lexicon, &spiral_eval::half("reporting")));
    Ok(())
}
