//! What is counted by the hour: calls from one client address, guesses of new addresses at one account.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::{too_many, update};
use crate::clock::{after, between};
use crate::http::ClientAddress;
use crate::mongo::Databases;
use crate::problem::Problem;

const WINDOW: Duration = Duration::from_secs(3600);

/// What is counted, each for itself.
#[derive(Clone, Copy, Debug)]
pub enum AddressUse {
    Login,
    Onboarding,
}

#[derive(Deserialize)]
struct Calls {
    count: i64,
    expires_at: DateTime,
}

/// A call that was counted.
pub struct CountedCall<'a> {
    attempts: &'a Collection<Document>,
    /// None where nothing is limited.
    key: Option<String>,
}

/// Counts a call from an address, or says how long to wait. `limit` is per hour; 0 means no limit.
pub async fn count_call<'a>(
    databases: &'a Databases,
    address: ClientAddress,
    kind: AddressUse,
    limit: u32,
) -> Result<CountedCall<'a>, Problem> {
    let parts = ["address", &format!("{kind:?}"), &address.network()];
    count(databases, &parts, limit).await
}

/// Counts a call of what `parts` name, or says how long to wait. `limit` is per hour; 0 means no limit.
pub(super) async fn count<'a>(
    databases: &'a Databases,
    parts: &[&str],
    limit: u32,
) -> Result<CountedCall<'a>, Problem> {
    let attempts = &databases.attempts;
    if limit == 0 {
        return Ok(CountedCall {
            attempts,
            key: None,
        });
    }
    let key = databases.keyed_hash()?.of(parts);
    let now = databases.clock.now();
    let over = doc! { "$lte": [{ "$ifNull": ["$expires_at", now] }, now] };
    let counted = doc! { "$add": ["$count", 1_i64] };
    let stage = doc! { "$set": {
        "count": { "$cond": [&over, 1_i64, counted] },
        "expires_at": { "$cond": [over, after(now, WINDOW), "$expires_at"] },
    } };
    let calls: Calls = update(attempts, &key, vec![stage]).await?;
    if calls.count > i64::from(limit) {
        return Err(too_many(between(now, calls.expires_at)));
    }
    Ok(CountedCall {
        attempts,
        key: Some(key),
    })
}

impl CountedCall<'_> {
    /// Takes the call back: it turned out to be none that is to be limited.
    pub async fn take_back(self) -> Result<(), Problem> {
        let Some(key) = self.key else { return Ok(()) };
        let counted = doc! { "_id": key, "count": { "$gt": 0 } };
        let less = doc! { "$inc": { "count": -1_i64 } };
        self.attempts.update_one(counted, less).await?;
        Ok(())
    }
}
