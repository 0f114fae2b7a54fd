//! Onboarding: an organization, its owner's account and membership, and its collection with what the product declares are
//! created in one transaction.

use std::time::Duration;

use mongodb::ClientSession;
use tokio::time::Instant;

use super::NewOrganization;
use super::capacity::Capacity;
use super::idempotency::{Earlier, IdempotentRequest, insert_record};
use crate::model::{
    Account, Action, Event, IdempotencyRecord, Organization, OrganizationId, Placement,
    ProductVersion, Role,
};
use crate::mongo::{
    OnDuplicate, TransactionError, is_write_conflict, names_existing_collection, run_transaction,
};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::locks::LockedOrganization;
use crate::store::{Databases, TenantLocation, index};
use crate::throttle::{LimitedAction, count_request};
use crate::values::{CollectionName, PasswordHash};

/// How long a request waits for another one with the same `Idempotency-Key`.
const KEY_TIMEOUT: Duration = Duration::from_secs(2);

/// Creates organization, account, membership and collection together, or none of them. With the `Idempotency-Key` of an
/// earlier request it returns what that request created. After a 503 the client does not know the result; a retry with
/// the same key tells.
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
    let pepper = databases.pepper()?;
    let idempotent = idempotency_key.map(|key| IdempotentRequest::new(pepper, key, &new));
    let earlier = match &idempotent {
        Some(idempotent) => idempotent.find_earlier(request, &new).await?,
        None => Earlier::Nothing,
    };
    let purged = match earlier {
        Earlier::Created(organization) => {
            request.log().set_organization(organization.id);
            return Ok(*organization);
        }
        Earlier::Purged(id) => Some(id),
        Earlier::Nothing => None,
    };
    let capacity = Capacity::of(databases, request.config().max_organizations).await?;
    capacity.refuse_at_limit()?;
    // At the same time as the hash, which takes longer. Only the first request of a process does this.
    let preparing = async { Ok(databases.prepare_once().await?) };
    let declared = async { Ok(databases.published_product_version().await?) };
    let hashing = request.state().hasher.hash(new.password.clone());
    let (password_hash, (), version) = tokio::try_join!(hashing, preparing, declared)?;
    let version = version.as_ref();
    let id = OrganizationId::generate();
    for collection_name in CollectionName::candidates(&new.name, &id.to_hex()) {
        // An existing collection is never given to an organization.
        let location = databases.locate(Placement::NEW, &collection_name);
        if location.exists().await? {
            continue;
        }
        let documents = Documents::new(request, id, &new, collection_name, &password_hash, version);
        let record = idempotent
            .as_ref()
            .map(|idempotent| idempotent.record(id, &password_hash, request.now()));
        match insert(request, &documents, record.as_ref(), purged).await {
            Ok(()) => {
                capacity.record_creation();
                request.log().set_organization(id);
                return Ok(documents.organization);
            }
            Err(TransactionError::Aborted(Refusal::CollectionTaken)) => {}
            Err(TransactionError::Aborted(Refusal::KeyUsed)) => {
                return created_by_other(request, idempotent.as_ref(), &new).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    tracing::error!("no collection name is free");
    Err(Problem::internal())
}

/// The documents of a new organization.
struct Documents<'v> {
    organization: Organization,
    account: Account,
    event: Event,
    /// What its collection starts with.
    version: Option<&'v ProductVersion>,
}

impl<'v> Documents<'v> {
    fn new(
        request: &RequestContext,
        id: OrganizationId,
        new: &NewOrganization,
        collection_name: CollectionName,
        password_hash: &PasswordHash,
        version: Option<&'v ProductVersion>,
    ) -> Self {
        let now = request.now();
        let mut organization = Organization::new(id, &new.name, collection_name, now);
        organization.product_version = version.map(|version| version.number);
        let account = Account::new(&new.email, password_hash.clone(), now);
        let action = Action::OrganizationCreated {
            organization_name: organization.name.clone(),
        };
        Self {
            event: Event::new(action, request.address(), now).by(&account),
            organization,
            account,
            version,
        }
    }
}

/// Inserts the documents and creates the collection, in one transaction.
async fn insert(
    request: &RequestContext,
    documents: &Documents<'_>,
    record: Option<&IdempotencyRecord>,
    purged: Option<OrganizationId>,
) -> Result<(), TransactionError<Refusal>> {
    let databases = request.databases().await?;
    let started = Instant::now();
    let Documents {
        organization,
        account,
        event,
        version,
    } = documents;
    let location = &databases.location_of(organization);
    // `run_transaction`, because it aborts with a `Refusal` and not only with a `Problem`.
    run_transaction(&databases.client, request.deadline(), |transaction, _| {
        Box::pin(async move {
            // The first write: requests with the same key conflict here, and nowhere else.
            if let Some(record) = record {
                insert_idempotency_record(databases, record, purged, started, transaction).await?;
            }
            refuse_purged_name(databases, &organization.collection_name, transaction).await?;
            let mut organization = LockedOrganization::insert(databases, organization, transaction)
                .await
                .on_duplicate(index::NAME_KEY, Problem::organization_name_taken().into())
                .on_duplicate(index::COLLECTION_NAME, Refusal::CollectionTaken)?;
            let mut owner = organization
                .insert_account(account)
                .await
                .on_duplicate(index::ADDRESSES, Problem::email_taken().into())?;
            owner.insert(Role::Owner, account.created_at).await?;
            organization.append(event.clone()).await?;
            create_collection(location, *version, organization.transaction()).await
        })
    })
    .await
}

/// The organization that another request with the same key has just created.
async fn created_by_other(
    request: &RequestContext,
    idempotent: Option<&IdempotentRequest>,
    new: &NewOrganization,
) -> Result<Organization, Problem> {
    let idempotent = idempotent.ok_or_else(Problem::internal)?;
    match idempotent.find_earlier(request, new).await? {
        Earlier::Created(organization) => {
            request.log().set_organization(organization.id);
            Ok(*organization)
        }
        Earlier::Nothing | Earlier::Purged(_) => Err(Problem::unavailable()),
    }
}

/// Why the transaction was aborted.
enum Refusal {
    /// The next name is tried.
    CollectionTaken,
    /// Another request with the same key was faster. Its organization is the result.
    KeyUsed,
    Problem(Problem),
}

impl From<Problem> for TransactionError<Refusal> {
    fn from(problem: Problem) -> Self {
        Self::Aborted(problem.into())
    }
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

async fn insert_idempotency_record(
    databases: &Databases,
    record: &IdempotencyRecord,
    purged: Option<OrganizationId>,
    started: Instant,
    transaction: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    match insert_record(record, databases, purged, transaction).await {
        // Another request holds the key. `run_transaction` retries the conflict, because most requests end soon; after
        // `KEY_TIMEOUT` this one gets 409.
        Err(error) if is_write_conflict(&error) && started.elapsed() > KEY_TIMEOUT => Err(
            TransactionError::Aborted(Problem::request_in_flight().into()),
        ),
        inserted => inserted.on_duplicate(index::ID, Refusal::KeyUsed),
    }
}

/// The name of a purged collection is never used again. The purge inserts the tombstone before it deletes the
/// organization, and this read is part of the transaction.
async fn refuse_purged_name(
    databases: &Databases,
    name: &CollectionName,
    transaction: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    match databases.has_tombstone(&name.hash(), transaction).await? {
        true => Err(TransactionError::Aborted(Refusal::CollectionTaken)),
        false => Ok(()),
    }
}

async fn create_collection(
    location: &TenantLocation,
    version: Option<&ProductVersion>,
    transaction: &mut ClientSession,
) -> Result<(), TransactionError<Refusal>> {
    match location.create(version, transaction).await {
        Err(error) if names_existing_collection(&error) => {
            Err(TransactionError::Aborted(Refusal::CollectionTaken))
        }
        created => Ok(created?),
    }
}
