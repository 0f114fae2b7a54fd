//! Onboarding: the organization, its admin and its collection appear together or not at all.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use tokio::time::Instant;

use super::capacity::Capacity;
use super::idempotency::{Earlier, IdempotentRequest, insert};
use super::{Caller, NewOrganization};
use crate::http::note_organization;
use crate::model::{
    Action, Admin, AdminStatus, Event, IdempotencyRecord, Organization, OrganizationStatus, Role,
};
use crate::mongo::{
    OnDuplicate, TransactionError, is_write_conflict, names_existing_collection, run_transaction,
};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, index};
use crate::throttle::{LimitedAction, count_request};
use crate::values::{CollectionName, PasswordHash};

/// How long a request waits for another with the same `Idempotency-Key`.
const KEY_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes the organization in, before the deadline or not at all.
pub async fn onboard(
    state: &AppState,
    new: NewOrganization,
    caller: Caller,
) -> Result<Organization, Problem> {
    let databases = state.mongo.databases().await?;
    let limit = state.config.onboardings_per_address;
    count_request(databases, caller.address, LimitedAction::Onboarding, limit).await?;
    let key = caller.idempotency_key.as_deref();
    let repeatable = key
        .map(|key| IdempotentRequest::new(databases, key, &new))
        .transpose()?;
    let mut purged = None;
    if let Some(repeatable) = &repeatable {
        match repeatable.earlier(state, databases, &new, &caller).await? {
            Earlier::Created(organization) => return Ok(organization),
            Earlier::Purged(id) => purged = Some(id),
            Earlier::None => {}
        }
    }
    let capacity = Capacity::of(databases, state.config.max_organizations).await?;
    capacity.refuse_past_limit()?;
    // The hash takes longer.
    let indexes = async { Ok(databases.make_indexes().await?) };
    let (password_hash, ()) = tokio::try_join!(state.hasher.hash(new.password.clone()), indexes)?;
    let id = ObjectId::new();
    for collection_name in CollectionName::candidates(&new.name, &id.to_hex()) {
        if exists(databases, &collection_name).await? {
            continue;
        }
        let now = databases.clock.now();
        let organization = new_organization(id, &new, collection_name, now);
        let admin = new_admin(id, &new, &password_hash, now);
        let organization_name = organization.name.clone();
        let created = Action::OrganizationCreated { organization_name };
        let event = Event::new(created, caller.address, now).of(&admin);
        let record = repeatable
            .as_ref()
            .map(|repeatable| repeatable.record(&organization, &password_hash, now));
        let started = Instant::now();
        let created = run_transaction(&databases.client, caller.deadline, |session, _| {
            Box::pin(async {
                // First of all writes: requests with one key meet here, and nowhere else.
                if let Some(record) = &record {
                    take_key(databases, record, purged, started, session).await?;
                }
                refuse_retired_name(databases, &organization.collection_name, session).await?;
                let inserting = databases.organizations.insert_one(&organization);
                inserting
                    .session(&mut *session)
                    .await
                    .on_duplicate(index::NAME_KEY, Problem::organization_name_taken().into())
                    .on_duplicate(index::COLLECTION_NAME, Refusal::CollectionTaken)?;
                let inserting = databases.admins.insert_one(&admin);
                inserting
                    .session(&mut *session)
                    .await
                    .on_duplicate(index::EMAIL_KEY, Problem::email_taken().into())?;
                databases.append(&event, session).await?;
                create_collection(databases, &organization.collection_name, session).await
            })
        })
        .await;
        match created {
            Ok(()) => {
                capacity.record_creation();
                note_organization(id);
                return Ok(organization);
            }
            Err(TransactionError::Aborted(Refusal::CollectionTaken)) => {}
            Err(TransactionError::Aborted(Refusal::KeyTaken)) => {
                let Some(repeatable) = &repeatable else {
                    return Err(Problem::internal());
                };
                return match repeatable.earlier(state, databases, &new, &caller).await? {
                    Earlier::Created(organization) => Ok(organization),
                    Earlier::None | Earlier::Purged(_) => Err(Problem::unavailable()),
                };
            }
            Err(error) => return Err(error.into()),
        }
    }
    tracing::error!("no collection name was free");
    Err(Problem::internal())
}

/// Why the transaction is refused.
enum Refusal {
    /// The next name is tried.
    CollectionTaken,
    /// A request with the same key was faster: its organization is this one's.
    KeyTaken,
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) => problem,
            Refusal::CollectionTaken | Refusal::KeyTaken => Self::unavailable(),
        }
    }
}

fn new_organization(
    id: ObjectId,
    new: &NewOrganization,
    collection_name: CollectionName,
    now: DateTime,
) -> Organization {
    Organization {
        id,
        name: new.name.as_str().to_owned(),
        name_key: new.name.key().to_owned(),
        collection_name,
        status: OrganizationStatus::Active,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        purge_at: None,
    }
}

fn new_admin(
    organization_id: ObjectId,
    new: &NewOrganization,
    password_hash: &PasswordHash,
    now: DateTime,
) -> Admin {
    Admin {
        id: ObjectId::new(),
        organization_id,
        email: new.email.as_str().to_owned(),
        email_key: new.email.key().to_owned(),
        password_hash: password_hash.clone(),
        role: Role::Admin,
        status: AdminStatus::Active,
        session_epoch: 0,
        created_at: now,
        updated_at: now,
    }
}

/// Whether a collection of this name is there already, whoever made it: it is never adopted.
async fn exists(databases: &Databases, name: &CollectionName) -> Result<bool, Problem> {
    let filter = doc! { "name": name.as_str() };
    let names = databases
        .tenants
        .list_collection_names()
        .filter(filter)
        .await?;
    Ok(!names.is_empty())
}

async fn take_key(
    databases: &Databases,
    record: &IdempotencyRecord,
    purged: Option<ObjectId>,
    started: Instant,
    session: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    match insert(record, databases, purged, session).await {
        // Another transaction holds the key. Most are done in a moment; then its answer is ours, too.
        Err(error) if is_write_conflict(&error) && started.elapsed() > KEY_TIMEOUT => Err(
            TransactionError::Aborted(Problem::request_in_flight().into()),
        ),
        taken => taken.on_duplicate(index::ID, Refusal::KeyTaken),
    }
}

/// The name of a collection that was purged is never given again. Read in the transaction: the purge
/// retires a name before it gives up the organization that has it.
async fn refuse_retired_name(
    databases: &Databases,
    name: &CollectionName,
    session: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    let retired = &databases.retired_collection_names;
    let finding = retired.find_one(doc! { "_id": name.as_str() });
    match finding.session(session).await? {
        Some(_) => Err(TransactionError::Aborted(Refusal::CollectionTaken)),
        None => Ok(()),
    }
}

async fn create_collection(
    databases: &Databases,
    name: &CollectionName,
    session: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    let creating = databases.tenants.create_collection(name.as_str());
    match creating.session(session).await {
        Err(error) if names_existing_collection(&error) => {
            Err(TransactionError::Aborted(Refusal::CollectionTaken))
        }
        created => Ok(created?),
    }
}
