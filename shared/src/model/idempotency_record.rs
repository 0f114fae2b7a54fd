//! A document of `idempotency_records`: an onboarding that can be repeated with its `Idempotency-Key`.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::OrganizationId;
use crate::values::PasswordHash;

/// A document of `idempotency_records`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Hash of email and `Idempotency-Key`, computed with the pepper. Each email has its own namespace of keys.
    #[serde(rename = "_id")]
    pub(crate) key: String,
    /// Hash of name and email, computed with the pepper. It omits the password, which a fast hash would not protect:
    /// `password_hash` is compared instead.
    pub(crate) fingerprint: String,
    pub(crate) password_hash: PasswordHash,
    pub(crate) organization_id: OrganizationId,
    pub(crate) expires_at: DateTime,
}
