//! A run: the corpus first, then so many random pairs, on every processor.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use memoryscope_domain::policy::BUILTIN_SOURCE;
use serde_json::Value as Json;

use crate::compare::{compare, compare_pair};
use crate::coverage::Coverage;
use crate::entities::Wrong;
use crate::generate::rule_set;
use crate::oracle::RuleSet;
use crate::pair::Pair;
use crate::rng::Rng;
use crate::shrink::shrunk;
use crate::world::{Mentions, memory, request};

/// How many requests each rule set is asked. Reading rules takes longer than asking them.
pub const PAIRS_EACH: u64 = 8;

/// Every so-many-th rule set is also asked clause by clause.
const CLAUSES_EVERY: u64 = 4;

/// After so many disagreements nothing more is to be learned.
const DISAGREEMENTS_MAX: usize = 10;

/// What a run found.
#[derive(Debug, Default)]
pub struct Found {
    /// What was seen.
    pub coverage: Coverage,
    /// Pairs about which the two disagree, as small as they get, with what they disagree about.
    pub disagreements: Vec<(Pair, Vec<String>)>,
    /// Pairs that one of the two did not take: a mistake of this program.
    pub broken: Vec<String>,
}

/// The built-in policy as a document.
///
/// # Panics
/// When it is no YAML: then nothing works.
#[must_use]
pub fn builtin() -> Json {
    serde_saphyr::from_str(BUILTIN_SOURCE).expect("the built-in policy is YAML")
}

/// Asks both about `pairs` random pairs, whatever the number of threads the same ones. `done` counts them meanwhile.
#[must_use]
pub fn random(pairs: u64, seed: u64, threads: usize, done: &AtomicU64) -> Found {
    let builtin = builtin();
    let next = AtomicU64::new(0);
    let found = Mutex::new(Found::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| worker(pairs, seed, &builtin, &next, done, &found));
        }
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn worker(pairs: u64, seed: u64, builtin: &Json, next: &AtomicU64, done: &AtomicU64, found: &Mutex<Found>) {
    let mut coverage = Coverage::default();
    let add = |disagreement: Option<(Pair, Vec<String>)>, broken: Option<String>| {
        let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.disagreements.extend(disagreement);
        found.broken.extend(broken);
        found.disagreements.len() + found.broken.len() < DISAGREEMENTS_MAX
    };
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let first = index * PAIRS_EACH;
        if first >= pairs {
            break;
        }
        let count = PAIRS_EACH.min(pairs - first);
        let went_on = one_rule_set(seed, index, count, builtin, &mut coverage, &add);
        done.fetch_add(count, Ordering::Relaxed);
        if !went_on {
            next.store(pairs, Ordering::Relaxed);
        }
    }
    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.coverage.join(&coverage);
}

/// One rule set and its requests; false when enough was found.
fn one_rule_set(
    seed: u64,
    index: u64,
    count: u64,
    builtin: &Json,
    coverage: &mut Coverage,
    add: &impl Fn(Option<(Pair, Vec<String>)>, Option<String>) -> bool,
) -> bool {
    let mut rng = Rng::new(seed, index);
    let document = rule_set(&mut rng);
    let broken = |error: Wrong| add(None, Some(format!("rule set {index}: {error}\n{document}")));
    let set = match RuleSet::new(&document, builtin) {
        Ok(set) => set,
        Err(error) => return broken(error),
    };
    coverage.rule_sets += 1;
    let mentions = Mentions::of(&set.document);
    for _ in 0..count {
        let (memory, request) = (memory(&mut rng, &mentions), request(&mut rng, &mentions));
        match compare(&set, &memory, &request, index.is_multiple_of(CLAUSES_EVERY)) {
            Err(error) => return broken(error),
            Ok(compared) => {
                coverage.add(&compared);
                if !compared.differences.is_empty() {
                    let pair = Pair { policy: document.clone(), memory, request };
                    return add(Some(shrunk(&pair, builtin)), None);
                }
            }
        }
    }
    true
}

/// Asks both about every pair that was kept: what is not as both say, a line each, and how many there are.
///
/// # Errors
/// When the folder cannot be read.
pub fn corpus(folder: &Path) -> std::io::Result<(usize, Vec<String>)> {
    let builtin = builtin();
    let files = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut found = Vec::new();
    for file in &files {
        let pair = Pair::parse(&std::fs::read_to_string(file)?);
        let differences = pair.and_then(|pair| compare_pair(&pair, &builtin));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match differences {
            Ok(differences) => found.extend(differences.iter().map(|line| format!("{name}: {line}"))),
            Err(error) => found.push(format!("{name}: {error}")),
        }
    }
    Ok((files.len(), found))
}
