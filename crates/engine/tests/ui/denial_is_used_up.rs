//! A denial is written once.
use memoryscope_domain::change::ChangeSet;
use memoryscope_domain::govern::Denial;

fn twice(denial: Denial, first: ChangeSet, second: ChangeSet) {
    let _ = denial.decided(first);
    let _ = denial.decided(second);
}

fn main() {}
