//! The service's databases and their collections.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::{
    Account, Event, IdempotencyRecord, JobPosition, Membership, OneTimeToken, Organization,
    OutboxMessage, ProductEvent, ProductVersion, Session, Tombstone,
};
use crate::mongo::ConnectError;
use crate::pepper::Pepper;
use crate::problem::Problem;

/// The collection of the schema version.
pub(super) const SCHEMA: &str = "schema";

/// The service's databases, ready for use. Code outside this crate cannot open a tenant's collection by name: see
/// [`Tenant`](crate::tenant::Tenant).
pub struct Databases {
    pub(crate) client: Client,
    /// This and the next two are changed only through [`locks`](super::locks).
    pub(super) organizations: Collection<Organization>,
    pub(super) accounts: Collection<Account>,
    pub(super) memberships: Collection<Membership>,
    pub(crate) sessions: Collection<Session>,
    /// Counters of attempts, requests and changes.
    pub(crate) rate_limits: Collection<Document>,
    pub(crate) idempotency_records: Collection<IdempotencyRecord>,
    pub(crate) audit_events: Collection<Event>,
    pub(crate) one_time_tokens: Collection<OneTimeToken>,
    /// See [`OutboxMessage`].
    pub(super) outbox: Collection<OutboxMessage>,
    pub(super) tombstones: Collection<Tombstone>,
    /// See [`schema`](super::schema).
    pub(super) schema: Collection<Document>,
    /// Leases of jobs that must not run concurrently.
    pub(super) leases: Collection<Document>,
    /// See [`JobPosition`].
    pub(super) jobs: Collection<JobPosition>,
    /// See [`ProductEvent`].
    pub(super) product_events: Collection<ProductEvent>,
    /// See [`ProductVersion`].
    pub(super) product_versions: Collection<ProductVersion>,
    /// None if the function may not read the pepper.
    pepper: Option<Pepper>,
    /// Source of the documents' timestamps.
    pub(crate) clock: Clock,
    /// Database of the control plane.
    pub(super) master: Database,
    /// Database of the tenants' collections.
    pub(super) tenants: Database,
    /// Whether this process has stored the schema version and created the indexes.
    pub(super) prepared: OnceCell<()>,
}

impl Databases {
    /// Creates a client. It connects with the first command.
    pub(super) fn open(
        config: &Config,
        clock: &Clock,
        options: ClientOptions,
    ) -> Result<Self, ConnectError> {
        // No command is sent here, so any error is caused by the options.
        let client = Client::with_options(options).map_err(|_| unusable_options())?;
        let master = client.database(&config.master_db);
        Ok(Self {
            organizations: master.collection("organizations"),
            accounts: master.collection("admins"),
            memberships: master.collection("memberships"),
            sessions: master.collection("sessions"),
            rate_limits: master.collection_with_options("rate_limits", fast_writes()),
            idempotency_records: master.collection("idempotency_records"),
            audit_events: master.collection("audit_events"),
            one_time_tokens: master.collection("one_time_tokens"),
            outbox: master.collection("outbox"),
            tombstones: master.collection("tombstones"),
            schema: master.collection(SCHEMA),
            prepared: OnceCell::new(),
            leases: master.collection("leases"),
            jobs: master.collection("jobs"),
            product_events: master.collection("product_events"),
            product_versions: master.collection("product_versions"),
            pepper: None,
            clock: clock.clone(),
            tenants: client.database(&config.tenant_db),
            master,
            client,
        })
    }

    pub(super) fn with_pepper(self, pepper: Option<Pepper>) -> Self {
        Self { pepper, ..self }
    }

    /// Fails if the function is not configured with a pepper.
    pub(crate) fn pepper(&self) -> Result<&Pepper, Problem> {
        self.pepper.as_ref().ok_or_else(|| {
            tracing::error!("this function is not configured with PEPPER_SECRET_ID");
            Problem::internal()
        })
    }

    /// Waits for a writable server.
    pub(super) async fn ping(&self) -> Result<(), mongodb::error::Error> {
        self.master.run_command(doc! { "ping": 1 }).await.map(drop)
    }

    /// The check of `GET /health`: reads the control plane's documents and lists the tenants' collections.
    pub(super) async fn probe(&self) -> Result<(), mongodb::error::Error> {
        let nothing = doc! { "_id": Bson::Null };
        self.organizations.find_one(nothing).await?;
        self.probe_tenants().await
    }
}

fn unusable_options() -> ConnectError {
    ConnectError::Fatal(
        "the MongoDB connection string cannot be used: a file of tlsCAFile or tlsCertificateKeyFile is missing or holds \
         no certificate, or two options contradict each other"
            .to_owned(),
    )
}

/// For the counters that every login writes. A failing primary may lose a write; the next primary continues the count.
fn fast_writes() -> CollectionOptions {
    let by_the_primary = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    CollectionOptions::builder()
        .write_concern(by_the_primary)
        .build()
}
