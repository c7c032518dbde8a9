//! The operations on users and namespaces, and looking for what is one's own.

use memoryscope_domain::items::namespace::SettingsChange;
use memoryscope_domain::items::user::ProfileChange;
use memoryscope_engine::op::seek::{Seek, Sought};
use memoryscope_engine::op::user::Create as Told;
use memoryscope_engine::op::{namespace, user};

use super::Case;
use crate::records::{id_of, profile, settings};

impl Case {
    /// Keeps what an operation on records can show.
    pub(super) async fn prepare_records(&mut self, name: &str) {
        if name.starts_with("user.") && name != "user.create" {
            self.world.run(self.world.nobody(), Told { profile: profile("ann") }).await.expect("told");
        }
        if name.starts_with("namespace.") && name != "namespace.create" {
            let create = namespace::Create { settings: settings("acme") };
            self.namespace = self.world.run(self.world.nobody(), create).await.expect("made").output.id;
        }
    }

    /// Runs an operation on users and namespaces.
    pub(super) async fn run_on_records(&self, name: &str) -> Option<char> {
        let profile = profile("ann");
        let create = namespace::Create { settings: settings("acme") };
        let (id, change) = (id_of("ann"), ProfileChange::default());
        let namespace = self.namespace.clone();
        let list = user::List { which: user::Which::default(), after: None, limit: 9 };
        Some(match name {
            "memory.seek" => {
                let seek = Seek { what: Sought::Own { namespace: None }, after: None };
                self.mark(seek, |found| !found.memories.is_empty()).await
            }
            "user.create" => self.mark(Told { profile }, |_| true).await,
            "user.list" => self.mark(list, |listed| !listed.users.is_empty()).await,
            "user.get" => self.mark(user::Get { ids: vec![id] }, |found| !found.is_empty()).await,
            "user.update" => self.mark(user::Update { id, change }, Option::is_some).await,
            "user.delete" => self.mark(user::Delete { id }, Option::is_some).await,
            "namespace.create" => self.mark(create, |_| true).await,
            "namespace.list" => {
                let list = namespace::List { after: None, limit: 9 };
                self.mark(list, |listed| !listed.namespaces.is_empty()).await
            }
            "namespace.get" => {
                self.mark(namespace::Get { ids: vec![namespace] }, |found| !found.is_empty()).await
            }
            "namespace.update" => {
                let update = namespace::Update { id: namespace, change: SettingsChange::closing() };
                self.mark(update, Option::is_some).await
            }
            "namespace.delete" => self.mark(namespace::Delete { id: namespace }, Option::is_some).await,
            _ => return None,
        })
    }
}
