//! The shipped policy loads, and decides what its design says.

use memoryscope_domain::policy::Policy;

#[test]
fn the_shipped_policy_loads() {
    if let Err(errors) = Policy::load(memoryscope_domain::policy::BUILTIN_SOURCE) {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(&**Policy::builtin().version(), "builtin-1");
}
