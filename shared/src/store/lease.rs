//! A lease in the database: prevents concurrent runs of a job.

use std::time::Duration;

use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;

use super::Databases;
use crate::clock::after;
use crate::mongo::{is_duplicate, log_error};

/// Held until it is released or expires. A killed run blocks the job only until the lease expires.
#[must_use]
pub struct Lease<'a> {
    databases: &'a Databases,
    job: &'static str,
    holder: ObjectId,
}

impl<'a> Lease<'a> {
    /// Acquires the lease of `job` for at most `time`. None if another run holds it.
    pub async fn acquire(
        databases: &'a Databases,
        job: &'static str,
        time: Duration,
    ) -> Result<Option<Self>, Error> {
        let now = databases.clock.now();
        let holder = ObjectId::new();
        let free = doc! { "_id": job, "expires_at": { "$lte": now } };
        let held = doc! { "$set": { "holder": holder, "expires_at": after(now, time) } };
        // A held lease does not match, and its `_id` cannot be inserted again.
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

    /// Holds the lease for `time` from now on. Returns false if it expired, and another run may have it.
    pub async fn renew(&self, time: Duration) -> Result<bool, Error> {
        let own = doc! { "_id": self.job, "holder": self.holder };
        let expires_at = after(self.databases.clock.now(), time);
        let held = doc! { "$set": { "expires_at": expires_at } };
        let renewed = self.databases.leases.update_one(own, held).await?;
        Ok(renewed.matched_count == 1)
    }

    /// Lets the next run start immediately.
    pub async fn release(self) {
        let own = doc! { "_id": self.job, "holder": self.holder };
        if let Err(error) = self.databases.leases.delete_one(own).await {
            log_error(&error);
        }
    }
}
