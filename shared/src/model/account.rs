//! A document of `admins`: a person who can sign in.

use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};

use super::AccountId;
use crate::values::{EmailAddress, PasswordHash};

/// A document of `admins`. It also has a counter that nothing reads: transactions increment it to lock the document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    #[serde(rename = "_id")]
    pub(crate) id: AccountId,
    /// As typed.
    pub(crate) email: String,
    /// Unique keys (see [`EmailAddress::key`]): first that of `email`, then those of addresses that are reserved.
    pub(crate) addresses: Vec<String>,
    pub(crate) email_verified_at: Option<DateTime>,
    /// The address before the last change, while it can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<PreviousEmail>,
    pub(crate) password_hash: PasswordHash,
    pub(crate) status: AccountStatus,
    /// Only sessions of the current epoch are alive. Ending all sessions begins the next one.
    pub(crate) epoch: i64,
    pub(crate) name: Option<String>,
    /// Language tag (RFC 5646).
    pub(crate) locale: Option<String>,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

/// The address before a change. It is reserved: no other account gets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PreviousEmail {
    /// As typed.
    pub(crate) email: String,
    /// Unique key.
    pub(crate) key: String,
    /// Until when it can be restored, and is reserved.
    pub(crate) reserved_until: DateTime,
}

impl PreviousEmail {
    pub(crate) fn to_document(&self) -> Document {
        doc! { "email": &self.email, "key": &self.key, "reserved_until": self.reserved_until }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Active,
    /// By an operator.
    Disabled,
}

impl Account {
    /// An active account with an unverified address.
    pub(crate) fn new(email: &EmailAddress, password_hash: PasswordHash, now: DateTime) -> Self {
        Self {
            id: AccountId::generate(),
            email: email.as_str().to_owned(),
            addresses: vec![email.key().to_owned()],
            email_verified_at: None,
            previous: None,
            password_hash,
            status: AccountStatus::Active,
            epoch: 0,
            name: None,
            locale: None,
            created_at: now,
            updated_at: now,
        }
    }

    pub fn id(&self) -> AccountId {
        self.id
    }

    /// As typed.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Whether somebody proved that they receive mail at this address.
    pub fn is_email_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }

    /// The person's name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Language tag (RFC 5646).
    pub fn locale(&self) -> Option<&str> {
        self.locale.as_deref()
    }

    /// The address before the last change, if it can still be restored.
    pub(crate) fn restorable_email(&self, now: DateTime) -> Option<&PreviousEmail> {
        let previous = self.previous.as_ref();
        previous.filter(|previous| previous.reserved_until > now)
    }

    /// The key of `email`.
    pub(crate) fn email_key(&self) -> &str {
        self.addresses.first().map_or(&self.email, String::as_str)
    }
}
