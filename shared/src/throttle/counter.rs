//! Counters with a limit: calls from one client address and guesses of new addresses at one account by the hour, changes
//! of one organization by the day.
//!
//! A call that is refused is not counted. The count starts anew when its window has passed.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::{too_many, update};
use crate::clock::{after, between};
use crate::http::ClientAddress;
use crate::problem::Problem;
use crate::store::Databases;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is counted, each for itself.
#[derive(Clone, Copy, Debug)]
pub enum LimitedAction {
    Login,
    Onboarding,
}

#[derive(Deserialize)]
struct Calls {
    granted: Option<ObjectId>,
    expires_at: DateTime,
}

/// A call that was counted.
pub struct CountedRequest<'a> {
    attempts: &'a Collection<Document>,
    /// None where nothing is limited.
    key: Option<String>,
}

/// The limit is reached; it ends after so long.
struct LimitReached(Duration);

/// Counts a call from an address, or says how long to wait. `limit` is per hour; 0 means no limit.
pub async fn count_request<'a>(
    databases: &'a Databases,
    address: ClientAddress,
    kind: LimitedAction,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let parts = ["address", &format!("{kind:?}"), &address.network()];
    let counted = count(databases, &parts, limit, HOUR).await?;
    counted.map_err(|LimitReached(wait)| too_many(wait))
}

/// Counts a guess of an address that is new to the account.
pub(super) async fn count_attempt<'a>(
    databases: &'a Databases,
    email_key: &str,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let counted = count(databases, &["account", email_key], limit, HOUR).await?;
    counted.map_err(|LimitReached(wait)| too_many(wait))
}

/// Counts a change that an organization makes, or says how long to wait. `limit` is per day; 0 means no limit.
pub async fn count_change<'a>(
    databases: &'a Databases,
    organization: ObjectId,
    limit: u32,
) -> Result<CountedRequest<'a>, Problem> {
    let parts = ["organization-changes", &organization.to_hex()];
    let counted = count(databases, &parts, limit, DAY).await?;
    counted.map_err(|LimitReached(wait)| Problem::quota_exceeded(wait))
}

/// Counts a call of what `parts` name, unless the limit is reached; 0 means no limit.
async fn count<'a>(
    databases: &'a Databases,
    parts: &[&str],
    limit: u32,
    window: Duration,
) -> Result<Result<CountedRequest<'a>, LimitReached>, Problem> {
    let attempts = &databases.attempts;
    if limit == 0 {
        return Ok(Ok(CountedRequest {
            attempts,
            key: None,
        }));
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
    let calls: Calls = update(attempts, &key, stages).await?;
    Ok(match calls.granted == Some(id) {
        true => Ok(CountedRequest {
            attempts,
            key: Some(key),
        }),
        false => Err(LimitReached(between(now, calls.expires_at))),
    })
}

impl CountedRequest<'_> {
    /// Takes the call back: it turned out to be none that is to be limited.
    pub async fn refund(self) -> Result<(), Problem> {
        let Some(key) = self.key else { return Ok(()) };
        let counted = doc! { "_id": key, "count": { "$gt": 0 } };
        let less = doc! { "$inc": { "count": -1_i64 } };
        self.attempts.update_one(counted, less).await?;
        Ok(())
    }
}
