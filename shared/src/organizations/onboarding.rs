//! Onboarding: the organization, its admin and its collection appear together or not at all.

use mongodb::ClientSession;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use super::{CollectionName, Organization, OrganizationName, OrganizationStatus};
use crate::admins::{
    Admin, AdminStatus, EmailAddress, Password, PasswordHash, PasswordPolicy, Role,
};
use crate::app::App;
use crate::attempts::{AddressUse, count_call};
use crate::http::ClientAddress;
use crate::mongo::{
    Databases, Transaction, TransactionError, duplicate_index, index, names_existing_collection,
    run_transaction,
};
use crate::problem::{FieldError, Problem};

/// What a company says about itself.
pub struct NewOrganization {
    name: OrganizationName,
    email: EmailAddress,
    password: Password,
}

impl NewOrganization {
    /// The faults are those of all fields. `min_length` is the password's, in characters.
    pub fn parse(
        name: &str,
        email: &str,
        password: &str,
        min_length: usize,
    ) -> Result<Self, Vec<FieldError>> {
        let policy = PasswordPolicy {
            min_length,
            context: &[email, name],
        };
        let name = OrganizationName::parse(name);
        let email = EmailAddress::parse(email);
        match (name, email, Password::choose(password, &policy)) {
            (Ok(name), Ok(email), Ok(password)) => Ok(Self {
                name,
                email,
                password,
            }),
            (name, email, password) => Err([name.err(), email.err(), password.err()]
                .into_iter()
                .flatten()
                .collect()),
        }
    }
}

/// Takes the organization in, before `deadline` or not at all.
pub async fn onboard(
    app: &App,
    new: NewOrganization,
    address: ClientAddress,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let limit = app.config.onboardings_per_address;
    let (attempts, keys) = (&databases.attempts, &databases.attempt_keys);
    count_call(attempts, keys, address, AddressUse::Onboarding, limit).await?;
    refuse_past_capacity(databases, app.config.max_organizations).await?;
    let password_hash = app.hasher.hash(new.password).await?;
    let id = ObjectId::new();
    for collection_name in CollectionName::candidates(&new.name, id) {
        if exists(databases, &collection_name).await? {
            continue;
        }
        let founding = Founding::new(
            databases,
            id,
            &new.name,
            collection_name,
            &new.email,
            &password_hash,
        );
        match run_transaction(&databases.client, deadline, &founding).await {
            Ok(()) => return Ok(founding.organization),
            Err(error) if is_collection_taken(&error) => {}
            Err(error) => return Err(refusal(error)),
        }
    }
    tracing::error!("no collection name was free");
    Err(Problem::internal())
}

/// Past its limit the cluster would fail, and take every tenant with it.
async fn refuse_past_capacity(databases: &Databases, limit: u64) -> Result<(), Problem> {
    let organizations = databases.organizations.estimated_document_count().await?;
    if organizations < limit {
        return Ok(());
    }
    tracing::error!(organizations, limit, "the tenant limit is reached");
    Err(Problem::capacity_reached())
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

fn is_collection_taken(error: &TransactionError) -> bool {
    let TransactionError::Refused(error) = error else {
        return false;
    };
    duplicate_index(error) == Some(index::COLLECTION_NAME) || names_existing_collection(error)
}

fn refusal(error: TransactionError) -> Problem {
    let index = match &error {
        TransactionError::Refused(error) => duplicate_index(error),
        TransactionError::TooSlow => None,
    };
    match index {
        Some(index::NAME_KEY) => Problem::organization_name_taken(),
        Some(index::EMAIL_KEY) => Problem::email_taken(),
        _ => error.into(),
    }
}

/// The transaction of onboarding.
struct Founding<'a> {
    databases: &'a Databases,
    organization: Organization,
    admin: Admin,
}

impl<'a> Founding<'a> {
    fn new(
        databases: &'a Databases,
        id: ObjectId,
        name: &OrganizationName,
        collection_name: CollectionName,
        email: &EmailAddress,
        password_hash: &PasswordHash,
    ) -> Self {
        let now = DateTime::now();
        Self {
            databases,
            organization: Organization {
                id,
                name: name.as_str().to_owned(),
                name_key: name.key().to_owned(),
                collection_name,
                status: OrganizationStatus::Active,
                created_at: now,
                updated_at: now,
            },
            admin: Admin {
                id: ObjectId::new(),
                organization_id: id,
                email: email.as_str().to_owned(),
                email_key: email.key().to_owned(),
                password_hash: password_hash.clone(),
                role: Role::Admin,
                status: AdminStatus::Active,
                created_at: now,
                updated_at: now,
            },
        }
    }
}

impl Transaction for Founding<'_> {
    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let databases = self.databases;
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
        let collection = self.organization.collection_name.as_str();
        databases
            .tenants
            .create_collection(collection)
            .session(session)
            .await
    }
}
