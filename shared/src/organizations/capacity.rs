//! The tenant limit of the cluster. Above it the cluster would fail for every tenant.

use crate::metrics::{self, Metric};
use crate::problem::Problem;
use crate::store::Databases;

#[derive(Clone, Copy)]
pub(super) struct Capacity {
    /// MongoDB's estimate.
    organizations: u64,
    limit: u64,
}

impl Capacity {
    pub async fn of(databases: &Databases, limit: u64) -> Result<Self, Problem> {
        let organizations = databases.estimate_organizations().await?;
        let capacity = Self {
            organizations,
            limit,
        };
        metrics::record(Metric::CapacityUsed, capacity.percent());
        Ok(capacity)
    }

    pub fn refuse_at_limit(self) -> Result<(), Problem> {
        let Self {
            organizations,
            limit,
        } = self;
        if organizations < limit {
            return Ok(());
        }
        metrics::record(Metric::CapacityRefusals, 1.0);
        tracing::error!(organizations, limit, "the tenant limit is reached");
        Err(Problem::capacity_reached())
    }

    /// Records and logs that an organization was created, with the number of organizations and the limit.
    pub fn record_creation(self) {
        metrics::record(Metric::OrganizationsCreated, 1.0);
        let organizations = self.organizations.saturating_add(1);
        tracing::info!(
            organizations,
            limit = self.limit,
            "an organization was created"
        );
    }

    fn percent(self) -> f64 {
        self.organizations as f64 * 100.0 / self.limit as f64
    }
}
