//! A document of `outbox`: a mail that must leave.

use std::time::Duration;

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{Account, OneTimeToken, OneTimeTokenId, OutboxMessageId};
use crate::clock::after;

/// How long a mail without a link is tried.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How long a mail that was given up is kept for the operator.
const KEPT_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// A document of `outbox`, written in the transaction of its cause. It does not depend on the organization, so a purge
/// leaves it. Its delivery deletes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxMessage {
    #[serde(rename = "_id")]
    pub(crate) id: OutboxMessageId,
    /// None for an address that no account has. It has a message too, so that it takes the same time.
    pub(crate) mail: Option<Mail>,
    /// Lower ones leave first. Absent after the message was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<i32>,
    /// Absent after the message was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_attempt_at: Option<DateTime>,
    /// Failed attempts.
    pub(crate) attempts: i32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: DateTime,
    pub(crate) give_up_at: DateTime,
    pub(crate) expires_at: DateTime,
}

/// A mail to one recipient.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mail {
    /// The address, as typed.
    pub to: String,
    /// Language tag of the recipient (RFC 5646).
    pub locale: Option<String>,
    pub content: MailContent,
}

/// Each kind of mail has a template of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum MailContent {
    /// A link that sets a new password.
    PasswordReset { token_id: OneTimeTokenId },
    /// A link that verifies the recipient's address.
    EmailVerification { token_id: OneTimeTokenId },
    /// Notice to the address before a change, with a link that restores it.
    EmailChanged { token_id: OneTimeTokenId },
    /// Notice: the password was changed.
    PasswordChanged,
    /// Notice: the organization was deleted, and until when it can be restored.
    OrganizationDeleted {
        organization_name: String,
        restorable_until: DateTime,
    },
}

impl MailContent {
    /// The token of its link.
    pub(crate) fn token_id(&self) -> Option<OneTimeTokenId> {
        match self {
            Self::PasswordReset { token_id }
            | Self::EmailVerification { token_id }
            | Self::EmailChanged { token_id } => Some(*token_id),
            Self::PasswordChanged | Self::OrganizationDeleted { .. } => None,
        }
    }

    /// The name of its template.
    pub fn template(&self) -> &'static str {
        match self {
            Self::PasswordReset { .. } => "password_reset",
            Self::EmailVerification { .. } => "email_verification",
            Self::EmailChanged { .. } => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::OrganizationDeleted { .. } => "organization_deleted",
        }
    }

    /// Lower ones leave first.
    const fn priority(&self) -> i32 {
        match self {
            Self::PasswordReset { .. } | Self::EmailChanged { .. } => 0,
            Self::EmailVerification { .. }
            | Self::PasswordChanged
            | Self::OrganizationDeleted { .. } => 1,
        }
    }
}

impl OutboxMessage {
    /// The mail with a password reset's link. Without an account there is no mail.
    pub(crate) fn password_reset(
        account: Option<&Account>,
        token: &OneTimeToken,
        now: DateTime,
    ) -> Self {
        let content = MailContent::PasswordReset { token_id: token.id };
        let priority = content.priority();
        let mail = account.map(|account| Mail::to(account, content));
        Self::new(mail, priority, token.expires_at, now)
    }

    /// A mail with the link of a token, to the address that the token is about.
    pub(crate) fn with_link(
        account: &Account,
        token: &OneTimeToken,
        content: MailContent,
        now: DateTime,
    ) -> Self {
        let priority = content.priority();
        let mail = Mail {
            to: token.email.clone().unwrap_or_default(),
            ..Mail::to(account, content)
        };
        Self::new(Some(mail), priority, token.expires_at, now)
    }

    /// A notice to the account. None if its address is not verified: it may be somebody else's.
    pub(crate) fn notice(account: &Account, content: MailContent, now: DateTime) -> Option<Self> {
        account.email_verified_at?;
        let priority = content.priority();
        let give_up_at = after(now, GIVE_UP_AFTER);
        Some(Self::new(
            Some(Mail::to(account, content)),
            priority,
            give_up_at,
            now,
        ))
    }

    fn new(mail: Option<Mail>, priority: i32, give_up_at: DateTime, now: DateTime) -> Self {
        Self {
            id: OutboxMessageId::generate(),
            mail,
            priority: Some(priority),
            next_attempt_at: Some(now),
            attempts: 0,
            last_error: None,
            created_at: now,
            give_up_at,
            expires_at: after(give_up_at, KEPT_AFTER),
        }
    }
}

impl Mail {
    fn to(account: &Account, content: MailContent) -> Self {
        Self {
            to: account.email.clone(),
            locale: account.locale.clone(),
            content,
        }
    }
}
