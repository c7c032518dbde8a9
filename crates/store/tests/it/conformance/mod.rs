//! What every store does. Each case gets an empty store and knows nothing of its kind.

mod as_of;
mod audit;
mod bridges;
mod changes;
mod expects;
mod family;
mod keyed;
mod objects;
mod pending;
mod person;
mod reads;
mod records;
mod rights;
mod spirals;
pub(crate) mod vectors;
mod words;

use std::sync::Arc;

use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::Store;
use memoryscope_store::{SqliteConfig, SqliteStore};
use tempfile::TempDir;

pub(crate) use changes::record;

use crate::cluster::{self, Database};

/// A store and what must outlive it.
struct Opened {
    store: Arc<dyn Store>,
    _place: Place,
}

/// What a store keeps its data in.
enum Place {
    Memory,
    Files { _dir: TempDir },
    Database { _database: Database },
}

async fn memory() -> Option<Opened> {
    Some(Opened { store: Arc::new(MemoryStore::new()), _place: Place::Memory })
}

async fn sqlite() -> Option<Opened> {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("test.db"))).unwrap();
    Some(Opened { store: Arc::new(store), _place: Place::Files { _dir: dir } })
}

async fn sqlite_in_memory() -> Option<Opened> {
    let store = SqliteStore::open(&SqliteConfig::memory()).unwrap();
    Some(Opened { store: Arc::new(store), _place: Place::Memory })
}

/// None where there is no PostgreSQL.
async fn postgres() -> Option<Opened> {
    let database = cluster::shared().await?.database().await;
    let store = Arc::new(database.open().await);
    Some(Opened { store, _place: Place::Database { _database: database } })
}

/// Makes one test of each case on each store.
macro_rules! on_every_store {
    ($($module:ident: $($case:ident)*;)*) => {
        on_every_store!(@store memory $($module: $($case)*;)*);
        on_every_store!(@store sqlite $($module: $($case)*;)*);
        on_every_store!(@store sqlite_in_memory $($module: $($case)*;)*);
        on_every_store!(@store postgres $($module: $($case)*;)*);
    };
    (@store $store:ident $($module:ident: $($case:ident)*;)*) => {
        mod $store {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let Some(opened) = super::$store().await else { return };
                    super::$module::$case(opened.store.clone()).await;
                }
            )*)*
        }
    };
}

on_every_store! {
    bridges: bridges_stand_until_they_end_or_are_removed bridges_stand_as_of_a_commit a_persons_bridges_are_forgotten
        a_load_brings_so_many_bridges_at_most what_is_behind_bridges_is_listed_in_one_order
        a_page_behind_bridges_ends_with_its_shortest_scan what_is_behind_bridges_takes_no_room
        words_are_looked_for_behind_bridges;
    reads:
        an_empty_store_answers_emptily
        shelves_are_read_oldest_first
        shelves_are_paged
        only_what_is_live_is_on_a_shelf
        filters_narrow_exactly
        memories_are_read_by_id_in_any_state
        what_has_expired_is_listed_earliest_first
        tenants_with_something_due_are_listed
        tenants_are_listed_in_pages
        a_large_value_comes_back_as_it_was;
    objects:
        objects_are_listed_latest_first_and_paged
        a_scan_counts_rows_whether_or_not_they_pass
        whatever_lives_or_was_revoked_is_listed
        facets_are_filtered_exactly
        versions_are_read_oldest_first
        an_erased_memory_leaves_the_list_and_says_nothing
        when_a_seed_sprouted_stands_beside_it
        preferences_and_objects_do_not_meet;
    words:
        what_holds_a_word_is_found
        words_follow_the_memory
        of_too_many_the_rarest_are_taken
        sets_are_filtered_exactly
        large_sets_are_filtered_exactly;
    vectors:
        the_nearest_are_found
        the_nearest_pass_the_filter
        vectors_follow_the_memory
        the_nearest_are_as_of_a_commit
        what_is_shared_is_near_too
        neighbours_are_found
        what_is_turned_down_hides_nobody
        what_lacks_a_vector_is_listed;
    spirals:
        a_scope_has_at_most_one_spiral
        what_has_expired_is_no_spiral;
    keyed:
        what_has_a_key_is_found_whosever_it_is
        keys_follow_the_memory
        a_filter_narrows_what_is_found
        tenants_with_a_key_are_listed
        schemas_are_kept_replaced_and_paged
        a_schema_is_expected_as_it_stands;
    records:
        records_are_kept_named_and_replaced
        records_are_listed_by_kind_and_group
        what_is_due_comes_longest_due_first
        tenants_with_something_due_are_found
        a_record_is_expected_as_it_stands
        records_go_with_their_person
        opinions_go_with_their_memory
        what_cannot_be_a_record_is_refused;
    changes:
        replacing_keeps_one_current_version
        erasing_takes_the_content
        grants_stand_for_a_shelf
        a_grants_age_bounds_what_it_shows
        subject_keys_belong_to_their_subject
        policies_are_kept_once_and_activated
        idempotency_keys_are_remembered_and_forgotten
        grants_are_forgotten_when_expired
        tenants_do_not_meet;
    expects:
        what_is_expected_must_hold
        what_is_inserted_must_be_new
        what_is_replaced_must_stand_at_the_version_before
        a_loser_writes_nothing
        of_many_at_once_one_wins
        losers_and_winners_share_a_batch
        a_loser_makes_no_tenant;
    family:
        kin_is_found_over_all_generations
        a_family_is_bounded
        who_is_born_meanwhile_is_a_conflict
        a_birth_and_a_revocation_are_never_both_first
        the_erased_is_nobodys_child;
    as_of:
        a_load_as_of_a_commit_answers_as_it_did_then
        before_the_first_commit_there_was_nothing
        an_entry_is_found_with_memories;
    pending:
        what_is_below_a_mark_is_hidden
        the_hidden_take_nobodys_place
        what_is_left_is_told_of_where_it_began
        what_is_below_a_mark_is_found_page_by_page
        tenants_with_something_left_are_listed;
    person:
        what_is_about_a_person_is_found_in_order
        a_person_is_looked_for_in_steps
        what_is_in_a_namespace_is_found_in_order
        what_is_read_with_it_is_the_persons
        what_is_forgotten_is_gone
        nothing_is_written_under_a_destroyed_key;
    rights:
        a_persons_last_word_is_kept
        a_word_is_lost_to_a_later_one
        what_was_erased_is_known_by_its_digest
        who_is_forgotten_has_said_nothing;
    audit:
        commits_are_chained_and_numbered
        entries_are_paged_and_picked
        an_entry_is_found_by_its_id
        a_walk_finds_the_chain_whole
        many_writers_make_one_chain
        twelve_first_commits_make_one_chain
        a_load_is_as_of_one_commit
        a_store_says_that_it_works;
}
