//! Deleting: the organization is closed immediately, and can be restored for some time.

use mongodb::ClientSession;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::{Caller, reauthenticate};
use crate::clock::after;
use crate::model::Action;
use crate::problem::Problem;
use crate::sessions::count_alive;
use crate::state::AppState;
use crate::store::Databases;
use crate::values::Password;

/// Deletes the caller's organization, which must confirm it by password, and ends all its sessions. Returns until when
/// it can be restored.
pub async fn delete(
    state: &AppState,
    caller: &Caller,
    password: Password,
    deadline: Instant,
) -> Result<DateTime, Problem> {
    let databases = state.mongo.databases().await?;
    let reauthenticated = reauthenticate(state, caller, password, deadline).await?;
    let id = caller.organization().id;
    let now = databases.clock.now();
    let purge_at = after(now, state.config.deletion_grace);
    let event = caller.event(Action::OrganizationDeleted);
    reauthenticated
        .transaction(databases, deadline, |session, _| {
            Box::pin(async {
                let change = doc! { "$set": {
                    "status": "deleted",
                    "deleted_at": now,
                    "purge_at": purge_at,
                    "updated_at": now,
                } };
                let changing = databases
                    .organizations
                    .update_one(doc! { "_id": id }, change);
                changing.session(&mut *session).await?;
                let ended = end_sessions(databases, id, session).await?;
                databases
                    .append(&event.clone().ending(ended), session)
                    .await?;
                Ok(())
            })
        })
        .await?;
    Ok(purge_at)
}

/// Ends the sessions of all admins of the organization, and gives their number. One that begins at this very moment
/// ends, too, and stays so after a restoration.
async fn end_sessions(
    databases: &Databases,
    organization: ObjectId,
    session: &mut ClientSession,
) -> Result<u64, Error> {
    let of_organization = doc! { "organization_id": organization };
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
