//! Breaks a connection at a chosen statement. For tests.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::Row;

use super::error::Failure;
use super::session::{Call, Session};

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server raises SQLSTATE 40001 in its place.
    Serialization,
    /// The server raises SQLSTATE 40P01 in its place.
    Deadlock,
    /// The server ends the connection with SQLSTATE 57P01.
    Terminated(When),
    /// The line breaks (SQLSTATE 08006): nothing more is heard from the server.
    Lost(When),
}

/// When a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the statement is run.
    Before,
    /// After it was run, and before its answer arrives.
    After,
}

#[derive(Debug, Default)]
struct Plan {
    passed: usize,
    next: Option<(usize, Fault)>,
}

/// Counts the statements of every connection, and breaks one of them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

impl Faults {
    /// The n-th statement from now on, counted from 1, meets this.
    pub fn arm(&self, statement: usize, fault: Fault) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *plan = Plan { passed: 0, next: Some((statement, fault)) };
    }

    /// Whether the fault is still to come; it never comes afterwards.
    #[must_use]
    pub fn disarm(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next.take().is_some()
    }

    /// Counts some statements; gives back which of them meets what.
    pub(super) fn take(&self, statements: usize) -> Option<(usize, Fault)> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = plan.passed;
        plan.passed += statements;
        let (at, fault) = plan.next?;
        if at > plan.passed {
            return None;
        }
        plan.next = None;
        Some((at - before - 1, fault))
    }
}

const RAISE_40001: &str = "DO $$ BEGIN RAISE EXCEPTION 'asked to' USING ERRCODE = '40001'; END $$";
const RAISE_40P01: &str = "DO $$ BEGIN RAISE EXCEPTION 'asked to' USING ERRCODE = '40P01'; END $$";
const TERMINATE: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

impl Session {
    /// Sends some statements of which one meets a fault; those behind it were sent, too, where the fault is the
    /// server's.
    pub(super) async fn pipeline_with_fault(
        &mut self,
        calls: &[Call<'_>],
        at: usize,
        fault: Fault,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let instead = match fault {
            Fault::Serialization => RAISE_40001,
            Fault::Deadlock => RAISE_40P01,
            Fault::Terminated(_) => TERMINATE,
            Fault::Lost(when) => {
                let (run, _) = calls.split_at(at + usize::from(when == When::After));
                self.run(run).await?;
                self.cut();
                return self.run(&[Call::Plain(TERMINATE)]).await;
            }
        };
        let after = matches!(fault, Fault::Terminated(When::After));
        let (before, behind) = calls.split_at(at + usize::from(after));
        self.run(before).await?;
        let behind = if after { behind } else { &behind[1..] };
        let raised = self.run(&[Call::Plain(instead)]).await;
        let _ = self.run(behind).await;
        raised
    }
}
