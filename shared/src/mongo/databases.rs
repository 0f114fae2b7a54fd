//! The service's databases and their collections.

use mongodb::bson::Document;
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::sync::OnceCell;

use super::ConnectError;
use super::kept_secret::kept_secret;
use crate::admins::Admin;
use crate::audit::Event;
use crate::clock::Clock;
use crate::config::Config;
use crate::keyed_hash::KeyedHash;
use crate::organizations::{Onboarding, Organization};
use crate::sessions::Session;

/// The service's databases, ready for use. Nobody outside this crate can name a tenant's collection: see
/// [`TenantCollection`](crate::organizations::TenantCollection).
pub struct Databases {
    pub(crate) client: Client,
    pub(crate) organizations: Collection<Organization>,
    pub(crate) admins: Collection<Admin>,
    pub(crate) sessions: Collection<Session>,
    pub(crate) attempts: Collection<Document>,
    pub(crate) onboardings: Collection<Onboarding>,
    pub(crate) audit_events: Collection<Event>,
    /// Names of purged collections, which are given to nobody again.
    pub(crate) retired_collection_names: Collection<Document>,
    pub(crate) keyed_hash: KeyedHash,
    /// The documents' moments are its.
    pub(crate) clock: Clock,
    /// Holds the tenants' collections.
    pub(crate) tenants: Database,
    /// Whether this process has made the indexes.
    pub(super) indexes: OnceCell<()>,
}

impl Databases {
    /// Connects a client, and asks it the first question.
    pub(super) async fn open(
        config: &Config,
        clock: &Clock,
        options: ClientOptions,
    ) -> Result<Self, ConnectError> {
        let client = Client::with_options(options)?;
        let master = client.database(&config.master_db);
        let secret = kept_secret(&master, "keyed-hash").await?;
        Ok(Self {
            organizations: master.collection("organizations"),
            admins: master.collection("admins"),
            sessions: master.collection("sessions"),
            attempts: master.collection_with_options("attempts", fast_writes()),
            onboardings: master.collection("onboardings"),
            audit_events: master.collection("audit_events"),
            indexes: OnceCell::new(),
            retired_collection_names: master.collection("retired_collection_names"),
            keyed_hash: KeyedHash::new(&secret),
            clock: clock.clone(),
            tenants: client.database(&config.tenant_db),
            client,
        })
    }
}

/// For what is written on the way of every login: counts that a failing primary may forget. The next one counts on.
fn fast_writes() -> CollectionOptions {
    let by_the_primary = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    CollectionOptions::builder()
        .write_concern(by_the_primary)
        .build()
}
