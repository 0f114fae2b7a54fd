//! A refused login in the trail of the admin it was for, while there is that admin.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use crate::audit::Event;
use crate::mongo::{Databases, Transaction};

pub(super) struct RefusedLogin<'a> {
    pub databases: &'a Databases,
    pub event: Event,
}

impl Transaction for RefusedLogin<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        // Written, not only read: a purge removes the admin before the trail, and so waits for this event or
        // leaves none to be written. An unknown email takes the same steps, for as long.
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
