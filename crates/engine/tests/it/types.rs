//! What the types forbid. Each file in `tests/ui` must not compile, for the reason that stands beside it.

#[test]
fn going_round_the_policy_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
