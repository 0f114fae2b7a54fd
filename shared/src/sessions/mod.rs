//! Sessions: what begins with a login, goes on by refresh tokens, and can be ended.
//!
//! Every access token belongs to a session and dies with it. A session is alive while its document is there,
//! its time has not run out, and its epoch is its admin's: ending all sessions of an admin is one change of
//! the admin, however many there are, which a login or refresh that runs at the same time cannot undo. Their
//! documents stay until their time has run out.

mod ending;
mod limit;
mod opening;
mod refresh_token;
mod refreshing;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Binary, DateTime, doc};
use mongodb::error::Error;
use serde::{Deserialize, Serialize};

use crate::admins::Admin;
use crate::mongo::Databases;

pub(crate) use ending::count_alive;
pub use ending::{end, end_everywhere};
pub use opening::open;
pub use refreshing::refresh;

/// A document of `sessions`. It also has a number that nobody reads: transactions count it up to lock it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub organization_id: ObjectId,
    pub admin_id: ObjectId,
    /// See [`Admin::session_epoch`].
    epoch: i64,
    /// Keyed hash of the one refresh token that is good now.
    refresh_token_hash: String,
    /// The refresh token before that one.
    replaced: Option<ReplacedToken>,
    created_at: DateTime,
    /// When its tokens were made last. Beyond the limit of sessions, the one that was refreshed longest ago ends.
    refreshed_at: DateTime,
    /// The end of the session, however often it is refreshed.
    pub expires_at: DateTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ReplacedToken {
    hash: String,
    /// Makes the successor from the replaced token, and is of no use without it.
    salt: Binary,
    at: DateTime,
}

impl Session {
    /// Whether it is `admin`'s, and has neither been ended nor run out.
    pub(crate) fn is_alive(&self, admin: &Admin, now: DateTime) -> bool {
        self.admin_id == admin.id
            && self.organization_id == admin.organization_id
            // A later epoch than the admin's began since the admin was read: with a new password, set in this
            // session.
            && self.epoch >= admin.session_epoch
            && self.expires_at > now
    }

    /// The session, if it is alive. What was read before its admin may be older than a new password that was
    /// set in it: then what is read now decides.
    pub(crate) async fn alive(
        self,
        databases: &Databases,
        admin: &Admin,
    ) -> Result<Option<Self>, Error> {
        let now = databases.clock.now();
        if self.is_alive(admin, now) {
            return Ok(Some(self));
        }
        let again = databases.sessions.find_one(doc! { "_id": self.id }).await?;
        Ok(again.filter(|session| session.is_alive(admin, now)))
    }
}
