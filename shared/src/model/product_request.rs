//! A document of `idempotency_records`: a request to a product that can be repeated with its `Idempotency-Key`.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::OrganizationId;

/// A document of `idempotency_records`, beside those of onboarding. `T` is the request's result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProductRequest<T> {
    /// Hash of organization, account and key.
    #[serde(rename = "_id")]
    pub id: String,
    /// Hash of the request's content.
    pub fingerprint: String,
    pub organization_id: OrganizationId,
    pub result: T,
    pub expires_at: DateTime,
}
