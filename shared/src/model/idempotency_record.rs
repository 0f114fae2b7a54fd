//! A document of `onboardings`: an onboarding that can be repeated with its `Idempotency-Key`.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::OrganizationId;
use crate::values::PasswordHash;

/// A document of `onboardings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Hash of email and `Idempotency-Key`, made with the pepper: callers have no common namespace.
    #[serde(rename = "_id")]
    pub(crate) key: String,
    /// Hash of name and email, made with the pepper. The password is compared by its bcrypt hash, because a fast hash is
    /// easy to guess.
    pub(crate) fingerprint: String,
    pub(crate) password_hash: PasswordHash,
    pub(crate) organization_id: OrganizationId,
    pub(crate) expires_at: DateTime,
}
