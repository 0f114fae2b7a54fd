//! A refused login in the trail of the admin it was for, while there is that admin.
//!
//! Two at once for one account get into each other's way, and the later one is run again. They do so whether there
//! is that account or not, or their time would tell.

use std::time::Duration;

use mongodb::bson::doc;
use tokio::time::Instant;

use crate::clock::after;
use crate::model::Event;
use crate::problem::Problem;
use crate::store::Databases;

/// How long it is remembered that an account had one.
const COUNT_TTL: Duration = Duration::from_secs(3600);

pub(super) struct RefusedLogin<'a> {
    pub databases: &'a Databases,
    /// The account's key, known or unknown.
    pub account: &'a str,
    pub event: Event,
}

impl RefusedLogin<'_> {
    pub async fn record(self, deadline: Instant) -> Result<(), Problem> {
        let Self {
            databases,
            account,
            event,
        } = self;
        let key = databases.pepper()?.hash(&["refused-logins", account]);
        databases
            .transaction(deadline, |session, _| {
                Box::pin(async {
                    // What every refused login of the account writes.
                    let change = doc! {
                        "$inc": { "count": 1_i64 },
                        "$set": { "expires_at": after(databases.clock.now(), COUNT_TTL) },
                    };
                    let meeting = databases.attempts.update_one(doc! { "_id": &key }, change);
                    meeting.upsert(true).session(&mut *session).await?;
                    // Written, not only read: a purge removes the admin before the trail, and so waits for this event or
                    // leaves none to be written. An unknown account takes the same steps.
                    let admin = doc! { "_id": event.admin_id };
                    let count = doc! { "$inc": { "refused_logins": 1_i64 } };
                    let counting = databases.admins.update_one(admin, count);
                    let counted = counting.session(&mut *session).await?;
                    let event = match counted.matched_count {
                        0 => event.clone().without_organization(),
                        _ => event.clone(),
                    };
                    databases.append(&event, session).await?;
                    Ok(())
                })
            })
            .await
    }
}
