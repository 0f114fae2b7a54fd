//! Records a refused login in the trails of the account's organizations, if there is such an account.
//!
//! Two concurrent refused logins of one account conflict, and the later one is retried. So do those of an account that
//! does not exist, because the response time would otherwise reveal which accounts exist.

use std::time::Duration;

use mongodb::bson::doc;

use crate::clock::after;
use crate::model::{AccountId, Event};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::locks::lock_account_if_exists;

/// Lifetime of the document on which the refused logins of an account conflict.
const CONFLICT_TTL: Duration = Duration::from_secs(3600);

pub(super) struct RefusedLogin<'a> {
    /// The key of the account's email, whether the account exists or not.
    pub email_key: &'a str,
    pub event: Event,
}

impl RefusedLogin<'_> {
    pub async fn record(self, request: &RequestContext) -> Result<(), Problem> {
        let Self { email_key, event } = self;
        let databases = request.databases().await?;
        let key = databases.pepper()?.hash(&["refused-logins", email_key]);
        let id = event.account_id.unwrap_or_else(AccountId::generate);
        request
            .transaction(|transaction, _| {
                Box::pin(async {
                    let change = doc! {
                        "$inc": { "count": 1_i64 },
                        "$set": { "expires_at": after(databases.clock.now(), CONFLICT_TTL) },
                    };
                    let counters = &databases.rate_limits;
                    let conflicting = counters.update_one(doc! { "_id": &key }, change);
                    conflicting.upsert(true).session(&mut *transaction).await?;
                    // Locked: a purge ends the account's memberships before it deletes the trail. So this event is
                    // written before the trail is deleted, or not in this trail. The steps are the same if no account
                    // exists.
                    let exists = lock_account_if_exists(databases, id, transaction).await?;
                    let organizations = databases.organizations_of(id, transaction).await?;
                    let event = match exists {
                        true => event.clone(),
                        false => event.clone().anonymous(),
                    };
                    let event = event.concerning(organizations);
                    databases.append(&event, transaction).await?;
                    Ok(())
                })
            })
            .await
    }
}
