//! Lists of what lives and passes.

use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;

use crate::port::Load;

/// Looks at rows in their order, as far as it is to look, and keeps what lives and passes.
pub(super) fn list(
    mut rows: Vec<(Place, &Arc<Memory>)>,
    scan: Option<usize>,
    filter: &Filter,
    limit: usize,
    load: &Load,
    facts: &mut Facts,
    mut follows: impl FnMut(&Memory) -> bool,
) {
    if let Some(scan) = scan.filter(|scan| rows.len() > *scan) {
        rows.truncate(scan);
        facts.scan_end = rows.last().map(|(place, _)| *place);
    }
    let found = rows.into_iter().map(|(_, memory)| memory);
    let shown = found.filter(|memory| lives(memory, load) && passes(filter, memory, load));
    for memory in shown.filter(|memory| follows(memory)) {
        if facts.memories.len() == limit {
            facts.more = true;
            break;
        }
        facts.memories.push(Arc::clone(memory));
    }
}

pub(super) fn lives(memory: &Memory, load: &Load) -> bool {
    memory.expires.is_none_or(|end| load.now < end)
}

pub(super) fn passes(filter: &Filter, memory: &Memory, load: &Load) -> bool {
    filter.matches(&MemoryView::stored(memory, load.now))
}
