//! Ends sessions before they expire. Three other places end some: the closing of an organization (by its epoch), the end of
//! a membership, and the purge.
//!
//! One session ends with its document. All sessions of an account, or of an organization, end with its epoch: one update,
//! however many sessions there are, and a login or refresh at the same time cannot undo it. Their documents stay until
//! they expire.

use mongodb::ClientSession;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use serde::Deserialize;

use crate::model::{Principal, Session, SessionId};
use crate::store::Databases;
use crate::store::locks::{LockedAccount, LockedOrganization};

/// An account or an organization may have any number of sessions, and the transaction that counts them must end in time.
/// A session that opens at the same time ends as well, but is not counted.
const MAX_COUNTED: i64 = 10_000;
/// One login ends at most this many sessions. After the limit was lowered, the next logins end the rest.
const MAX_ENDED_BY_LOGIN: i64 = 50;

/// Ends one session. Returns whether it was alive: of several requests that end it at the same time, one gets `true`.
pub(super) async fn revoke_one(
    databases: &Databases,
    id: SessionId,
    transaction: &mut ClientSession,
) -> Result<bool, Error> {
    let revoking = databases.sessions.find_one_and_delete(doc! { "_id": id });
    let Some(session) = revoking.session(&mut *transaction).await? else {
        return Ok(false);
    };
    let locking = LockedAccount::lock(databases, session.account_id, transaction);
    match locking.await? {
        Some(mut account) => was_alive(databases, &session, &mut account).await,
        None => Ok(false),
    }
}

/// Ends one session of the account. None if the account has no such live session.
pub(super) async fn revoke_own(
    databases: &Databases,
    id: SessionId,
    account: &mut LockedAccount<'_>,
) -> Result<Option<Session>, Error> {
    let own = doc! { "_id": id, "account_id": account.account().id() };
    let revoking = databases.sessions.find_one_and_delete(own);
    let Some(session) = revoking.session(account.transaction()).await? else {
        return Ok(None);
    };
    let was_alive = was_alive(databases, &session, account).await?;
    Ok(was_alive.then_some(session))
}

/// Whether the session of the account was alive before it was deleted.
async fn was_alive(
    databases: &Databases,
    session: &Session,
    account: &mut LockedAccount<'_>,
) -> Result<bool, Error> {
    let Some(organization) = session.organization_id else {
        return Ok(false);
    };
    let id = session.account_id;
    let reading = databases.read_membership(id, organization, account.transaction());
    let Some((membership, organization)) = reading.await? else {
        return Ok(false);
    };
    let principal = Principal {
        account: account.account().clone(),
        membership,
        organization,
    };
    Ok(session.is_alive(&principal, databases.clock.now()))
}

/// Ends all sessions of an account, except `except`. Returns how many it ended.
pub(crate) async fn revoke_all(
    databases: &Databases,
    account: &mut LockedAccount<'_>,
    except: Option<SessionId>,
) -> Result<u64, Error> {
    let (id, epoch) = (account.account().id(), account.account().epoch);
    let own = doc! { "account_id": id, "account_epoch": epoch, "_id": { "$ne": except } };
    let ended = count_live(databases, own, account.transaction()).await?;
    let next_epoch = doc! { "$inc": { "epoch": 1_i64 } };
    account.update(next_epoch).await?;
    if let Some(except) = except {
        let next_epoch = doc! { "$set": { "account_epoch": account.account().epoch } };
        let sessions = &databases.sessions;
        let moving = sessions.update_one(doc! { "_id": except }, next_epoch);
        moving.session(account.transaction()).await?;
    }
    Ok(ended)
}

/// How many live sessions the closing of the organization ends.
pub(crate) async fn count_sessions_in(
    databases: &Databases,
    organization: &mut LockedOrganization<'_>,
) -> Result<u64, Error> {
    let current = organization.organization();
    let own = doc! { "organization_id": current.id, "organization_epoch": current.epoch };
    count_live(databases, own, organization.transaction()).await
}

/// Ends the sessions of an account in one organization beyond `max_sessions`, those that were refreshed longest ago, in
/// the transaction that opened `opened`. Returns how many.
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
        "account_id": opened.account_id,
        "account_epoch": opened.account_epoch,
        "membership_id": opened.membership_id,
        "organization_epoch": opened.organization_epoch,
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

/// How many of these sessions are alive, up to [`MAX_COUNTED`].
async fn count_live(
    databases: &Databases,
    sessions: Document,
    transaction: &mut ClientSession,
) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Count {
        sessions: u64,
    }
    let mut counted = databases
        .sessions
        .aggregate(counting_live(databases, sessions))
        .with_type::<Count>()
        .session(&mut *transaction)
        .await?;
    let count = counted.next(transaction).await.transpose()?;
    Ok(count.map_or(0, |count| count.sessions))
}

/// The aggregation that counts sessions with current epochs and an existing membership.
fn counting_live(databases: &Databases, mut sessions: Document) -> [Document; 8] {
    sessions.insert("expires_at", doc! { "$gt": databases.clock.now() });
    let by_id = |from: &str, id: &str| {
        doc! { "$lookup": { "from": from, "localField": format!("_id.{id}"), "foreignField": "_id", "as": id } }
    };
    [
        doc! { "$match": sessions },
        doc! { "$limit": MAX_COUNTED },
        doc! { "$group": {
            "_id": {
                "account": "$account_id",
                "account_epoch": "$account_epoch",
                "organization": "$organization_id",
                "organization_epoch": "$organization_epoch",
                "membership": "$membership_id",
            },
            "sessions": { "$sum": 1_i64 },
        } },
        by_id("admins", "account"),
        by_id("organizations", "organization"),
        by_id("memberships", "membership"),
        doc! { "$match": { "$expr": { "$and": [
            { "$in": ["$_id.account_epoch", "$account.epoch"] },
            { "$in": ["$_id.organization_epoch", "$organization.epoch"] },
            { "$ne": ["$membership", []] },
        ] } } },
        doc! { "$group": { "_id": null, "sessions": { "$sum": "$sessions" } } },
    ]
}
