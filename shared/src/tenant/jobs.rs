//! Jobs of a product over all tenants, without a person.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mongodb::bson::Document;
use serde::Serialize;
use serde_json::Map;
use tokio::time::{Instant, timeout_at};

use super::actor::{Actor, JobActor};
use super::audit::AuditAction;
use super::handle::Tenant;
use crate::model::JobPosition;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::store::{Databases, Following, Lease};

/// A group is begun only if this time remains. A transaction fails shortly before its deadline.
const TIME_FOR_A_GROUP: Duration = Duration::from_secs(3);
/// After the deadline, the run stores its position.
const TIME_TO_FINISH: Duration = Duration::from_secs(5);

/// The open organizations, for a job.
pub struct Tenants {
    databases: Arc<Databases>,
    deadline: Instant,
}

/// A job of a product.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Its name, which the trail of each visited organization has.
    pub action: AuditAction,
    /// How many organizations are visited at the same time. Each needs a connection or two.
    pub parallel: u16,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobReport {
    /// Organizations for which the job succeeded.
    pub done: u64,
    /// Held and deleted organizations, and those that were closed during the visit.
    pub skipped: u64,
    /// Organizations for which the job failed. The log has the reasons. They are visited again when a run begins anew.
    pub failed: u64,
    /// Whether organizations remain. The next run continues with them.
    pub is_unfinished: bool,
    /// Another run of the job is active, so this one did nothing.
    pub is_active_elsewhere: bool,
}

impl Tenants {
    /// For a job that ends by `deadline`. A Lambda function gets its time from
    /// [`remaining_time`](crate::http::remaining_time).
    pub async fn new(state: &AppState, deadline: Instant) -> Result<Self, Problem> {
        let databases = state.mongo.databases().await?;
        Ok(Self {
            databases,
            deadline,
        })
    }

    /// Calls `run` for each open organization, in the order of their ids, in groups of `job.parallel`. Records each visit in
    /// the organization's trail before it, as an action from the address `job:<name>`.
    ///
    /// Begins no group shortly before the deadline. The position is stored after each group, and the next run continues there. A
    /// group that is not done in time is repeated, so `run` must tolerate a repetition; if it is the first one of a run, its late
    /// organizations count as failed. An error of `run` is logged, and stops
    /// no other organization. Statements and transactions of the handle fail once the organization is closed; single
    /// statements rely on the check at the beginning of the visit.
    ///
    /// ```
    /// # use shared::{problem::Problem, state::AppState, tenant::{AuditAction, Job, JobReport, Kind, Tenants}};
    /// # use mongodb::bson::doc;
    /// # use tokio::time::Instant;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Invoice {}
    /// # impl Kind for Invoice { const KIND: &'static str = "invoice"; }
    /// const REMINDERS: Job = Job { action: AuditAction::new("invoices.reminders"), parallel: 4 };
    ///
    /// async fn remind(state: &AppState, deadline: Instant) -> Result<JobReport, Problem> {
    ///     let tenants = Tenants::new(state, deadline).await?;
    ///     tenants
    ///         .for_each(REMINDERS, async |tenant| {
    ///             let overdue = doc! { "state": "overdue" };
    ///             let remind = doc! { "$set": { "state": "reminded" } };
    ///             tenant.kind::<Invoice>().update_many(overdue, remind).await?;
    ///             Ok(())
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn for_each<F>(
        &self,
        job: Job,
        run: impl Fn(Tenant<'static>) -> F,
    ) -> Result<JobReport, Problem>
    where
        F: Future<Output = Result<(), Problem>> + Send,
    {
        let time = self.deadline.saturating_duration_since(Instant::now()) + TIME_TO_FINISH;
        let lease = Lease::acquire(&self.databases, job.action.name(), time).await?;
        let Some(lease) = lease else {
            tracing::info!(job = job.action.name(), "another run of the job is active");
            return Ok(JobReport {
                is_active_elsewhere: true,
                ..JobReport::default()
            });
        };
        let report = self.visit_all(job, &run).await;
        lease.release().await;
        report
    }

    async fn visit_all<F>(
        &self,
        job: Job,
        run: &impl Fn(Tenant<'static>) -> F,
    ) -> Result<JobReport, Problem>
    where
        F: Future<Output = Result<(), Problem>> + Send,
    {
        let (databases, name) = (&self.databases, job.action.name());
        let parallel = job.parallel.max(1);
        let mut after = databases.job_position(name).await?;
        let mut is_first_group = true;
        let mut report = JobReport::default();
        loop {
            let group = databases
                .organizations_after(after, Document::new(), parallel.into())
                .await?;
            let Some(last) = group.last().map(|(id, _)| *id) else {
                databases.forget_job_position(name).await?;
                // The last run ended after its last group.
                if after.is_some() && report == JobReport::default() {
                    after = None;
                    continue;
                }
                return Ok(report);
            };
            if Instant::now() + TIME_FOR_A_GROUP >= self.deadline {
                report.is_unfinished = true;
                return Ok(report);
            }
            let visits = group.into_iter();
            let visits = visits.map(|following| self.visit(job, following, run));
            let visited: Vec<_> = iter(visits)
                .buffer_unordered(parallel.into())
                .collect()
                .await;
            // The first group has had the whole time. Others are repeated by the next run.
            if !is_first_group && visited.contains(&Visited::Late) {
                report.is_unfinished = true;
                return Ok(report);
            }
            for visited in visited {
                match visited {
                    Visited::Done => report.done += 1,
                    Visited::Skipped => report.skipped += 1,
                    Visited::Failed | Visited::Late => report.failed += 1,
                }
            }
            (after, is_first_group) = (Some(last), false);
            let position = JobPosition {
                job: name.to_owned(),
                after: last,
            };
            databases.store_job_position(&position).await?;
        }
    }

    async fn visit<F>(
        &self,
        job: Job,
        (organization_id, organization): Following,
        run: &impl Fn(Tenant<'static>) -> F,
    ) -> Visited
    where
        F: Future<Output = Result<(), Problem>> + Send,
    {
        let Some(organization) = organization else {
            tracing::error!(%organization_id, "the document of an organization cannot be read");
            return Visited::Failed;
        };
        if !organization.is_open() {
            return Visited::Skipped;
        }
        let tenant = Tenant {
            location: self.databases.location_of(&organization),
            actor: Actor::Job(Arc::new(JobActor {
                databases: Arc::clone(&self.databases),
                organization,
                job: job.action.name(),
                deadline: self.deadline,
            })),
        };
        let visiting = async {
            let recorded = tenant.transaction(async |tx| {
                tx.audit(job.action, Map::new()).await?;
                Ok(())
            });
            recorded.await?;
            run(tenant).await
        };
        let visited = timeout_at(self.deadline, visiting).await;
        let job = job.action.name();
        match visited {
            Ok(Ok(())) => Visited::Done,
            // It was closed meanwhile.
            Ok(Err(problem)) if problem.code == Code::InvalidToken => Visited::Skipped,
            Ok(Err(problem)) => {
                tracing::error!(%organization_id, job, %problem, "a job failed for an organization");
                Visited::Failed
            }
            Err(_) => {
                tracing::error!(%organization_id, job, "a job was not done before its deadline");
                Visited::Late
            }
        }
    }
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visited {
    Done,
    Skipped,
    Failed,
    /// Not done before the deadline.
    Late,
}
