//! A new password: it ends all sessions but the one it is set in.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use tokio::time::Instant;

use super::{Password, PasswordHash, confirm_password};
use crate::app::App;
use crate::audit::{Action, Event};
use crate::mongo::{Databases, Transaction, run_transaction};
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
    confirm_password(app, caller, current, deadline).await?;
    let change = Change {
        databases,
        caller,
        new: app.hasher.hash(new).await?,
        event: caller.event(Action::PasswordChanged),
    };
    match run_transaction(&databases.client, deadline, &change).await? {
        true => Ok(()),
        false => Err(Problem::not_active()),
    }
}

struct Change<'a> {
    databases: &'a Databases,
    caller: &'a AuthenticatedAdmin,
    new: PasswordHash,
    event: Event,
}

impl Transaction for Change<'_> {
    /// Whether the admin still was as the token's check had found it.
    type Output = bool;

    async fn run(&self, session: &mut ClientSession) -> Result<bool, Error> {
        let (databases, admin) = (self.databases, self.caller.admin());
        let verified = doc! {
            "_id": admin.id,
            "status": "active",
            "password_hash": admin.password_hash.as_stored(),
        };
        let change = doc! {
            "$set": { "password_hash": self.new.as_stored(), "updated_at": databases.clock.now() },
            "$inc": { "session_epoch": 1_i64 },
        };
        let changed = databases
            .admins
            .find_one_and_update(verified, change)
            .return_document(ReturnDocument::After)
            .session(&mut *session)
            .await?;
        let Some(changed) = changed else {
            return Ok(false);
        };
        let this = doc! { "_id": self.caller.session_id() };
        let goes_on = doc! { "$set": { "epoch": changed.session_epoch } };
        let updating = databases.sessions.update_one(this, goes_on);
        updating.session(&mut *session).await?;
        let others = doc! {
            "organization_id": admin.organization_id,
            "admin_id": admin.id,
            "_id": { "$ne": self.caller.session_id() },
        };
        let ending = databases.sessions.delete_many(others);
        ending.session(&mut *session).await?;
        let recording = databases.audit_events.insert_one(&self.event);
        recording.session(session).await?;
        Ok(true)
    }
}
