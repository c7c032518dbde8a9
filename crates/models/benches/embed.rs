//! What embedding costs, on one thread: `cargo bench -p memoryscope-models`. The model is where the tests look for it.

use std::path::PathBuf;

use divan::Bencher;
use divan::counter::ItemsCount;
use memoryscope_engine::embed::{Embedder as _, Readiness};
use memoryscope_models::local::{LocalConfig, LocalEmbedder};

fn main() {
    divan::main();
}

/// So many texts of 16 tokens, the two at the ends among them.
fn texts(count: usize) -> Vec<String> {
    (0..count)
        .map(|_| "the cat sat on the mat while the old dog slept at home".to_owned() + " again")
        .collect()
}

/// One sentence, as it is searched for, and a lot of them, as a job embeds them.
#[divan::bench(args = [1, 8, 64], sample_count = 20)]
fn sentences_of_16_tokens(bencher: Bencher<'_, '_>, count: usize) {
    let target = || {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("models")
    };
    let folder = std::env::var_os("MEMORYSCOPE_TEST_MODEL_DIR").map_or_else(target, PathBuf::from);
    let embedder = LocalEmbedder::new(LocalConfig { folder, threads: 1 });
    assert_eq!(embedder.readiness(), Readiness::Ready, "scripts/ensure-model brings the model");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let texts = texts(count);
    let embed = || runtime.block_on(embedder.embed(&texts)).expect("vectors");
    // It is read before the first.
    embed();
    bencher.counter(ItemsCount::new(count)).bench_local(embed);
}
