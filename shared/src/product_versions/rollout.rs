//! The rollout of a version: it is stored, published to new tenants, and applied to the others.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mongodb::bson::Bson;
use tokio::time::{Instant, sleep_until};

use super::application::{apply, try_in_new_collection};
use super::error::{LEASE_MINUTES, RolloutError};
use super::history::History;
use crate::http::REQUEST_TIMEOUT;
use crate::model::{OrganizationId, ProductVersion};
use crate::mongo::is_duplicate;
use crate::store::{Databases, Following, Lease, Mongo};

/// How many organizations one query returns.
const PAGE: i64 = 100;
/// How many tenants are worked on at the same time.
const PARALLEL: usize = 4;
/// Building the indexes of one group may take as long.
const LEASE: Duration = Duration::from_secs(60 * LEASE_MINUTES);
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
    /// The organization is left as it was, or halfway. The next run tries again.
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
    history: History,
}

impl Rollout {
    /// Fails if the version cannot follow the stored ones, or if MongoDB refuses its indexes or seeds. They are tried in a
    /// transaction that is aborted, so nothing is written.
    pub async fn check(mongo: &Mongo, version: ProductVersion) -> Result<Self, RolloutError> {
        let databases = mongo.databases().await?;
        let history = History::before(&version, databases.product_versions().await?)?;
        try_in_new_collection(&databases, &version).await?;
        Ok(Self {
            databases,
            version,
            history,
        })
    }

    pub async fn changes(&self) -> Result<Changes, RolloutError> {
        let before = self.history.newest();
        let seeds = self.history.new_seeds(&self.version, before);
        Ok(Changes {
            dropped_indexes: self.history.stale_indexes(&self.version, before),
            created_indexes: self.history.new_indexes(&self.version),
            seeds: seeds.filter_map(|seed| seed.get("_id").cloned()).collect(),
            organizations: self.databases.count_older(self.version.number).await?,
        })
    }

    /// Publishes the version to new organizations, and applies it to all others, held and deleted ones included. A run
    /// continues where an earlier one was stopped. `on_progress` is called after each organization, and can stop the run.
    pub async fn to_all(
        &self,
        mut on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<RolloutReport, RolloutError> {
        self.store().await?;
        let number = self.version.number;
        self.databases.publish_product_version(number).await?;
        let last_onboarding = Instant::now() + ONBOARDING_TIMEOUT;
        let mut run = Run {
            rollout: self,
            report: RolloutReport::default(),
            failed: HashSet::new(),
            on_progress: &mut on_progress,
        };
        run.visit_all().await?;
        let left = last_onboarding.saturating_duration_since(Instant::now());
        if !run.report.is_unfinished {
            run.tell(Progress::Waiting(left));
        }
        if !run.report.is_unfinished {
            sleep_until(last_onboarding).await;
            run.visit_all().await?;
        }
        Ok(run.report)
    }

    /// Applies the version to one organization, and does not publish it.
    pub async fn to_one(&self, id: OrganizationId) -> Result<(), RolloutError> {
        let organization = self.databases.find_organization(id).await?;
        let organization = organization.ok_or(RolloutError::NoOrganization(id))?;
        self.store().await?;
        let lease = self.lease().await?;
        let applied = self.apply(&(id, Some(organization))).await;
        lease.release().await;
        applied
    }

    /// Stores the version, unless it is stored.
    async fn store(&self) -> Result<(), RolloutError> {
        self.databases.prepare_once().await?;
        match self.databases.insert_product_version(&self.version).await {
            Err(error) if is_duplicate(&error) => {
                let stored = self.databases.product_versions().await?;
                History::before(&self.version, stored).map(drop)
            }
            inserted => Ok(inserted?),
        }
    }

    /// Keeps other runs out. Fails if one is active, or a newer version is stored.
    async fn lease(&self) -> Result<Lease<'_>, RolloutError> {
        let lease = Lease::acquire(&self.databases, "product-version", LEASE).await?;
        let lease = lease.ok_or(RolloutError::ActiveElsewhere)?;
        let (number, newest) = (
            self.version.number,
            self.databases.newest_product_version().await?,
        );
        match newest {
            Some(newest) if newest > number => {
                lease.release().await;
                Err(RolloutError::Older { number, newest })
            }
            _ => Ok(lease),
        }
    }

    async fn apply(&self, (_, organization): &Following) -> Result<(), RolloutError> {
        let organization = organization.as_ref().ok_or(RolloutError::Unreadable)?;
        apply(&self.databases, organization, &self.version, &self.history).await
    }

    /// Whether the organization has an older version or none.
    fn is_due(&self, (_, organization): &Following) -> bool {
        let version = organization.as_ref().and_then(|one| one.product_version);
        version.unwrap_or_default() < self.version.number
    }
}

/// A run over all organizations.
struct Run<'r, F> {
    rollout: &'r Rollout,
    report: RolloutReport,
    failed: HashSet<OrganizationId>,
    on_progress: &'r mut F,
}

impl<F: FnMut(Progress) -> ControlFlow<()>> Run<'_, F> {
    /// Applies the version to all organizations that need it and have not failed.
    async fn visit_all(&mut self) -> Result<(), RolloutError> {
        let databases = &self.rollout.databases;
        let mut after = None;
        loop {
            let mut page = databases.organizations_after(after, PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            page.retain(|one| self.rollout.is_due(one) && !self.failed.contains(&one.0));
            for group in page.chunks(PARALLEL) {
                self.visit(group).await?;
                if self.report.is_unfinished {
                    return Ok(());
                }
            }
        }
    }

    async fn visit(&mut self, group: &[Following]) -> Result<(), RolloutError> {
        let rollout = self.rollout;
        let lease = rollout.lease().await?;
        let applying = iter(group).map(async |one| (one.0, rollout.apply(one).await));
        let applied: Vec<_> = applying.buffer_unordered(PARALLEL).collect().await;
        lease.release().await;
        for (id, applied) in applied {
            match applied {
                Ok(()) => {
                    self.report.applied += 1;
                    self.tell(Progress::Applied(id));
                }
                Err(error) => {
                    self.report.failed += 1;
                    self.failed.insert(id);
                    self.tell(Progress::Failed(id, error.to_string()));
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, progress: Progress) {
        self.report.is_unfinished |= (self.on_progress)(progress).is_break();
    }
}
