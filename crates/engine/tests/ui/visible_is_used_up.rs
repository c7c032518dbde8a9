//! One decision makes one change set.
use memoryscope_domain::change::ChangeSet;
use memoryscope_domain::govern::{Facts, Visible};

fn twice(seen: Visible<Facts>, first: ChangeSet, second: ChangeSet) {
    let _ = seen.decided(first);
    let _ = seen.decided(second);
}

fn main() {}
