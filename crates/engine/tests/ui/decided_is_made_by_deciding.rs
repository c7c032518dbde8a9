//! What a store may be told is made from what was decided, not by saying so.
use memoryscope_domain::change::ChangeSet;
use memoryscope_domain::govern::Decided;

fn go_round(set: ChangeSet) -> Decided<ChangeSet> {
    Decided { 0: set }
}

fn main() {}
