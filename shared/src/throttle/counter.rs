//! Counters with a limit: requests of one client address per hour, attempts of new addresses at one account per hour,
//! changes of one organization per day.
//!
//! A refused request is not counted. The count starts again after its window.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::{too_many, update};
use crate::clock::{after, between};
use crate::http::ClientAddress;
use crate::model::{OrganizationId, Purpose};
use crate::problem::{Code, Problem};
use crate::store::Databases;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Actions of an address. Each has a count of its own.
#[derive(Clone, Copy, Debug)]
pub enum LimitedAction {
    Login,
    Onboarding,
    PasswordReset,
}

#[derive(Deserialize)]
struct Count {
    granted: Option<ObjectId>,
    expires_at: DateTime,
}

/// A request that was counted.
pub struct CountedRequest<'a> {
    counters: &'a Collection<Document>,
    /// None if there is no limit.
    key: Option<String>,
}

/// Counts a request of an address, or fails with the time to wait. `limit` is per hour; 0 means no limit.
pub async fn count_request<'a>(
    databases: &'a Databases,
    address: ClientAddress,
    kind: LimitedAction,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let parts = ["address", &format!("{kind:?}"), &address.network()];
    count(databases, &parts, limit, HOUR, too_many).await
}

/// Counts an attempt of an address that the account has not logged in from.
pub(super) async fn count_attempt<'a>(
    databases: &'a Databases,
    email_key: &str,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    count(databases, &["account", email_key], limit, HOUR, too_many).await
}

/// Begins a new count of [`count_attempt`].
pub(super) async fn forget_attempts(databases: &Databases, email_key: &str) -> Result<(), Problem> {
    let key = databases.pepper()?.hash(&["account", email_key]);
    databases
        .rate_limits
        .delete_one(doc! { "_id": key })
        .await?;
    Ok(())
}

/// Counts a mail with a link: `limit` within the lifetime of the link. `subject` is what has the limit.
///
/// If `subject` changes with all that voids links, a link that was counted before can be used whenever this refuses another
/// one.
pub(crate) async fn count_link<'a>(
    databases: &'a Databases,
    purpose: Purpose,
    subject: [&str; 2],
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let [kind, name] = subject;
    let parts = ["links", purpose.name(), kind, name];
    count(databases, &parts, limit, purpose.lifetime(), too_many).await
}

/// Counts a change of an organization, or fails with the time to wait. `limit` is per day; 0 means no limit.
pub async fn count_change<'a>(
    databases: &'a Databases,
    organization: OrganizationId,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let parts = ["organization-changes", &organization.to_hex()];
    count(databases, &parts, limit, DAY, Problem::quota_exceeded).await
}

/// Increments the count that `parts` name. At the limit it fails with `refused`, which gets the time until the window
/// ends.
async fn count<'a>(
    databases: &'a Databases,
    parts: &[&str],
    limit: u32,
    window: Duration,
    refused: fn(Duration) -> Problem,
) -> Result<CountedRequest<'a>, Problem> {
    let counters = &databases.rate_limits;
    if limit == 0 {
        return Ok(CountedRequest {
            counters,
            key: None,
        });
    }
    let key = databases.pepper()?.hash(parts);
    let now = databases.clock.now();
    let id = ObjectId::new();
    let is_over = doc! { "$lte": [{ "$ifNull": ["$expires_at", now] }, now] };
    let stages = vec![
        doc! { "$set": {
            "count": { "$cond": [&is_over, 0_i64, "$count"] },
            "expires_at": { "$cond": [is_over, after(now, window), "$expires_at"] },
        } },
        doc! { "$set": {
            "granted": { "$cond": [{ "$lt": ["$count", i64::from(limit)] }, id, null] },
        } },
        doc! { "$set": {
            "count": { "$cond": [{ "$eq": ["$granted", id] }, { "$add": ["$count", 1_i64] }, "$count"] },
        } },
    ];
    let count: Count = update(counters, &key, stages).await?;
    match count.granted == Some(id) {
        true => Ok(CountedRequest {
            counters,
            key: Some(key),
        }),
        false => Err(refused(between(now, count.expires_at))),
    }
}

impl CountedRequest<'_> {
    /// Takes the request out of the count if it was refused. One that may have been committed counts.
    pub async fn refund_if_refused<T>(self, result: &Result<T, Problem>) -> Result<(), Problem> {
        match result {
            Err(problem) if problem.code != Code::ServiceUnavailable => self.refund().await,
            _ => Ok(()),
        }
    }

    /// Takes the request out of the count, because the limit turned out not to apply to it.
    pub async fn refund(self) -> Result<(), Problem> {
        let Some(key) = self.key else { return Ok(()) };
        let counted = doc! { "_id": key, "count": { "$gt": 0 } };
        let less = doc! { "$inc": { "count": -1_i64 } };
        self.counters.update_one(counted, less).await?;
        Ok(())
    }
}
