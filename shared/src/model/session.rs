//! A document of `sessions`: a login opens one.

use mongodb::bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::{AccountId, MembershipId, OrganizationId, Principal, SessionId};

/// A document of `sessions`. It also has a counter that nothing reads: transactions increment it to lock the document.
///
/// It names the epochs and the membership that were current when it began. With an earlier epoch, or another membership,
/// it is dead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    pub id: SessionId,
    pub account_id: AccountId,
    pub(crate) account_epoch: i64,
    /// This and the next two fields are null in a session without an organization.
    pub organization_id: Option<OrganizationId>,
    pub(crate) organization_epoch: Option<i64>,
    pub(crate) membership_id: Option<MembershipId>,
    /// Hash of the current refresh token, computed with the pepper.
    pub(crate) refresh_token_hash: String,
    /// The refresh token before the current one.
    pub(crate) replaced: Option<ReplacedToken>,
    /// Address and `User-Agent` of the login.
    #[serde(default)]
    pub(crate) address: String,
    pub(crate) user_agent: Option<String>,
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
    /// The client's address at the login.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The header `User-Agent` of the login.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// When it was opened.
    pub fn created_at(&self) -> DateTime {
        self.created_at
    }

    /// When its tokens were last issued.
    pub fn refreshed_at(&self) -> DateTime {
        self.refreshed_at
    }

    /// Whether the principal can act, and the session is the principal's, was not ended, and has not expired.
    pub(crate) fn is_alive(&self, principal: &Principal, now: DateTime) -> bool {
        let Principal {
            account,
            membership,
            organization,
        } = principal;
        principal.can_act()
            && self.account_id == account.id
            // A later epoch than the account's began after the account was read: a password change in this session.
            && self.account_epoch >= account.epoch
            && self.organization_id == Some(organization.id)
            && self.organization_epoch == Some(organization.epoch)
            && self.membership_id == Some(membership.id)
            && self.expires_at > now
    }
}
