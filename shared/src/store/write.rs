//! Transactions of requests, and the events that they append to the audit trail.

use mongodb::ClientSession;
use mongodb::error::Error;
use tokio::time::Instant;

use super::Databases;
use crate::model::Event;
use crate::mongo::{Scope, Writes, run_transaction};
use crate::problem::Problem;

impl Databases {
    /// Runs `run` in a transaction, see [`run_transaction`].
    pub(crate) async fn transaction<'env, T>(
        &self,
        deadline: Instant,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Sync,
    ) -> Result<T, Problem> {
        Ok(run_transaction(&self.client, deadline, run).await?)
    }

    /// Appends an event to the audit trail, in the transaction of the recorded action.
    pub(crate) async fn append(
        &self,
        event: &Event,
        transaction: &mut ClientSession,
    ) -> Result<(), Error> {
        let appending = self.audit_events.insert_one(event).session(transaction);
        appending.await.map(drop)
    }
}
