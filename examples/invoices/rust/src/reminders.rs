//! A job over all organizations: marks the drafts that are older than `REMIND_AFTER_DAYS`.

use std::time::{Duration, SystemTime};

use organization_service::product::mongodb::bson::{DateTime, doc};
use organization_service::product::{AuditAction, Job, JobReport, Problem, Tenants};

use crate::invoices::Invoice;

const REMINDERS: Job = Job {
    action: AuditAction::new("invoices.reminders"),
    parallel: 2,
};

pub async fn remind(tenants: Tenants) -> Result<JobReport, Problem> {
    let days = std::env::var("REMIND_AFTER_DAYS").unwrap_or_else(|_| "7".to_owned());
    let days: u64 = days
        .parse()
        .map_err(|_| Problem::malformed("REMIND_AFTER_DAYS is not a number."))?;
    let now = SystemTime::now();
    let before = now - Duration::from_secs(days * 24 * 3600);
    let visit = tenants.for_each(REMINDERS, async |tenant| {
        let old = doc! {
            "state": "draft", "created_at": { "$lte": DateTime::from(before) }, "reminded_at": null,
        };
        let remind = doc! { "$set": { "reminded_at": DateTime::from(now) } };
        tenant.kind::<Invoice>().update_many(old, remind).await?;
        Ok(())
    });
    visit.await
}
