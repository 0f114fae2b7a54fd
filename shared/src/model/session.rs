//! A document of `sessions`: a login opens one.

use mongodb::bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::{Admin, AdminId, OrganizationId, SessionId};

/// A document of `sessions`. It also has a counter that nothing reads: transactions increment it to lock the document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    pub id: SessionId,
    pub organization_id: OrganizationId,
    pub admin_id: AdminId,
    /// See [`Admin::session_epoch`].
    pub(crate) epoch: i64,
    /// Hash of the current refresh token, computed with the pepper.
    pub(crate) refresh_token_hash: String,
    /// The refresh token before the current one.
    pub(crate) replaced: Option<ReplacedToken>,
    pub(crate) created_at: DateTime,
    /// When its tokens were last issued. A login beyond the limit of sessions ends the session with the oldest one.
    pub(crate) refreshed_at: DateTime,
    /// The end of the session, however often it is refreshed.
    pub expires_at: DateTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReplacedToken {
    pub(crate) hash: String,
    /// Derives the successor from the replaced token. Useless without that token.
    pub(crate) salt: Binary,
    pub(crate) at: DateTime,
}

impl Session {
    /// Whether it belongs to `admin`, was not ended, and has not expired.
    pub(crate) fn is_alive(&self, admin: &Admin, now: DateTime) -> bool {
        self.admin_id == admin.id
            && self.organization_id == admin.organization_id
            // A later epoch than the admin's began after the admin was read: a password change in this session.
            && self.epoch >= admin.session_epoch
            && self.expires_at > now
    }
}
