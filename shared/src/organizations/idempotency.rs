//! IdempotencyRecord that can be repeated: the same `Idempotency-Key`, email and body get the same organization.
//!
//! The record is written in the onboarding transaction, so that there is one exactly when there is the
//! organization; there is no state between that could get stuck.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::{Caller, NewOrganization};
use crate::clock::after;
use crate::model::{IdempotencyRecord, Organization, OrganizationStatus};
use crate::password_hasher::Comparison;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::store::Databases;
use crate::throttle::{Outcome, Subject, reserve_attempt};
use crate::values::PasswordHash;

/// How long a key is remembered.
const IDEMPOTENCY_TTL: Duration = Duration::from_secs(24 * 3600);

/// What came of an earlier request with the same key.
pub(super) enum Earlier {
    None,
    Created(Organization),
    /// It created the organization with this id, which has been purged: the key is forgotten.
    Purged(ObjectId),
}

/// A request with an `Idempotency-Key`.
pub(super) struct IdempotentRequest {
    key: String,
    fingerprint: String,
}

impl IdempotentRequest {
    pub fn new(databases: &Databases, key: &str, new: &NewOrganization) -> Result<Self, Problem> {
        let pepper = databases.pepper()?;
        Ok(Self {
            key: pepper.hash(&["idempotency", new.email.key(), key]),
            fingerprint: pepper.hash(&["onboarding", new.name.as_str(), new.email.as_str()]),
        })
    }

    /// What came of the earlier request with this key, as it is today.
    pub async fn earlier(
        &self,
        state: &AppState,
        databases: &Databases,
        new: &NewOrganization,
        caller: &Caller,
    ) -> Result<Earlier, Problem> {
        let live = doc! { "_id": &self.key, "expires_at": { "$gt": databases.clock.now() } };
        let Some(done) = databases.onboardings.find_one(live).await? else {
            return Ok(Earlier::None);
        };
        let id = done.organization_id;
        let Some(organization) = databases.organizations.find_one(doc! { "_id": id }).await? else {
            return Ok(Earlier::Purged(id));
        };
        let same = done.fingerprint == self.fingerprint
            && is_password(state, databases, done.password_hash, new, caller).await?;
        if !same {
            let detail = "The key was used with other values of the fields.";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
        match organization.status {
            OrganizationStatus::Active | OrganizationStatus::Suspended => {
                Ok(Earlier::Created(organization))
            }
            OrganizationStatus::Deleted | OrganizationStatus::Purging => {
                Err(Problem::organization_deleted())
            }
        }
    }

    pub fn record(
        &self,
        organization: &Organization,
        password_hash: &PasswordHash,
        now: DateTime,
    ) -> IdempotencyRecord {
        IdempotencyRecord {
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            password_hash: password_hash.clone(),
            organization_id: organization.id,
            expires_at: after(now, IDEMPOTENCY_TTL),
        }
    }
}

/// Whether `hash` is the new password's. Whoever knows a key, a name and an email can ask that as by a login:
/// it is as much of a guess.
async fn is_password(
    state: &AppState,
    databases: &Databases,
    hash: PasswordHash,
    new: &NewOrganization,
    caller: &Caller,
) -> Result<bool, Problem> {
    let subject = Subject::Account {
        email_key: new.email.key(),
        address: caller.address,
    };
    let limit = state.config.login_attempts_per_account;
    let guess = reserve_attempt(databases, subject, limit, caller.deadline).await?;
    let compared = state.hasher.verify(hash, new.password.clone()).await;
    let outcome = match compared {
        Ok(Comparison::Wrong) => Outcome::Wrong,
        // It was the admin's password then, and may have been replaced: it clears no failures.
        Ok(_) | Err(_) => Outcome::Undecided,
    };
    guess.record(outcome).await?;
    Ok(compared?.is_right())
}

/// Takes the place of a record that has expired, or whose organization, `purged`, is gone. Any other record is a
/// duplicate key.
pub(super) async fn insert(
    record: &IdempotencyRecord,
    databases: &Databases,
    purged: Option<ObjectId>,
    session: &mut ClientSession,
) -> Result<(), Error> {
    let expired = doc! { "expires_at": { "$lte": databases.clock.now() } };
    let forgotten: Vec<Document> = purged
        .map(|id| doc! { "organization_id": id })
        .into_iter()
        .chain([expired])
        .collect();
    databases
        .onboardings
        .replace_one(doc! { "_id": &record.key, "$or": forgotten }, record)
        .upsert(true)
        .session(session)
        .await
        .map(drop)
}
