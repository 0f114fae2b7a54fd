//! Ends sessions before they expire: the only place that does. (A purge deletes sessions that ended with the deletion.)
//!
//! One session ends with its document. All sessions of an admin end with the admin's epoch: one update, however many
//! sessions there are, and a login or refresh at the same time cannot undo it. Their documents stay until they expire.

use mongodb::ClientSession;
use mongodb::bson::{Bson, doc};
use mongodb::error::Error;
use serde::Deserialize;

use crate::model::{Admin, AdminId, OrganizationId, Session, SessionId};
use crate::store::{Databases, lock_admin};

/// An admin may have any number of sessions, and the transaction that counts them must end in time. A session that
/// opens at the same time ends as well, but is not counted.
const MAX_COUNTED: u64 = 10_000;
/// One login ends at most this many sessions. After the limit was lowered, the next logins end the rest.
const MAX_ENDED_BY_LOGIN: i64 = 50;

/// Ends one session. Returns whether it was alive: of several requests that end it at the same time, one gets `true`.
pub(super) async fn revoke_one(
    databases: &Databases,
    admin: AdminId,
    id: SessionId,
    transaction: &mut ClientSession,
) -> Result<bool, Error> {
    let admin = lock_admin(databases, admin, transaction).await?;
    let revoking = databases.sessions.find_one_and_delete(doc! { "_id": id });
    let revoked = revoking.session(transaction).await?;
    Ok(match (admin, revoked) {
        (Some(admin), Some(revoked)) => revoked.is_alive(&admin, databases.clock.now()),
        _ => false,
    })
}

/// Ends all sessions of an admin, except `except`. Returns how many it ended.
pub(crate) async fn revoke_all(
    databases: &Databases,
    admin: AdminId,
    except: Option<SessionId>,
    transaction: &mut ClientSession,
) -> Result<u64, Error> {
    let next_epoch = doc! { "$inc": { "session_epoch": 1_i64 } };
    let admins = &databases.admins;
    let revoking = admins.find_one_and_update(doc! { "_id": admin }, next_epoch);
    let Some(before) = revoking.session(&mut *transaction).await? else {
        return Ok(0);
    };
    if let Some(except) = except {
        let next_epoch = doc! { "$set": { "epoch": before.session_epoch + 1 } };
        let sessions = &databases.sessions;
        let moving = sessions.update_one(doc! { "_id": except }, next_epoch);
        moving.session(&mut *transaction).await?;
    }
    count_alive(databases, &before, transaction).await
}

/// Ends all sessions of all admins of an organization. Returns how many it ended.
pub(crate) async fn revoke_all_of_organization(
    databases: &Databases,
    organization: OrganizationId,
    transaction: &mut ClientSession,
) -> Result<u64, Error> {
    let of_organization = doc! { "organization_id": organization };
    let finding = databases.admins.find(of_organization.clone());
    let mut found = finding.session(&mut *transaction).await?;
    let mut ended = 0;
    while let Some(admin) = found.next(transaction).await.transpose()? {
        ended += count_alive(databases, &admin, transaction).await?;
    }
    let next_epoch = doc! { "$inc": { "session_epoch": 1_i64 } };
    let revoking = databases.admins.update_many(of_organization, next_epoch);
    revoking.session(transaction).await?;
    Ok(ended)
}

/// Ends the sessions of an admin beyond `max_sessions`, those that were refreshed longest ago, in the transaction that
/// opened `opened`. Returns how many.
pub(super) async fn revoke_beyond_limit(
    databases: &Databases,
    max_sessions: u32,
    opened: &Session,
    transaction: &mut ClientSession,
) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Excess {
        #[serde(rename = "_id")]
        id: SessionId,
    }
    let live = doc! {
        "organization_id": opened.organization_id,
        "admin_id": opened.admin_id,
        "epoch": opened.epoch,
        "expires_at": { "$gt": opened.created_at },
    };
    let mut found = databases
        .sessions
        .clone_with_type::<Excess>()
        .find(live)
        .sort(doc! { "refreshed_at": -1 })
        .skip(u64::from(max_sessions))
        .limit(MAX_ENDED_BY_LOGIN)
        .projection(doc! { "_id": 1 })
        .session(&mut *transaction)
        .await?;
    let mut excess: Vec<Bson> = Vec::new();
    while let Some(found) = found.next(transaction).await.transpose()? {
        excess.push(found.id.into());
    }
    if excess.is_empty() {
        return Ok(0);
    }
    let sessions = &databases.sessions;
    let revoking = sessions.delete_many(doc! { "_id": { "$in": excess } });
    Ok(revoking.session(transaction).await?.deleted_count)
}

/// How many sessions of `admin`'s epoch are alive, up to [`MAX_COUNTED`].
async fn count_alive(
    databases: &Databases,
    admin: &Admin,
    transaction: &mut ClientSession,
) -> Result<u64, Error> {
    let alive = doc! {
        "organization_id": admin.organization_id,
        "admin_id": admin.id,
        "epoch": admin.session_epoch,
        "expires_at": { "$gt": databases.clock.now() },
    };
    let sessions = &databases.sessions;
    let counting = sessions.count_documents(alive).limit(MAX_COUNTED);
    counting.session(transaction).await
}
