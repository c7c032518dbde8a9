//! A store cannot be told what nobody decided.
use memoryscope_domain::change::ChangeSet;
use memoryscope_engine::port::Store;

async fn go_round(store: &dyn Store, set: ChangeSet) {
    let _ = store.commit(set).await;
}

fn main() {}
