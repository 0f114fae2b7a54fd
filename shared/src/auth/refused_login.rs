//! A refused login in the trail of the admin it was for, while there is that admin.
//!
//! Two at once for one account get into each other's way, and the later one is run again. They do so whether there
//! is that account or not, or their time would tell.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use crate::clock::after;
use crate::model::Event;
use crate::mongo::Transaction;
use crate::store::Databases;

/// How long it is remembered that an account had one.
const MEMORY: Duration = Duration::from_secs(3600);

pub(super) struct RefusedLogin<'a> {
    pub databases: &'a Databases,
    /// The account's key, known or unknown.
    pub account: &'a str,
    pub event: Event,
}

impl Transaction for RefusedLogin<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        self.meet_others(session).await?;
        // Written, not only read: a purge removes the admin before the trail, and so waits for this event or
        // leaves none to be written. An unknown account takes the same steps.
        let admin = doc! { "_id": self.event.admin_id };
        let count = doc! { "$inc": { "refused_logins": 1_i64 } };
        let counting = self.databases.admins.update_one(admin, count);
        let counted = counting.session(&mut *session).await?;
        let event = match counted.matched_count {
            0 => self.event.clone().of_nobody(),
            _ => self.event.clone(),
        };
        let recording = self.databases.audit_events.insert_one(event);
        recording.session(session).await.map(drop)
    }
}

impl RefusedLogin<'_> {
    /// Writes what every refused login of the account writes.
    async fn meet_others(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
        let keyed_hash = databases.keyed_hash().map_err(Error::custom)?;
        let key = keyed_hash.of(&["refused-logins", self.account]);
        let change = doc! {
            "$inc": { "count": 1_i64 },
            "$set": { "expires_at": after(databases.clock.now(), MEMORY) },
        };
        let meeting = databases
            .attempts
            .update_one(doc! { "_id": key }, change)
            .upsert(true);
        meeting.session(session).await.map(drop)
    }
}
