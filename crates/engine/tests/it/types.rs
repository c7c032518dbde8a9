//! Going round the policy does not compile.

use std::path::Path;
use std::process::Command;

/// The compiler whose messages `tests/ui/*.stderr` hold.
const MESSAGES_OF: &str = "rustc 1.95.";

#[test]
fn going_round_the_policy_does_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc says its version").stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    assert!(Path::new("tests/ui").is_dir());
    if version.starts_with(MESSAGES_OF) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        // The types refuse in every compiler, which the examples in `govern` test; the words differ.
        println!("skipped: the kept messages are those of {MESSAGES_OF}x, this is {version}");
    }
}
