//! What is looked up by keys, and schemas.

use std::ops::Bound;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::graph::schema::StoredSchema;
use memoryscope_domain::ids::MemoryId;

use super::Tenant;
use crate::as_of::{lives, passes};
use crate::port::{KeyedSelect, Load, SchemaSelect};

impl Tenant {
    pub(super) fn keyed(&self, load: &Load, select: &KeyedSelect, facts: &mut Facts) {
        let behind = self.current().filter(|memory| select.after.is_none_or(|after| memory.id > after));
        let mut found = behind.filter(|memory| {
            memory.placed.is_some()
                && memory.keys().iter().any(|key| select.keys.contains(key))
                && lives(memory, load)
                && passes(&load.filter, memory, load)
        });
        facts.memories = found.by_ref().take(select.limit).cloned().collect();
        facts.more = found.next().is_some();
    }

    pub(super) fn shared(&self, load: &Load, select: &KeyedSelect) -> Facts {
        let mut facts = Facts::default();
        self.keyed(load, select, &mut facts);
        if load.as_of.is_some() {
            let ids: Vec<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
            facts.memories = self.named(load, &ids, &mut facts.erased);
        }
        facts
    }

    pub(super) fn kept_schemas(&self, select: &SchemaSelect, facts: &mut Facts) {
        match select {
            SchemaSelect::Ids(ids) => {
                facts.schemas = ids.iter().filter_map(|id| self.schemas.get(id)).cloned().collect();
            }
            SchemaSelect::All { after, limit } => {
                let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
                let mut schemas = self.schemas.range((behind, Bound::Unbounded)).map(|(_, schema)| schema);
                facts.schemas = schemas.by_ref().take(*limit).map(StoredSchema::clone).collect();
                facts.more = schemas.next().is_some();
            }
        }
    }
}
