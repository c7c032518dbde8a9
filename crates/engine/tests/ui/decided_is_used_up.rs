//! What was decided is done once.
use memoryscope_domain::change::ChangeSet;
use memoryscope_domain::govern::Decided;
use memoryscope_engine::port::Store;

async fn twice(store: &dyn Store, decided: Decided<ChangeSet>) {
    let _ = store.commit(decided).await;
    let _ = store.commit(decided).await;
}

fn main() {}
