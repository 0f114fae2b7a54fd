//! A lease in the database: of several runs of one job, one works at a time.

use std::time::Duration;

use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;

use super::Databases;
use crate::clock::after;
use crate::mongo::{is_duplicate, log_error};

/// Held until it is released, or until its time is over: a run that was killed blocks the job no longer than that.
#[must_use]
pub struct Lease<'a> {
    databases: &'a Databases,
    job: &'static str,
    holder: ObjectId,
}

impl<'a> Lease<'a> {
    /// The lease of `job` for at most `time`; none where another run holds it.
    pub async fn acquire(
        databases: &'a Databases,
        job: &'static str,
        time: Duration,
    ) -> Result<Option<Self>, Error> {
        let now = databases.clock.now();
        let holder = ObjectId::new();
        let free = doc! { "_id": job, "expires_at": { "$lte": now } };
        let held = doc! { "$set": { "holder": holder, "expires_at": after(now, time) } };
        // A lease that is held does not match, and its `_id` cannot be inserted a second time.
        let acquiring = databases.leases.update_one(free, held).upsert(true);
        match acquiring.await {
            Ok(_) => Ok(Some(Self {
                databases,
                job,
                holder,
            })),
            Err(error) if is_duplicate(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the next run begin at once.
    pub async fn release(self) {
        let own = doc! { "_id": self.job, "holder": self.holder };
        if let Err(error) = self.databases.leases.delete_one(own).await {
            log_error(&error);
        }
    }
}
