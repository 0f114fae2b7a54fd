//! A new password: it ends all sessions but the one it is set in.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use tokio::time::Instant;

use super::{Password, PasswordHash, confirm_password};
use crate::app::App;
use crate::audit::{Action, Event};
use crate::mongo::{Databases, Transaction};
use crate::problem::Problem;
use crate::tokens::AuthenticatedAdmin;

/// Replaces the caller's `current` password by `new`.
pub async fn change_password(
    app: &App,
    caller: &AuthenticatedAdmin,
    current: Password,
    new: Password,
    deadline: Instant,
) -> Result<(), Problem> {
    let databases = app.mongo.databases().await?;
    let confirmed = confirm_password(app, caller, current, deadline).await?;
    let change = Change {
        databases,
        caller,
        new: app.hasher.hash(new).await?,
        event: caller.event(Action::PasswordChanged),
    };
    Ok(confirmed.write(databases, deadline, &change).await?)
}

struct Change<'a> {
    databases: &'a Databases,
    caller: &'a AuthenticatedAdmin,
    new: PasswordHash,
    event: Event,
}

impl Transaction for Change<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
        let epoch = self.replace_hash(session).await?;
        let this = doc! { "_id": self.caller.session_id() };
        let goes_on = doc! { "$set": { "epoch": epoch } };
        let updating = databases.sessions.update_one(this, goes_on);
        updating.session(&mut *session).await?;
        let admin = self.caller.admin();
        let others = doc! {
            "organization_id": admin.organization_id,
            "admin_id": admin.id,
            "_id": { "$ne": self.caller.session_id() },
        };
        let ending = databases.sessions.delete_many(others);
        let ended = ending.session(&mut *session).await?.deleted_count;
        let event = self.event.clone().ending(ended);
        let recording = databases.audit_events.insert_one(event);
        recording.session(session).await.map(drop)
    }
}

impl Change<'_> {
    /// The epoch that begins with the new password.
    async fn replace_hash(&self, session: &mut ClientSession) -> Result<i64, Error> {
        let databases = self.databases;
        let admin = doc! { "_id": self.caller.admin().id };
        let change = doc! {
            "$set": { "password_hash": self.new.as_stored(), "updated_at": databases.clock.now() },
            "$inc": { "session_epoch": 1_i64 },
        };
        let changed = databases
            .admins
            .find_one_and_update(admin, change)
            .return_document(ReturnDocument::After)
            .session(session)
            .await?;
        let changed = changed.ok_or_else(|| Error::custom(Problem::not_active()))?;
        Ok(changed.session_epoch)
    }
}
