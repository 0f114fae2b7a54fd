//! Records a refused login in the trail of the admin's organization, if there is such an admin.
//!
//! Two concurrent refused logins of one account conflict, and the later one is retried. So do those of an account that
//! does not exist, because the response time would otherwise reveal which accounts exist.

use std::time::Duration;

use mongodb::bson::doc;

use crate::clock::after;
use crate::model::Event;
use crate::problem::Problem;
use crate::request::RequestContext;

/// Lifetime of the document on which the refused logins of an account conflict.
const CONFLICT_TTL: Duration = Duration::from_secs(3600);

pub(super) struct RefusedLogin<'a> {
    /// The key of the account, whether it exists or not.
    pub account: &'a str,
    pub event: Event,
}

impl RefusedLogin<'_> {
    pub async fn record(self, request: &RequestContext) -> Result<(), Problem> {
        let Self { account, event } = self;
        let databases = request.databases().await?;
        let key = databases.pepper()?.hash(&["refused-logins", account]);
        request
            .transaction(|transaction, _| {
                Box::pin(async {
                    let change = doc! {
                        "$inc": { "count": 1_i64 },
                        "$set": { "expires_at": after(databases.clock.now(), CONFLICT_TTL) },
                    };
                    let conflicting = databases.attempts.update_one(doc! { "_id": &key }, change);
                    conflicting.upsert(true).session(&mut *transaction).await?;
                    // A write, not a read: a purge deletes the admin before the trail, so this event is written before
                    // the trail is deleted, or not at all. The steps are the same if no admin exists.
                    let admin = doc! { "_id": event.admin_id };
                    let count = doc! { "$inc": { "refused_logins": 1_i64 } };
                    let counting = databases.admins.update_one(admin, count);
                    let counted = counting.session(&mut *transaction).await?;
                    let event = match counted.matched_count {
                        0 => event.clone().without_organization(),
                        _ => event.clone(),
                    };
                    databases.append(&event, transaction).await?;
                    Ok(())
                })
            })
            .await
    }
}
