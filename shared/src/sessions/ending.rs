//! The end of a session before its time: a logout, here or everywhere, or a refresh token that someone stole.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::http::ClientAddress;
use crate::model::{Action, Admin, EndReason, Event};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, lock_admin};

/// There may be any number of sessions, and the transaction that counts them has its request's time. One that opens
/// beside it ends, too, and is not counted.
const MOST_COUNTED: u64 = 10_000;

/// Ends the caller's session. One that has ended meanwhile stays as it ended.
pub async fn end(state: &AppState, caller: &Caller, deadline: Instant) -> Result<(), Problem> {
    let databases = state.mongo.databases().await?;
    let reason = EndReason::Logout;
    let event = caller.event(Action::SessionEnded { reason });
    end_one(
        databases,
        caller.admin().id(),
        caller.session_id(),
        event,
        deadline,
    )
    .await
}

/// Ends all sessions of the caller.
pub async fn end_everywhere(
    state: &AppState,
    caller: &Caller,
    deadline: Instant,
) -> Result<(), Problem> {
    let databases = state.mongo.databases().await?;
    let reason = EndReason::LogoutEverywhere;
    let event = caller.event(Action::SessionEnded { reason });
    caller
        .transaction(databases, deadline, |session, _| {
            Box::pin(async {
                let admin = doc! { "_id": caller.admin().id };
                let next_epoch = doc! { "$inc": { "session_epoch": 1_i64 } };
                let beginning = databases.admins.find_one_and_update(admin, next_epoch);
                let before = beginning.session(&mut *session).await?;
                let before = before.ok_or_else(Problem::not_active)?;
                let ended = count_alive(databases, &before, session).await?;
                databases
                    .append(&event.clone().ending(ended), session)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Ends the session of a refresh token that had been replaced already.
pub(super) async fn end_reused(
    databases: &Databases,
    admin: &Admin,
    session_id: ObjectId,
    address: ClientAddress,
    deadline: Instant,
) -> Result<(), Problem> {
    tracing::warn!(
        organization_id = %admin.organization_id,
        "a replaced refresh token came back: its session is ended"
    );
    let reason = EndReason::RefreshTokenReused;
    let action = Action::SessionEnded { reason };
    let event = Event::new(action, address, databases.clock.now());
    let event = event.of(admin).in_session(session_id);
    end_one(databases, admin.id, session_id, event, deadline).await
}

/// Ends one session. The event is recorded only if it was alive.
async fn end_one(
    databases: &Databases,
    admin_id: ObjectId,
    session_id: ObjectId,
    event: Event,
    deadline: Instant,
) -> Result<(), Problem> {
    databases
        .transaction(deadline, |session, _| {
            Box::pin(async {
                // Of several that end it at once, alone or with others, one does.
                let admin = lock_admin(databases, admin_id, session).await?;
                let own = doc! { "_id": session_id };
                let ending = databases.sessions.find_one_and_delete(own);
                let ended = ending.session(&mut *session).await?;
                if let (Some(admin), Some(ended)) = (admin, ended)
                    && ended.is_alive(&admin, databases.clock.now())
                {
                    databases.append(&event.clone().ending(1), session).await?;
                }
                Ok(())
            })
        })
        .await
}

/// How many sessions of `admin`'s epoch there are, up to [`MOST_COUNTED`]: those that end when the next one begins.
pub(crate) async fn count_alive(
    databases: &Databases,
    admin: &Admin,
    session: &mut ClientSession,
) -> Result<u64, Error> {
    let alive = doc! {
        "organization_id": admin.organization_id,
        "admin_id": admin.id,
        "epoch": admin.session_epoch,
        "expires_at": { "$gt": databases.clock.now() },
    };
    let counting = databases
        .sessions
        .count_documents(alive)
        .limit(MOST_COUNTED);
    counting.session(session).await
}
