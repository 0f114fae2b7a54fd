//! A document of `one_time_tokens`: a link in a mail that can be used once.

use std::time::Duration;

use mongodb::bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::{Account, AccountId, AccountStatus, OneTimeTokenId};
use crate::clock::after;

/// A document of `one_time_tokens`. Its use deletes it.
///
/// The database does not contain the token itself, which follows from this document and the pepper.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneTimeToken {
    #[serde(rename = "_id")]
    pub(crate) id: OneTimeTokenId,
    pub(crate) purpose: Purpose,
    /// None if a reset was requested for an address that no active account has. It has a token too, so that it takes the
    /// same time.
    pub(crate) account_id: Option<AccountId>,
    /// A later epoch of the account voids the token.
    pub(crate) account_epoch: i64,
    /// The address to verify, or to restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    pub(crate) nonce: Binary,
    pub(crate) created_at: DateTime,
    pub(crate) expires_at: DateTime,
}

/// What a one-time token permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    PasswordReset,
    /// Verifies an address of the account, and makes it the current one.
    EmailVerification,
    /// Restores the address before a change.
    EmailUndo,
}

impl Purpose {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::EmailUndo => "email_undo",
        }
    }

    /// How long a token can be used.
    pub(crate) const fn lifetime(self) -> Duration {
        match self {
            Self::PasswordReset => Duration::from_secs(30 * 60),
            Self::EmailVerification => Duration::from_secs(24 * 3600),
            Self::EmailUndo => Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl OneTimeToken {
    /// A token of `account`, or of nobody.
    pub(crate) fn new(
        purpose: Purpose,
        account: Option<&Account>,
        nonce: Binary,
        now: DateTime,
    ) -> Self {
        Self {
            id: OneTimeTokenId::generate(),
            purpose,
            account_id: account.map(|account| account.id),
            account_epoch: account.map_or(0, |account| account.epoch),
            email: None,
            nonce,
            created_at: now,
            expires_at: after(now, purpose.lifetime()),
        }
    }

    /// The same token, for this address.
    pub(crate) fn about(self, email: &str) -> Self {
        Self {
            email: Some(email.to_owned()),
            ..self
        }
    }

    /// Whether the token can be used by this account. An undo link survives a later epoch: it must work after a thief changed
    /// the password.
    pub(crate) fn is_valid_for(&self, account: &Account, now: DateTime) -> bool {
        self.account_id == Some(account.id)
            && (self.account_epoch == account.epoch || self.purpose == Purpose::EmailUndo)
            && account.status == AccountStatus::Active
            && self.expires_at > now
    }
}
