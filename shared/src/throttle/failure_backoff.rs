//! The attempts of one subject at one password: a few are free, then growing waits begin. Nobody is locked out for
//! good.
//!
//! An attempt is reserved before its hash is computed, whether the account exists or not. Reservations and failures
//! together stay below the limit, however many are concurrent. A reservation without an outcome counts as a failure
//! after a while.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{Outcome, too_many, update};
use crate::clock::{after, before, between};
use crate::problem::Problem;
use crate::store::Databases;

/// A request takes at most ten seconds, so an older reservation gets no outcome any more.
const RESERVATION_TTL: Duration = Duration::from_secs(15);
/// Failures are forgotten this long after the last one.
const FAILURES_TTL: Duration = Duration::from_secs(24 * 3600);
/// How long a login of a subject is remembered.
const LOGIN_REMEMBERED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// The first wait; each failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// How often a reservation is tried again while other attempts have no outcome yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(60);
/// Time reserved before the deadline to compute the hash.
const TIME_TO_HASH: Duration = Duration::from_secs(3);

/// A document of `rate_limits`: the fields that a decision needs.
#[derive(Deserialize)]
struct State {
    granted: Option<ObjectId>,
    blocked_until: Option<DateTime>,
    known_until: Option<DateTime>,
}

pub(super) struct FailureBackoff<'a> {
    databases: &'a Databases,
    key: String,
    limit: u32,
}

/// A reserved attempt.
pub(super) struct Reservation {
    id: ObjectId,
    /// Whether the subject logged in within the last 30 days.
    pub has_logged_in: bool,
}

enum Decision {
    Granted(Reservation),
    Blocked(Duration),
    /// Other attempts have no outcome yet.
    Busy,
}

impl<'a> FailureBackoff<'a> {
    /// `key` identifies the subject.
    pub fn new(databases: &'a Databases, key: &[String], limit: u32) -> Result<Self, Problem> {
        Ok(Self {
            databases,
            key: databases.pepper()?.hash(key),
            limit,
        })
    }

    /// Whether the subject logged in within the last 30 days. Reserves nothing.
    pub async fn has_logged_in(&self) -> Result<bool, Problem> {
        let now = self.databases.clock.now();
        let known = doc! { "_id": &self.key, "known_until": { "$gt": now } };
        Ok(self.databases.rate_limits.find_one(known).await?.is_some())
    }

    /// Forgets the failures.
    pub async fn forget(&self) -> Result<(), Problem> {
        let none = doc! { "$set": { "failures": 0_i64, "blocked_until": null } };
        let counters = &self.databases.rate_limits;
        counters.update_one(doc! { "_id": &self.key }, none).await?;
        Ok(())
    }

    /// Reserves an attempt, or fails with the time to wait.
    pub async fn reserve(&self, deadline: Instant) -> Result<Reservation, Problem> {
        loop {
            match self.decide(self.databases.clock.now()).await? {
                Decision::Granted(reservation) => return Ok(reservation),
                Decision::Blocked(wait) => return Err(too_many(wait)),
                Decision::Busy if Instant::now() + TIME_TO_HASH > deadline => {
                    return Err(too_many(Duration::from_secs(1)));
                }
                Decision::Busy => sleep(RETRY_INTERVAL.mul_f64(0.5 + fastrand::f64())).await,
            }
        }
    }

    pub async fn record(&self, reservation: Reservation, outcome: Outcome) -> Result<(), Problem> {
        match outcome {
            Outcome::LoggedIn => self.reset(reservation, true).await,
            Outcome::Right => self.reset(reservation, false).await,
            Outcome::Wrong => self.release(reservation, 1).await,
            Outcome::Undecided => self.release(reservation, 0).await,
        }
    }

    /// A right password clears the failures before it. Every login waits for this, so it is a plain update.
    async fn reset(&self, reservation: Reservation, is_login: bool) -> Result<(), Problem> {
        let now = self.databases.clock.now();
        let abandoned = doc! { "at": { "$lte": before(now, RESERVATION_TTL) } };
        let gone = doc! { "$or": [{ "id": reservation.id }, abandoned] };
        let mut changes = doc! { "failures": 0_i64, "blocked_until": null };
        if is_login {
            let known_until = after(now, LOGIN_REMEMBERED_FOR);
            changes.extend(doc! { "known_until": known_until, "expires_at": known_until });
        }
        let right = doc! { "$pull": { "in_flight": gone }, "$set": changes };
        let counters = &self.databases.rate_limits;
        counters
            .update_one(doc! { "_id": &self.key }, right)
            .await?;
        Ok(())
    }

    /// Ends a reservation that did not have the right password, and adds `failures` to the count.
    async fn release(&self, reservation: Reservation, failures: i64) -> Result<(), Problem> {
        let now = self.databases.clock.now();
        let others = doc! { "$filter": { "input": "$in_flight", "cond": { "$ne": ["$$this.id", reservation.id] } } };
        let mut stages = self.up_to_date(now);
        stages.push(doc! { "$set": {
            "in_flight": others,
            "failures": { "$add": ["$failures", failures] },
        } });
        stages.push(self.failed(now, doc! { "$gt": [failures, 0] }));
        stages.push(kept(now));
        update::<State>(&self.databases.rate_limits, &self.key, stages).await?;
        Ok(())
    }

    async fn decide(&self, now: DateTime) -> Result<Decision, Problem> {
        let id = ObjectId::new();
        let stages = self.reservation_of(id, now);
        let state: State = update(&self.databases.rate_limits, &self.key, stages).await?;
        if state.granted == Some(id) {
            let has_logged_in = state.known_until.is_some_and(|until| until > now);
            return Ok(Decision::Granted(Reservation { id, has_logged_in }));
        }
        let wait = state.blocked_until.map(|until| between(now, until));
        Ok(wait
            .filter(|wait| !wait.is_zero())
            .map_or(Decision::Busy, Decision::Blocked))
    }

    /// The pipeline that grants the reservation `id`, or leaves `granted` empty.
    fn reservation_of(&self, id: ObjectId, now: DateTime) -> Vec<Document> {
        let limit = i64::from(self.limit);
        let free = doc! { "$max": [1, { "$subtract": [limit, "$failures"] }] };
        let granted = doc! { "$and": [
            { "$lte": [{ "$ifNull": ["$blocked_until", now] }, now] },
            { "$lt": [{ "$size": "$in_flight" }, free] },
        ] };
        let joined = doc! { "$concatArrays": ["$in_flight", [{ "id": id, "at": now }]] };
        let mut stages = self.up_to_date(now);
        stages.push(doc! { "$set": { "granted": { "$cond": [granted, id, null] } } });
        let in_flight = doc! { "$cond": [{ "$eq": ["$granted", id] }, joined, "$in_flight"] };
        stages.push(doc! { "$set": { "in_flight": in_flight } });
        stages.push(kept(now));
        stages
    }

    /// The stages for the time that has passed: old failures are forgotten, abandoned reservations become failures.
    fn up_to_date(&self, now: DateTime) -> Vec<Document> {
        let start = before(now, RESERVATION_TTL);
        let in_flight = doc! { "$ifNull": ["$in_flight", []] };
        let live =
            doc! { "$filter": { "input": in_flight, "cond": { "$gt": ["$$this.at", start] } } };
        let forgotten = doc! { "$lte": [{ "$ifNull": ["$forget_at", now] }, now] };
        let failures = doc! { "$cond": [forgotten, 0_i64, { "$ifNull": ["$failures", 0_i64] }] };
        vec![
            doc! { "$set": { "before": { "$size": { "$ifNull": ["$in_flight", []] } }, "in_flight": live } },
            doc! { "$set": { "abandoned": { "$subtract": ["$before", { "$size": "$in_flight" }] } } },
            doc! { "$set": { "failures": { "$add": [failures, "$abandoned"] } } },
            self.failed(now, doc! { "$gt": ["$abandoned", 0] }),
            doc! { "$unset": ["before", "abandoned"] },
        ]
    }

    /// The stage for a failure, if `failed` holds: it renews the time until failures are forgotten. At the limit it
    /// blocks the subject for a time that grows with the failures.
    fn failed(&self, now: DateTime, failed: Document) -> Document {
        let limit = i64::from(self.limit);
        let millis = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        // An exponent that cannot overflow: the longest wait is reached long before.
        let exponent = doc! { "$min": [20, { "$subtract": ["$failures", limit] }] };
        let grown = doc! { "$multiply": [millis(FIRST_WAIT), { "$pow": [2, exponent] }] };
        let until =
            doc! { "$add": [now, { "$toLong": { "$min": [millis(LONGEST_WAIT), grown] } }] };
        let blocks = doc! { "$and": [&failed, { "$gte": ["$failures", limit] }] };
        doc! { "$set": {
            "blocked_until": { "$cond": [blocks, until, "$blocked_until"] },
            "forget_at": { "$cond": [failed, after(now, FAILURES_TTL), "$forget_at"] },
        } }
    }
}

/// The stage that sets when the document expires: when none of its fields has an effect any more.
fn kept(now: DateTime) -> Document {
    doc! { "$set": { "expires_at": { "$max": ["$known_until", after(now, FAILURES_TTL)] } } }
}
