//! A document of `onboardings`: a creation that can be repeated with its `Idempotency-Key`.

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use crate::values::PasswordHash;

/// A document of `onboardings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Keyed hash of email and `Idempotency-Key`: callers do not share a namespace.
    #[serde(rename = "_id")]
    pub(crate) key: String,
    /// Keyed hash of name and email. The password is compared by its own hash: a fast one would be easy to guess.
    pub(crate) fingerprint: String,
    pub(crate) password_hash: PasswordHash,
    pub(crate) organization_id: ObjectId,
    pub(crate) expires_at: DateTime,
}
