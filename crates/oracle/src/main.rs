//! `memoryscope-oracle [PAIRS] [SEED]`: exit code 1 when the two disagree about anything.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memoryscope_oracle::run::{Found, corpus, random};

const PAIRS: u64 = 20_000;
const SEED: u64 = 1;
/// From so many pairs on, every outcome and operator must have been seen.
const COVERED_FROM: u64 = 10_000;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the two agree about everything.
fn run() -> Result<bool, String> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let number = |at: usize, default: u64| match arguments.get(at) {
        None => Ok(default),
        Some(text) => text.replace(['_', ','], "").parse().map_err(|_| format!("{text} is no number")),
    };
    if arguments.len() > 2 {
        return Err("memoryscope-oracle [PAIRS] [SEED]".to_owned());
    }
    let (pairs, seed) = (number(0, PAIRS)?, number(1, SEED)?);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut out = std::io::stdout().lock();
    let say = |error: std::io::Error| error.to_string();
    let (files, wrong) = corpus(&folder).map_err(|error| format!("corpus: {error}"))?;
    wrong.iter().try_for_each(|line| writeln!(out, "corpus: {line}")).map_err(say)?;
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let found = with_progress(pairs, |done| random(pairs, seed, threads, done));
    let agree = report(&mut out, &found, &folder, began.elapsed()).map_err(say)?;
    let gaps = if pairs >= COVERED_FROM { found.coverage.gaps() } else { Vec::new() };
    gaps.iter().try_for_each(|gap| writeln!(out, "not covered: {gap}")).map_err(say)?;
    let few = found.coverage.pairs < pairs;
    writeln!(
        out,
        "policy oracle: {} pairs of {} rule sets (seed {seed}), {files} of the corpus: {} disagreements, {:.1} s",
        found.coverage.pairs,
        found.coverage.rule_sets,
        found.disagreements.len() + found.broken.len() + wrong.len(),
        began.elapsed().as_secs_f64(),
    )
    .map_err(say)?;
    Ok(agree && wrong.is_empty() && gaps.is_empty() && !few)
}

/// Counts on the terminal, where there is one.
fn with_progress(pairs: u64, work: impl FnOnce(&AtomicU64) -> Found) -> Found {
    let done = AtomicU64::new(0);
    if !std::io::stderr().is_terminal() {
        return work(&done);
    }
    let (finished, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            while waiting
                .recv_timeout(Duration::from_secs(1))
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = write!(std::io::stderr(), "\r{} of {pairs} pairs", done.load(Ordering::Relaxed));
            }
            let _ = writeln!(std::io::stderr());
        });
        let found = work(done);
        drop(finished);
        found
    })
}

/// What was seen and found; each disagreement becomes a file of the corpus.
fn report(out: &mut impl Write, found: &Found, corpus: &Path, elapsed: Duration) -> std::io::Result<bool> {
    writeln!(out, "{}", found.coverage)?;
    for broken in &found.broken {
        writeln!(out, "broken: {broken}")?;
    }
    for (at, (pair, differences)) in found.disagreements.iter().enumerate() {
        let text = pair.text(differences);
        let file = corpus.join(format!("found_{}_{at}.json", elapsed.as_nanos()));
        std::fs::write(&file, &text)?;
        writeln!(out, "DISAGREEMENT, kept as {}:\n{text}", file.display())?;
    }
    Ok(found.broken.is_empty() && found.disagreements.is_empty())
}
