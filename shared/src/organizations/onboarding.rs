//! Onboarding: an organization, its admin and its collection are created in one transaction.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::{DateTime, doc};
use tokio::time::Instant;

use super::NewOrganization;
use super::capacity::Capacity;
use super::idempotency::{IdempotentRequest, Previous, insert_record};
use crate::model::{
    Action, Admin, AdminId, AdminStatus, Event, IdempotencyRecord, Organization, OrganizationId,
    OrganizationStatus, Role,
};
use crate::mongo::{
    OnDuplicate, TransactionError, is_write_conflict, names_existing_collection, run_transaction,
};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::{Databases, index};
use crate::throttle::{LimitedAction, count_request};
use crate::values::{CollectionName, PasswordHash};

/// How long a request waits for another one with the same `Idempotency-Key`.
const KEY_TIMEOUT: Duration = Duration::from_secs(2);

/// Creates the organization before the deadline, or nothing. With the `Idempotency-Key` of an earlier request it returns
/// what that request created.
pub async fn onboard(
    request: &RequestContext,
    new: NewOrganization,
    idempotency_key: Option<&str>,
) -> Result<Organization, Problem> {
    let databases = request.databases().await?;
    let limit = request.config().onboardings_per_address;
    count_request(
        databases,
        request.address(),
        LimitedAction::Onboarding,
        limit,
    )
    .await?;
    let mut idempotent = idempotency_key
        .map(|key| IdempotentRequest::new(databases.pepper()?, key, &new))
        .transpose()?;
    if let Some(idempotent) = &mut idempotent
        && let Previous::Created(organization) = idempotent.previous(request, &new).await?
    {
        return Ok(organization);
    }
    let capacity = Capacity::of(databases, request.config().max_organizations).await?;
    capacity.refuse_past_limit()?;
    // Beside the hash, which takes longer.
    let indexes = async { Ok(databases.make_indexes().await?) };
    let hashing = request.state().hasher.hash(new.password.clone());
    let (password_hash, ()) = tokio::try_join!(hashing, indexes)?;
    let (organization, is_new) = create(request, &new, &password_hash, idempotent).await?;
    if is_new {
        capacity.record_creation();
    }
    request.log().set_organization(organization.id);
    Ok(organization)
}

/// Creates the organization with the first collection name that is free. Returns whether it is new, or was created by
/// another request with the same key.
async fn create(
    request: &RequestContext,
    new: &NewOrganization,
    password_hash: &PasswordHash,
    mut idempotent: Option<IdempotentRequest>,
) -> Result<(Organization, bool), Problem> {
    let databases = request.databases().await?;
    let id = OrganizationId::generate();
    for collection_name in CollectionName::candidates(&new.name, &id.to_hex()) {
        if collection_exists(databases, &collection_name).await? {
            continue;
        }
        let now = databases.clock.now();
        let organization = new_organization(id, new, collection_name, now);
        let admin = new_admin(id, new, password_hash, now);
        let organization_name = organization.name.clone();
        let created = Action::OrganizationCreated { organization_name };
        let event = Event::new(created, request.address(), now).by(&admin);
        let record = idempotent
            .as_ref()
            .map(|idempotent| idempotent.record(id, password_hash, now));
        let purged = idempotent.as_ref().and_then(|idempotent| idempotent.purged);
        let started = Instant::now();
        let created = run_transaction(&databases.client, request.deadline(), |session, _| {
            Box::pin(async {
                // The first write: requests with the same key conflict here, and nowhere else.
                if let Some(record) = &record {
                    insert_key(databases, record, purged, started, session).await?;
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
        match (created, &mut idempotent) {
            (Ok(()), _) => return Ok((organization, true)),
            (Err(TransactionError::Aborted(Refusal::CollectionTaken)), _) => {}
            (Err(TransactionError::Aborted(Refusal::KeyUsed)), Some(idempotent)) => {
                return match idempotent.previous(request, new).await? {
                    Previous::Created(organization) => Ok((organization, false)),
                    Previous::None => Err(Problem::unavailable()),
                };
            }
            (Err(error), _) => return Err(error.into()),
        }
    }
    tracing::error!("no collection name is free");
    Err(Problem::internal())
}

/// Why the transaction was aborted.
enum Refusal {
    /// The next name is tried.
    CollectionTaken,
    /// Another request with the same key was faster. Its organization is the result.
    KeyUsed,
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
            Refusal::CollectionTaken | Refusal::KeyUsed => Self::unavailable(),
        }
    }
}

fn new_organization(
    id: OrganizationId,
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
    organization_id: OrganizationId,
    new: &NewOrganization,
    password_hash: &PasswordHash,
    now: DateTime,
) -> Admin {
    Admin {
        id: AdminId::generate(),
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

/// Whether there is a collection of this name. An existing collection is never given to an organization.
async fn collection_exists(databases: &Databases, name: &CollectionName) -> Result<bool, Problem> {
    let filter = doc! { "name": name.as_str() };
    let listing = databases.tenants.list_collection_names().filter(filter);
    Ok(!listing.await?.is_empty())
}

async fn insert_key(
    databases: &Databases,
    record: &IdempotencyRecord,
    purged: Option<OrganizationId>,
    started: Instant,
    session: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    match insert_record(record, databases, purged, session).await {
        // Another transaction has the key. Most end within milliseconds, and its result is this request's.
        Err(error) if is_write_conflict(&error) && started.elapsed() > KEY_TIMEOUT => Err(
            TransactionError::Aborted(Problem::request_in_flight().into()),
        ),
        inserted => inserted.on_duplicate(index::ID, Refusal::KeyUsed),
    }
}

/// The name of a purged collection is never used again. The purge retires the name before it deletes the organization, and
/// this read is part of the transaction.
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
