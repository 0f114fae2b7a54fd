//! The actor of a statement: a caller or a job.

use std::sync::Arc;

use mongodb::ClientSession;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::model::{AccountId, Action, Event, Organization, OrganizationId};
use crate::mongo::TransactionError;
use crate::problem::Problem;
use crate::store::Databases;

#[derive(Clone)]
pub(super) enum Actor<'a> {
    Caller(&'a Caller),
    Job(Arc<JobActor>),
}

/// A job's visit to an organization.
pub(super) struct JobActor {
    pub databases: Arc<Databases>,
    pub organization: Organization,
    pub job: &'static str,
    pub deadline: Instant,
}

impl Actor<'_> {
    pub fn databases(&self) -> &Databases {
        match self {
            Self::Caller(caller) => caller.databases(),
            Self::Job(job) => &job.databases,
        }
    }

    pub fn organization(&self) -> OrganizationId {
        match self {
            Self::Caller(caller) => caller.organization().id,
            Self::Job(job) => job.organization.id,
        }
    }

    /// None for a job.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Caller(caller) => Some(caller.account().id()),
            Self::Job(_) => None,
        }
    }

    pub fn deadline(&self) -> Instant {
        match self {
            Self::Caller(caller) => caller.request().deadline(),
            Self::Job(job) => job.deadline,
        }
    }

    /// Fails unless the actor may still reach the data, as the transaction sees it. Locks nothing.
    pub async fn check(
        &self,
        transaction: &mut ClientSession,
    ) -> Result<(), TransactionError<Problem>> {
        match self {
            Self::Caller(caller) => caller.check_again(transaction).await,
            Self::Job(job) => {
                let id = job.organization.id;
                let read = job.databases.read_organization(id, transaction).await?;
                match read.is_some_and(|organization| organization.is_open()) {
                    true => Ok(()),
                    false => Err(Problem::not_active().into()),
                }
            }
        }
    }

    /// An action of the actor, for the organization's audit trail.
    pub fn event(&self, action: Action) -> Event {
        let event = match self {
            Self::Caller(caller) => caller.event(action),
            Self::Job(job) => Event::of_job(action, job.job, job.databases.clock.now()),
        };
        event.concerning(vec![self.organization()])
    }
}
