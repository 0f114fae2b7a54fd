//! The end of a session before its time: a logout, here or everywhere, or a refresh token that someone stole.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::AuthenticatedAdmin;
use crate::http::ClientAddress;
use crate::model::{Action, Admin, EndReason, Event};
use crate::mongo::{Transaction, run_transaction};
use crate::problem::Problem;
use crate::state::App;
use crate::store::{Databases, lock_admin};

/// There may be any number of sessions, and the transaction that counts them has its request's time. One that opens
/// beside it ends, too, and is not counted.
const MOST_COUNTED: u64 = 10_000;

/// Ends the caller's session. One that has ended meanwhile stays as it ended.
pub async fn end(app: &App, caller: &AuthenticatedAdmin, deadline: Instant) -> Result<(), Problem> {
    let databases = app.mongo.databases().await?;
    let reason = EndReason::Logout;
    let ending = EndOne {
        databases,
        admin_id: caller.admin().id(),
        session_id: caller.session_id(),
        event: caller.event(Action::SessionEnded { reason }),
    };
    Ok(run_transaction(&databases.client, deadline, &ending).await?)
}

/// Ends all sessions of the caller.
pub async fn end_everywhere(
    app: &App,
    caller: &AuthenticatedAdmin,
    deadline: Instant,
) -> Result<(), Problem> {
    let databases = app.mongo.databases().await?;
    let reason = EndReason::LogoutEverywhere;
    let ending = EndAll {
        databases,
        admin: caller.admin(),
        event: caller.event(Action::SessionEnded { reason }),
    };
    Ok(caller.write(databases, deadline, &ending).await?)
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
    let event = Event::new(
        Action::SessionEnded { reason },
        address,
        databases.clock.now(),
    );
    let ending = EndOne {
        databases,
        admin_id: admin.id,
        session_id,
        event: event.of(admin).in_session(session_id),
    };
    Ok(run_transaction(&databases.client, deadline, &ending).await?)
}

struct EndOne<'a> {
    databases: &'a Databases,
    admin_id: ObjectId,
    session_id: ObjectId,
    event: Event,
}

impl Transaction for EndOne<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
        // Of several that end it at once, alone or with others, one does.
        let admin = lock_admin(databases, self.admin_id, session).await?;
        let ending = databases
            .sessions
            .find_one_and_delete(doc! { "_id": self.session_id });
        let ended = ending.session(&mut *session).await?;
        let now = databases.clock.now();
        let (Some(admin), Some(ended)) = (admin, ended) else {
            return Ok(());
        };
        if ended.is_alive(&admin, now) {
            let event = self.event.clone().ending(1);
            let recording = databases.audit_events.insert_one(event);
            recording.session(session).await?;
        }
        Ok(())
    }
}

struct EndAll<'a> {
    databases: &'a Databases,
    admin: &'a Admin,
    event: Event,
}

impl Transaction for EndAll<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
        let next_epoch = doc! { "$inc": { "session_epoch": 1_i64 } };
        let before = databases
            .admins
            .find_one_and_update(doc! { "_id": self.admin.id }, next_epoch)
            .session(&mut *session)
            .await?
            .ok_or_else(|| Error::custom(Problem::not_active()))?;
        let ended = count_alive(databases, &before, session).await?;
        let event = self.event.clone().ending(ended);
        let recording = databases.audit_events.insert_one(event);
        recording.session(session).await.map(drop)
    }
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
