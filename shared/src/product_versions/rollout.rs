//! The rollout of a version: it is stored, published to new tenants, and applied to the others.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mongodb::bson::Bson;
use tokio::sync::watch;
use tokio::time::timeout;

use super::application::{apply, try_in_new_collection};
use super::error::RolloutError;
use super::history::History;
use crate::clock::{after, between};
use crate::http::REQUEST_TIMEOUT;
use crate::model::{OrganizationId, ProductVersion};
use crate::mongo::is_duplicate;
use crate::store::{Databases, Following, Lease, Mongo};

/// How many organizations one query returns.
const PAGE: i64 = 100;
/// How many tenants are worked on at the same time.
const PARALLEL: usize = 4;
/// How long a killed run keeps others out. Building the indexes of one group may take as long.
const LEASE: Duration = Duration::from_secs(600);
/// An onboarding that began before the version was published ends within this time.
const ONBOARDING_TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(1));

/// What a version changes, compared to the stored version before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Changes {
    /// Names of indexes. One that has changed is dropped and created.
    pub dropped_indexes: Vec<String>,
    pub created_indexes: Vec<String>,
    /// The `_id`s of the new ones.
    pub seeds: Vec<Bson>,
    /// How many organizations have an older version or none.
    pub organizations: u64,
}

/// What a run reports while it works.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The version was applied to an organization.
    Applied(OrganizationId),
    /// The organization does not have the version. The next run tries again.
    Failed(OrganizationId, String),
    /// New organizations start with the version. Those whose onboarding began earlier are waited for.
    Waiting(Duration),
}

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloutReport {
    pub applied: u64,
    pub failed: u64,
    /// It was stopped before the last organization.
    pub is_unfinished: bool,
}

/// A version that can be applied.
pub struct Rollout {
    databases: Arc<Databases>,
    version: ProductVersion,
}

impl Rollout {
    /// Fails if the version cannot follow the stored ones, or if MongoDB refuses its indexes or seeds. They are tried in a
    /// transaction that is aborted, so nothing is written.
    pub async fn check(mongo: &Mongo, version: ProductVersion) -> Result<Self, RolloutError> {
        let databases = mongo.databases().await?;
        let rollout = Self { databases, version };
        rollout.history().await?;
        try_in_new_collection(&rollout.databases, &rollout.version).await?;
        Ok(rollout)
    }

    pub async fn changes(&self) -> Result<Changes, RolloutError> {
        let history = self.history().await?;
        let previous = history.previous();
        let seeds = history.new_seeds(&self.version, previous);
        Ok(Changes {
            dropped_indexes: history.stale_indexes(&self.version, previous),
            created_indexes: history.new_indexes(&self.version),
            seeds: seeds.filter_map(|seed| seed.get("_id").cloned()).collect(),
            organizations: self.databases.count_older(self.version.number).await?,
        })
    }

    /// Publishes the version to new organizations, and applies it to all others, held and deleted ones included. A run
    /// continues where an earlier one was stopped. `on_progress` is called after each organization. The run stops after the
    /// organizations in progress when `stop` becomes true.
    pub async fn to_all(
        &self,
        stop: watch::Receiver<bool>,
        mut on_progress: impl FnMut(Progress),
    ) -> Result<RolloutReport, RolloutError> {
        let lease = self.lease().await?;
        let rolled_out = self.publish_and_visit(&lease, stop, &mut on_progress).await;
        lease.release().await;
        rolled_out
    }

    /// Applies the version to one organization, and does not publish it.
    pub async fn to_one(&self, id: OrganizationId) -> Result<(), RolloutError> {
        let organization = self.databases.find_organization(id).await?;
        let organization = organization.ok_or(RolloutError::NoOrganization(id))?;
        let lease = self.lease().await?;
        let applied = async {
            let history = self.store().await?;
            apply(&self.databases, &organization, &self.version, &history).await
        };
        let applied = applied.await;
        lease.release().await;
        applied
    }

    async fn publish_and_visit(
        &self,
        lease: &Lease<'_>,
        mut stop: watch::Receiver<bool>,
        on_progress: &mut impl FnMut(Progress),
    ) -> Result<RolloutReport, RolloutError> {
        let history = self.store().await?;
        let databases = &self.databases;
        let published = databases.publish_product_version(self.version.number);
        let last_onboarding = after(published.await?, ONBOARDING_TIMEOUT);
        let mut run = Run {
            rollout: self,
            history,
            lease,
            stop: stop.clone(),
            report: RolloutReport::default(),
            failed: HashSet::new(),
            on_progress,
        };
        run.visit_all().await?;
        let wait = between(databases.clock.now(), last_onboarding);
        if run.report.is_unfinished || wait.is_zero() {
            return Ok(run.report);
        }
        (run.on_progress)(Progress::Waiting(wait));
        let stopped = async {
            if stop.wait_for(|stop| *stop).await.is_err() {
                // Nobody can stop the run any more.
                pending().await
            }
        };
        match timeout(wait, stopped).await {
            Ok(()) => run.report.is_unfinished = true,
            Err(_) => run.visit_all().await?,
        }
        Ok(run.report)
    }

    /// Keeps other runs out.
    async fn lease(&self) -> Result<Lease<'_>, RolloutError> {
        self.databases.prepare_once().await?;
        let lease = Lease::acquire(&self.databases, "product-version", LEASE).await?;
        lease.ok_or(RolloutError::ActiveElsewhere)
    }

    async fn history(&self) -> Result<History, RolloutError> {
        History::before(&self.version, self.databases.product_versions().await?)
    }

    /// Stores the version, unless it is stored. Fails if it cannot follow the stored ones.
    async fn store(&self) -> Result<History, RolloutError> {
        let history = self.history().await?;
        match self.databases.insert_product_version(&self.version).await {
            Err(error) if !is_duplicate(&error) => Err(error.into()),
            _ => Ok(history),
        }
    }
}

/// A run over all organizations.
struct Run<'r, F> {
    rollout: &'r Rollout,
    history: History,
    lease: &'r Lease<'r>,
    stop: watch::Receiver<bool>,
    report: RolloutReport,
    failed: HashSet<OrganizationId>,
    on_progress: &'r mut F,
}

impl<F: FnMut(Progress)> Run<'_, F> {
    /// Applies the version to all organizations that need it and have not failed.
    async fn visit_all(&mut self) -> Result<(), RolloutError> {
        let Rollout { databases, version } = self.rollout;
        let mut last = None;
        loop {
            let mut page = databases.older_after(version.number, last, PAGE).await?;
            let Some((id, _)) = page.last() else {
                return Ok(());
            };
            last = Some(*id);
            page.retain(|(id, _)| !self.failed.contains(id));
            for group in page.chunks(PARALLEL) {
                if *self.stop.borrow() {
                    self.report.is_unfinished = true;
                    return Ok(());
                }
                self.visit(group).await?;
            }
        }
    }

    async fn visit(&mut self, group: &[Following]) -> Result<(), RolloutError> {
        if !self.lease.renew(LEASE).await? {
            return Err(RolloutError::ActiveElsewhere);
        }
        let Rollout { databases, version } = self.rollout;
        let history = &self.history;
        let applying = iter(group).map(async |(id, organization)| match organization {
            Some(organization) => (*id, apply(databases, organization, version, history).await),
            None => (*id, Err(RolloutError::Unreadable)),
        });
        let applied: Vec<_> = applying.buffer_unordered(PARALLEL).collect().await;
        for (id, applied) in applied {
            let progress = match applied {
                Ok(()) => {
                    self.report.applied += 1;
                    Progress::Applied(id)
                }
                Err(error) => {
                    self.report.failed += 1;
                    self.failed.insert(id);
                    Progress::Failed(id, error.to_string())
                }
            };
            (self.on_progress)(progress);
        }
        Ok(())
    }
}
