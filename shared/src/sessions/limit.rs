//! The limit of live sessions of one admin: a login beyond it ends the sessions that were refreshed longest ago.

use mongodb::ClientSession;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use serde::Deserialize;

use crate::model::{Action, EndReason, Event, Session};
use crate::store::Databases;

/// One login ends no more than this: where the limit was lowered, the following logins end the rest.
const MAX_ENDED: i64 = 50;

#[derive(Deserialize)]
struct Excess {
    #[serde(rename = "_id")]
    id: ObjectId,
}

/// Ends the sessions beyond `max_sessions`, in the transaction that opened `opened` and recorded `login`.
pub(super) async fn end_beyond_limit(
    databases: &Databases,
    max_sessions: u32,
    opened: &Session,
    login: &Event,
    session: &mut ClientSession,
) -> Result<(), Error> {
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
        .limit(MAX_ENDED)
        .projection(doc! { "_id": 1 })
        .session(&mut *session)
        .await?;
    let mut excess = Vec::new();
    while let Some(found) = found.next(session).await.transpose()? {
        excess.push(found.id);
    }
    if excess.is_empty() {
        return Ok(());
    }
    let these: Document = doc! { "_id": { "$in": &excess } };
    let ending = databases.sessions.delete_many(these);
    let ended = ending.session(&mut *session).await?.deleted_count;
    let reason = EndReason::SessionLimit;
    let event = login
        .clone()
        .followed_by(Action::SessionEnded { reason })
        .ending(ended);
    databases.append(&event, session).await
}
