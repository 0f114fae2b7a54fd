//! A new password: it ends all sessions but the one it is set in.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::{AuthenticatedAdmin, confirm_password};
use crate::model::{Action, Admin, Event};
use crate::mongo::Transaction;
use crate::problem::Problem;
use crate::sessions::count_alive;
use crate::state::App;
use crate::store::Databases;
use crate::values::{Password, PasswordHash};

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
        let before = self.replace_hash(session).await?;
        let this = doc! { "_id": self.caller.session_id() };
        let goes_on = doc! { "$set": { "epoch": before.session_epoch + 1 } };
        let updating = databases.sessions.update_one(this, goes_on);
        updating.session(&mut *session).await?;
        let ended = count_alive(databases, &before, session).await?;
        let event = self.event.clone().ending(ended);
        let recording = databases.audit_events.insert_one(event);
        recording.session(session).await.map(drop)
    }
}

impl Change<'_> {
    /// Begins a new epoch with the new password; gives the admin as it was.
    async fn replace_hash(&self, session: &mut ClientSession) -> Result<Admin, Error> {
        let databases = self.databases;
        let admin = doc! { "_id": self.caller.admin().id };
        let change = doc! {
            "$set": { "password_hash": self.new.as_stored(), "updated_at": databases.clock.now() },
            "$inc": { "session_epoch": 1_i64 },
        };
        let changing = databases.admins.find_one_and_update(admin, change);
        let before = changing.session(session).await?;
        before.ok_or_else(|| Error::custom(Problem::not_active()))
    }
}
