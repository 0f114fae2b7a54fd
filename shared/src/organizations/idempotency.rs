//! Idempotency of onboarding: a request with the same `Idempotency-Key` and body gets the same organization.
//!
//! The record is written in the transaction that creates the organization: both are committed, or neither. There is no
//! state in between.

use mongodb::ClientSession;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::NewOrganization;
use crate::clock::after;
use crate::http::IDEMPOTENCY_TTL;
use crate::model::{IdempotencyRecord, Organization, OrganizationId};
use crate::password_hasher::Comparison;
use crate::pepper::Pepper;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::store::Databases;
use crate::throttle::{Outcome, Subject, reserve_attempt};
use crate::values::PasswordHash;

/// A request with an `Idempotency-Key`.
pub(super) struct IdempotentRequest {
    key: String,
    fingerprint: String,
}

/// The result of an earlier request with the same key.
pub(super) enum Earlier {
    Nothing,
    Created(Box<Organization>),
    /// This organization, which was purged: the key can be used again.
    Purged(OrganizationId),
}

impl IdempotentRequest {
    pub fn new(pepper: &Pepper, key: &str, new: &NewOrganization) -> Self {
        Self {
            key: pepper.hash(&["idempotency", new.email.key(), key]),
            fingerprint: pepper.hash(&["onboarding", new.name.as_str(), new.email.as_str()]),
        }
    }

    /// Finds the organization of an earlier request with this key, in its current state. Fails if that request had
    /// other fields. The password is compared as for a login, so this counts as a login attempt.
    pub async fn find_earlier(
        &self,
        request: &RequestContext,
        new: &NewOrganization,
    ) -> Result<Earlier, Problem> {
        let databases = request.databases().await?;
        let valid = doc! { "_id": &self.key, "expires_at": { "$gt": databases.clock.now() } };
        let Some(record) = databases.idempotency_records.find_one(valid).await? else {
            return Ok(Earlier::Nothing);
        };
        let id = record.organization_id;
        let Some(organization) = databases.find_organization(id).await? else {
            return Ok(Earlier::Purged(id));
        };
        let is_same = record.fingerprint == self.fingerprint
            && is_password(request, record.password_hash, new).await?;
        if !is_same {
            let detail = "The key was used with other values of the fields.";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
        match organization.deleted {
            Some(_) => Err(Problem::organization_deleted()),
            None => Ok(Earlier::Created(organization.into())),
        }
    }

    pub fn record(
        &self,
        organization_id: OrganizationId,
        password_hash: &PasswordHash,
        now: DateTime,
    ) -> IdempotencyRecord {
        IdempotencyRecord {
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            password_hash: password_hash.clone(),
            organization_id,
            expires_at: after(now, IDEMPOTENCY_TTL),
        }
    }
}

/// Whether `hash` is that of the new password. With a key, a name and an email anyone can ask this, so it is limited
/// like a login.
async fn is_password(
    request: &RequestContext,
    hash: PasswordHash,
    new: &NewOrganization,
) -> Result<bool, Problem> {
    let databases = request.databases().await?;
    let subject = Subject::Account {
        email_key: new.email.key(),
        address: request.address(),
    };
    let limit = request.config().login_attempts_per_account;
    let attempt = reserve_attempt(databases, subject, limit, request.deadline()).await?;
    let hasher = &request.state().hasher;
    let compared = hasher.verify(hash, new.password.clone()).await;
    let outcome = match compared {
        Ok(Comparison::Different) => Outcome::Wrong,
        // The account's password may have changed since, so a match clears no failures.
        Ok(_) | Err(_) => Outcome::Undecided,
    };
    attempt.record(outcome).await?;
    Ok(compared?.is_match())
}

/// Inserts the record. It replaces one that has expired, and that of the `purged` organization. Any other record with
/// this key is a duplicate.
pub(super) async fn insert_record(
    record: &IdempotencyRecord,
    databases: &Databases,
    purged: Option<OrganizationId>,
    transaction: &mut ClientSession,
) -> Result<(), Error> {
    let expired = doc! { "expires_at": { "$lte": databases.clock.now() } };
    let replaceable: Vec<Document> = purged
        .map(|id| doc! { "organization_id": id })
        .into_iter()
        .chain([expired])
        .collect();
    databases
        .idempotency_records
        .replace_one(doc! { "_id": &record.key, "$or": replaceable }, record)
        .upsert(true)
        .session(transaction)
        .await
        .map(drop)
}
