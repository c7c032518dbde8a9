//! What reading a body costs: `cargo bench -p memoryscope-api`.

use divan::Bencher;
use divan::counter::BytesCount;
use memoryscope_api::json::{Document, parse};
use memoryscope_api::scoped::CreateRequest;
use memoryscope_api::wire::Unknown;

fn main() {
    divan::main();
}

/// A body of `POST /memory` whose value has so many likes.
fn body(likes: usize) -> Vec<u8> {
    let likes: Vec<String> = (0..likes).map(|n| format!("a thing that somebody likes {n}")).collect();
    let body = serde_json::json!({
        "user_id": "ada", "scope": "preferences", "domain": "food", "source": "explicit_user_input", "ttl_days": 30,
        "value_json": {"likes": likes, "dislikes": ["coriander"], "spice_level": 3},
    });
    body.to_string().into_bytes()
}

fn document(body: &[u8]) -> Document {
    parse(body).expect("a good body")
}

/// From bytes to strict JSON, and on to what the operation takes.
#[divan::bench(args = [3, 100, 1_000])]
fn create_body(bencher: Bencher<'_, '_>, likes: usize) {
    let body = body(likes);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench_local(|| document(&body).decode::<CreateRequest>(Unknown::Accept).expect("a good request"));
}

/// The first half of it.
#[divan::bench(args = [3, 100, 1_000])]
fn strict_json(bencher: Bencher<'_, '_>, likes: usize) {
    let body = body(likes);
    bencher.counter(BytesCount::new(body.len())).bench_local(|| document(&body));
}
