//! A document of `sessions`: what begins with a login.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::Admin;

/// A document of `sessions`. It also has a number that nobody reads: transactions count it up to lock it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub organization_id: ObjectId,
    pub admin_id: ObjectId,
    /// See [`Admin::session_epoch`].
    pub(crate) epoch: i64,
    /// Keyed hash of the one refresh token that is good now.
    pub(crate) refresh_token_hash: String,
    /// The refresh token before that one.
    pub(crate) replaced: Option<ReplacedToken>,
    pub(crate) created_at: DateTime,
    /// When its tokens were made last. Beyond the limit of sessions, the one that was refreshed longest ago ends.
    pub(crate) refreshed_at: DateTime,
    /// The end of the session, however often it is refreshed.
    pub expires_at: DateTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplacedToken {
    pub(crate) hash: String,
    /// Makes the successor from the replaced token, and is of no use without it.
    pub(crate) salt: Binary,
    pub(crate) at: DateTime,
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
}
