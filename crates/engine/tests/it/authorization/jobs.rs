//! The operations of jobs and batches.

use memoryscope_domain::purpose::Purpose;
use memoryscope_engine::op::deliver::Finish;
use memoryscope_engine::op::job::{Deliveries, Embeddings, List, Look};
use memoryscope_engine::op::order::{Changed, Order, Wish};
use memoryscope_engine::op::told::{Keep, Look as BatchLook, Status};

use super::Case;

impl Case {
    pub(super) async fn run_on_jobs(&mut self, name: &str) -> Option<char> {
        let embeddings = Embeddings::default;
        let id = format!("extraction_{}", self.item.uuid().simple());
        let batch = "batch_1".to_owned();
        Some(match name {
            "job.list" => {
                let list = List { of: None, state: None, after: None, limit: 9, embeddings: embeddings() };
                self.mark(list, |page| !page.jobs.is_empty()).await
            }
            "job.get" => self.mark(Look { id, embeddings: embeddings() }, Option::is_some).await,
            "job.cancel" | "job.retry" => {
                let wish = if name == "job.cancel" { Wish::Cancel } else { Wish::Retry };
                self.mark(Order { id, wish }, |changed| *changed != Changed::Unknown).await
            }
            "delivery.list" => self.mark(Deliveries { state: None, after: None, limit: 9 }, |_| true).await,
            "delivery.turn" => {
                let finish = Finish { id, holder: "a".to_owned(), result: Ok(200) };
                self.mark(finish, |_| true).await
            }
            "batch.keep" => {
                let keep = Keep { id: batch, sent: 1, refused: 0, hook: None };
                self.mark(keep, |()| true).await
            }
            "batch.get" => self.mark(BatchLook { id: batch }, Option::is_some).await,
            "memory.status" => {
                let status = Status { ids: vec![self.item], purpose: Purpose::ChatResponse };
                self.mark(status, |work| !work.is_empty()).await
            }
            _ => return None,
        })
    }
}
