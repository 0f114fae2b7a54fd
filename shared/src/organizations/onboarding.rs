//! Onboarding: the organization, its admin and its collection appear together or not at all.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use mongodb::error::Error;
use tokio::time::Instant;

use super::capacity::Capacity;
use super::idempotency::{Earlier, Repeatable, insert};
use super::{Caller, NewOrganization};
use crate::http::{ClientAddress, note_organization};
use crate::model::{
    Action, Admin, AdminStatus, Event, Onboarding, Organization, OrganizationStatus, Role,
};
use crate::mongo::{
    Transaction, TransactionError, duplicate_index, is_write_conflict, names_existing_collection,
    run_transaction,
};
use crate::problem::Problem;
use crate::state::App;
use crate::store::{Databases, index};
use crate::throttle::{AddressUse, count_call};
use crate::values::{CollectionName, PasswordHash};

/// How long a request waits for another with the same `Idempotency-Key`.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes the organization in, before the deadline or not at all.
pub async fn onboard(
    app: &App,
    new: NewOrganization,
    caller: Caller,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let limit = app.config.onboardings_per_address;
    count_call(databases, caller.address, AddressUse::Onboarding, limit).await?;
    let key = caller.idempotency_key.as_deref();
    let repeatable = key
        .map(|key| Repeatable::new(databases, key, &new))
        .transpose()?;
    let mut purged = None;
    if let Some(repeatable) = &repeatable {
        match repeatable.earlier(app, databases, &new, &caller).await? {
            Earlier::Created(organization) => return Ok(organization),
            Earlier::Purged(id) => purged = Some(id),
            Earlier::None => {}
        }
    }
    let capacity = Capacity::of(databases, app.config.max_organizations).await?;
    capacity.refuse_past_limit()?;
    // The hash takes longer.
    let indexes = async { Ok(databases.make_indexes().await?) };
    let (password_hash, ()) = tokio::try_join!(app.hasher.hash(new.password.clone()), indexes)?;
    let id = ObjectId::new();
    for collection_name in CollectionName::candidates(&new.name, &id.to_hex()) {
        if exists(databases, &collection_name).await? {
            continue;
        }
        let founding = Founding::new(
            databases,
            id,
            &new,
            collection_name,
            &password_hash,
            repeatable.as_ref(),
            purged,
            caller.address,
        );
        let Err(error) = run_transaction(&databases.client, caller.deadline, &founding).await
        else {
            capacity.record_creation();
            note_organization(id);
            return Ok(founding.organization);
        };
        match (Refusal::of(&error), &repeatable) {
            (Refusal::CollectionTaken, _) => {}
            (Refusal::KeyTaken, Some(repeatable)) => {
                return match repeatable.earlier(app, databases, &new, &caller).await? {
                    Earlier::Created(organization) => Ok(organization),
                    Earlier::None | Earlier::Purged(_) => Err(Problem::unavailable()),
                };
            }
            (Refusal::KeyInFlight, _) => return Err(Problem::request_in_flight()),
            (Refusal::NameTaken, _) => return Err(Problem::organization_name_taken()),
            (Refusal::EmailTaken, _) => return Err(Problem::email_taken()),
            _ => return Err(error.into()),
        }
    }
    tracing::error!("no collection name was free");
    Err(Problem::internal())
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

/// Why the transaction was refused.
enum Refusal {
    NameTaken,
    EmailTaken,
    CollectionTaken,
    /// A request with the same key was faster.
    KeyTaken,
    /// A request with the same key is not done yet.
    KeyInFlight,
    Unexpected,
}

impl Refusal {
    fn of(error: &TransactionError) -> Self {
        let TransactionError::Refused(error) = error else {
            return Self::Unexpected;
        };
        match duplicate_index(error) {
            Some(index::NAME_KEY) => Self::NameTaken,
            Some(index::EMAIL_KEY) => Self::EmailTaken,
            Some(index::COLLECTION_NAME) => Self::CollectionTaken,
            Some(index::ID) => Self::KeyTaken,
            _ if names_existing_collection(error) => Self::CollectionTaken,
            _ if error.get_custom::<NameRetired>().is_some() => Self::CollectionTaken,
            _ if error.get_custom::<KeyInFlight>().is_some() => Self::KeyInFlight,
            _ => Self::Unexpected,
        }
    }
}

#[derive(Debug)]
struct KeyInFlight;

#[derive(Debug)]
struct NameRetired;

/// The transaction of onboarding.
struct Founding<'a> {
    databases: &'a Databases,
    organization: Organization,
    admin: Admin,
    event: Event,
    onboarding: Option<Onboarding>,
    /// The organization of an earlier record with the same key, which is gone.
    purged: Option<ObjectId>,
    started: Instant,
}

impl<'a> Founding<'a> {
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parts of one transaction"
    )]
    fn new(
        databases: &'a Databases,
        id: ObjectId,
        new: &NewOrganization,
        collection_name: CollectionName,
        password_hash: &PasswordHash,
        repeatable: Option<&Repeatable>,
        purged: Option<ObjectId>,
        address: ClientAddress,
    ) -> Self {
        let now = databases.clock.now();
        let organization = Organization {
            id,
            name: new.name.as_str().to_owned(),
            name_key: new.name.key().to_owned(),
            collection_name,
            status: OrganizationStatus::Active,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            purge_at: None,
        };
        let admin = Admin {
            id: ObjectId::new(),
            organization_id: id,
            email: new.email.as_str().to_owned(),
            email_key: new.email.key().to_owned(),
            password_hash: password_hash.clone(),
            role: Role::Admin,
            status: AdminStatus::Active,
            session_epoch: 0,
            created_at: now,
            updated_at: now,
        };
        let created = Action::OrganizationCreated {
            organization_name: organization.name.clone(),
        };
        Self {
            databases,
            event: Event::new(created, address, now).of(&admin),
            onboarding: repeatable
                .map(|repeatable| repeatable.record(&organization, password_hash, now)),
            purged,
            organization,
            admin,
            started: Instant::now(),
        }
    }

    /// First of all writes: requests with one key meet here, and nowhere else.
    async fn take_key(&self, session: &mut ClientSession) -> Result<(), Error> {
        let Some(onboarding) = &self.onboarding else {
            return Ok(());
        };
        let taken = insert(onboarding, self.databases, self.purged, session).await;
        taken.map_err(|error| {
            // Another transaction holds the key. Most are done in a moment; then its answer is ours, too.
            if is_write_conflict(&error) && self.started.elapsed() > PATIENCE {
                return Error::custom(KeyInFlight);
            }
            error
        })
    }

    /// The name of a collection that was purged is never given again. Read in the transaction: the purge
    /// retires a name before it gives up the organization that has it.
    async fn refuse_retired_name(&self, session: &mut ClientSession) -> Result<(), Error> {
        let name = doc! { "_id": self.organization.collection_name.as_str() };
        let retired = &self.databases.retired_collection_names;
        match retired.find_one(name).session(session).await? {
            Some(_) => Err(Error::custom(NameRetired)),
            None => Ok(()),
        }
    }
}

impl Transaction for Founding<'_> {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
        self.take_key(session).await?;
        self.refuse_retired_name(session).await?;
        let organizations = &databases.organizations;
        organizations
            .insert_one(&self.organization)
            .session(&mut *session)
            .await?;
        databases
            .admins
            .insert_one(&self.admin)
            .session(&mut *session)
            .await?;
        databases
            .audit_events
            .insert_one(&self.event)
            .session(&mut *session)
            .await?;
        let collection = self.organization.collection_name.as_str();
        databases
            .tenants
            .create_collection(collection)
            .session(session)
            .await
    }
}
