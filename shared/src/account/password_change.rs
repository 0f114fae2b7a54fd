//! A new password: it ends all sessions but the one it is set in.

use mongodb::bson::doc;
use tokio::time::Instant;

use crate::auth::{Caller, reauthenticate};
use crate::model::Action;
use crate::problem::Problem;
use crate::sessions::count_alive;
use crate::state::AppState;
use crate::values::Password;

/// Replaces the caller's `current` password by `new`.
pub async fn change_password(
    state: &AppState,
    caller: &Caller,
    current: Password,
    new: Password,
    deadline: Instant,
) -> Result<(), Problem> {
    let databases = state.mongo.databases().await?;
    let reauthenticated = reauthenticate(state, caller, current, deadline).await?;
    let new = state.hasher.hash(new).await?;
    let event = caller.event(Action::PasswordChanged);
    reauthenticated.transaction(databases, deadline, |session, _| { Box::pin(async {
        // The new password begins an epoch, which ends all sessions.
        let admin = doc! { "_id": caller.admin().id };
        let change = doc! {
            "$set": { "password_hash": new.as_stored(), "updated_at": databases.clock.now() },
            "$inc": { "session_epoch": 1_i64 },
        };
        let replacing = databases.admins.find_one_and_update(admin, change);
        let before = replacing.session(&mut *session).await?;
        let before = before.ok_or_else(Problem::not_active)?;
        // But this one goes over into it.
        let own = doc! { "_id": caller.session_id() };
        let next_epoch = doc! { "$set": { "epoch": before.session_epoch + 1 } };
        let keeping = databases.sessions.update_one(own, next_epoch);
        keeping.session(&mut *session).await?;
        let ended = count_alive(databases, &before, session).await?;
        databases
            .append(&event.clone().ending(ended), session)
            .await?;
        Ok(())
    }) }).await
}
