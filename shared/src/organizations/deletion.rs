//! Deleting: from one moment to the next nothing opens any more, and for some time all of it can be had back.

use mongodb::ClientSession;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::{AuthenticatedAdmin, confirm_password};
use crate::clock::after;
use crate::model::{Action, Event};
use crate::mongo::Transaction;
use crate::problem::Problem;
use crate::sessions::count_alive;
use crate::state::App;
use crate::store::Databases;
use crate::values::Password;

/// Deletes the caller's organization, which must confirm it by password, and ends all its sessions. Answers
/// until when it can be restored.
pub async fn delete(
    app: &App,
    caller: &AuthenticatedAdmin,
    password: Password,
    deadline: Instant,
) -> Result<DateTime, Problem> {
    let databases = app.mongo.databases().await?;
    let confirmed = confirm_password(app, caller, password, deadline).await?;
    let now = databases.clock.now();
    let deleting = Deleting {
        databases,
        caller,
        now,
        purge_at: after(now, app.config.deletion_grace),
        event: caller.event(Action::OrganizationDeleted),
    };
    confirmed.write(databases, deadline, &deleting).await?;
    Ok(deleting.purge_at)
}

struct Deleting<'a> {
    databases: &'a Databases,
    caller: &'a AuthenticatedAdmin,
    now: DateTime,
    purge_at: DateTime,
    event: Event,
}

impl Transaction for Deleting<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let (databases, id) = (self.databases, self.caller.organization().id);
        let change = doc! { "$set": {
            "status": "deleted",
            "deleted_at": self.now,
            "purge_at": self.purge_at,
            "updated_at": self.now,
        } };
        databases
            .organizations
            .update_one(doc! { "_id": id }, change)
            .session(&mut *session)
            .await?;
        let ended = self.begin_epochs(session).await?;
        let event = self.event.clone().ending(ended);
        let recording = databases.audit_events.insert_one(event);
        recording.session(session).await.map(drop)
    }
}

impl Deleting<'_> {
    /// Ends the sessions of all its admins, and gives their number. One that begins at this very moment is dead,
    /// too, and stays so after a restoration.
    async fn begin_epochs(&self, session: &mut ClientSession) -> Result<u64, Error> {
        let databases = self.databases;
        let of_organization = doc! { "organization_id": self.caller.organization().id };
        let mut found = databases
            .admins
            .find(of_organization.clone())
            .session(&mut *session)
            .await?;
        let mut ended = 0;
        while let Some(admin) = found.next(session).await.transpose()? {
            ended += count_alive(databases, &admin, session).await?;
        }
        let next_epoch = doc! { "$inc": { "session_epoch": 1_i64 } };
        let beginning = databases.admins.update_many(of_organization, next_epoch);
        beginning.session(session).await?;
        Ok(ended)
    }
}
