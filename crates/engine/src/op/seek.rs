//! `memory.seek`: which events the caller may know of and wants to change one after the other: see [`crate::erasing`].

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::items::AclId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory};
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{KeyedSelect, PersonSelect, Select, With, WithinSelect};
use crate::refusal::Refusal;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.seek", audit: Code::literal("MEMORY_SEEK"), changes: false };

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// Those that are the caller's own: of the person that it acts for, or, where it acts for nobody, the developer's items.
    Own {
        /// Only those of this namespace; else of every one.
        namespace: Option<String>,
    },
    /// Those of a namespace, whosever they are.
    Within(String),
    /// Items that are shared with the members of a namespace.
    SharedWith(String),
}

/// Looks for events that are not erased. What was stored after the request is left out.
#[derive(Debug, Clone)]
pub struct Seek {
    /// Which.
    pub what: Sought,
    /// Only those behind this one.
    pub after: Option<MemoryId>,
}

/// Some of what was sought.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The memories, in order of their ids.
    pub memories: Vec<std::sync::Arc<Memory>>,
    /// Behind which memory to go on, if there may be more.
    pub after: Option<MemoryId>,
}

impl Seek {
    fn keyed(&self, reader: &str) -> Select {
        let keys = vec![Key::reader(reader)];
        Select::Keyed(KeyedSelect { keys, after: self.after, limit: limits::PERSON_PAGE_ITEMS })
    }

    fn takes(&self, cx: &Context, memory: &Memory) -> bool {
        match &self.what {
            Sought::Own { namespace } => {
                memory.is_owned_by(&cx.principal)
                    && namespace.as_ref().is_none_or(|wanted| *wanted == memory.scope.namespace)
            }
            Sought::Within(namespace) => memory.scope.namespace == *namespace,
            Sought::SharedWith(namespace) => memory.item().is_some_and(|item| {
                let acl = item.policy.acl.as_ref();
                acl.is_some_and(|acl| acl.value.entries().any(|entry| entry.is_namespace(namespace)))
            }),
        }
    }
}

impl Operation for Seek {
    type Output = Found;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Seek
    }

    fn select(&self, cx: &Context) -> Select {
        let (after, limit) = (self.after, limits::PERSON_PAGE_ITEMS);
        match (&self.what, &cx.principal.user) {
            (Sought::Own { .. }, Some(user)) => Select::Person(PersonSelect {
                user: user.clone(),
                after,
                scan: Some(limits::PERSON_SCAN_ITEMS),
                limit,
                with: With::Nothing,
            }),
            (Sought::Own { .. }, None) => self.keyed(&AclId::reader_of_developer(&cx.principal.client)),
            (Sought::Within(namespace), _) => {
                let (namespace, scan) = (namespace.clone(), limits::PERSON_SCAN_ITEMS);
                Select::Within(WithinSelect { namespace, after, scan, limit })
            }
            (Sought::SharedWith(namespace), _) => self.keyed(&format!("namespace:{namespace}")),
        }
    }

    fn private(&self) -> Map<String, Value> {
        let namespace = match &self.what {
            Sought::Own { namespace } => namespace.as_ref(),
            Sought::Within(namespace) | Sought::SharedWith(namespace) => Some(namespace),
        };
        Map::from_iter([("request".to_owned(), json!({ "namespace_id": namespace }))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let wanted = seen.memories().iter().filter(|memory| self.takes(cx, memory));
        let memories: Vec<_> = wanted.cloned().collect();
        let memory_ids = memories.iter().map(|memory| memory.id).collect();
        Ok(Plan { memory_ids, ..Plan::answer(Found { memories, after: seen.looked_to() }) })
    }
}
