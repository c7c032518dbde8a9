//! What a caller may see is made by deciding, not by writing it down.
use memoryscope_domain::govern::{Facts, Visible};

fn main() {
    let _ = Visible { facts: Facts::default() };
}
