//! The connection: options fit for Lambda, a check for transactions, and the control plane's indexes.

use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, IndexOptions, ReadConcern, ReadPreference, ReturnDocument,
    ServerMonitoringMode, WriteConcern,
};
use mongodb::{Client, Collection, Database, IndexModel};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{Databases, errors, index};
use crate::clock::Clock;
use crate::config::{Config, MongodbUri};
use crate::keyed_hash::KeyedHash;
use crate::secrets::{SecretError, SecretsManager};

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Trying again does not help: the operator must do something.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

impl From<SecretError> for ConnectError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Unusable { .. } => Self::Refused(error.to_string()),
            SecretError::Unavailable { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = errors::describe(&error);
        match *error.kind {
            ErrorKind::Authentication { .. } => Self::Refused(format!(
                "MongoDB refused the credentials of the connection string: {text}"
            )),
            ErrorKind::InvalidArgument { .. } => Self::Refused(format!(
                "the MongoDB connection string cannot be used: {text}"
            )),
            _ => Self::Unavailable(format!("MongoDB cannot be reached: {text}")),
        }
    }
}

pub(super) async fn connect(
    config: &Config,
    secrets: &SecretsManager,
    clock: &Clock,
) -> Result<Databases, ConnectError> {
    let client = Client::with_options(options(config, secrets).await?)?;
    refuse_standalone(&client).await?;
    let master = client.database(&config.master_db);
    let organizations = master.collection("organizations");
    let admins = master.collection("admins");
    let attempts = master.collection("attempts");
    let sessions = master.collection("sessions");
    let onboardings = master.collection("onboardings");
    let audit_events = master.collection("audit_events");
    let (secret, ..) = tokio::try_join!(
        kept_secret(&master, "keyed-hash"),
        unique_indexes(&organizations, &[index::NAME_KEY, index::COLLECTION_NAME]),
        unique_indexes(&admins, &[index::EMAIL_KEY]),
        remove_expired(&attempts),
        remove_expired(&sessions),
        remove_expired(&onboardings),
        remove_expired(&audit_events),
        plain_index(&sessions, doc! { "organization_id": 1 }),
        plain_index(
            &audit_events,
            doc! { "organization_id": 1, "at": -1, "_id": -1 }
        ),
    )?;
    Ok(Databases {
        organizations,
        admins,
        sessions,
        attempts,
        onboardings,
        audit_events,
        retired_collection_names: master.collection("retired_collection_names"),
        keyed_hash: KeyedHash::new(&secret),
        clock: clock.clone(),
        tenants: client.database(&config.tenant_db),
        client,
    })
}

/// The driver's defaults wait for a server longer than API Gateway waits for an answer, and keep
/// connections that a thawed function finds dead.
async fn options(config: &Config, secrets: &SecretsManager) -> Result<ClientOptions, ConnectError> {
    let uri = match &config.mongodb {
        MongodbUri::Plain(uri) => uri.clone(),
        MongodbUri::SecretId(id) => secrets.current(id).await?.value,
    };
    let mut options = ClientOptions::parse(uri.expose_secret()).await?;
    options
        .app_name
        .get_or_insert_with(|| "org-management".to_owned());
    options
        .server_selection_timeout
        .get_or_insert(Duration::from_secs(5));
    options
        .connect_timeout
        .get_or_insert(Duration::from_secs(3));
    options.max_idle_time.get_or_insert(Duration::from_secs(60));
    // What the driver takes on Lambda anyway. Streaming would learn of a server's recovery only with its next
    // heartbeat, ten seconds later.
    options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
    // Answers rest on these, whatever the connection string says: a write that was answered is durable, and
    // a read sees it.
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    options.write_concern = Some(majority);
    options.read_concern = Some(ReadConcern::local());
    options.selection_criteria = Some(ReadPreference::Primary.into());
    Ok(options)
}

/// Onboarding is a transaction, and a standalone server has none.
async fn refuse_standalone(client: &Client) -> Result<(), ConnectError> {
    let hello = client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await?;
    let sharded = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if hello.contains_key("setName") || sharded {
        return Ok(());
    }
    Err(ConnectError::Refused(
        "this MongoDB is a standalone server, which has no transactions. Start it with --replSet rs0 \
         and run rs.initiate() once (one node is enough), or use MongoDB Atlas"
            .to_owned(),
    ))
}

/// Random bytes that all processes share, made by the first of them.
async fn kept_secret(master: &Database, name: &str) -> Result<Vec<u8>, ConnectError> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| ConnectError::Unavailable("there is no randomness".to_owned()))?;
    let secret = Binary {
        subtype: BinarySubtype::Generic,
        bytes: random.to_vec(),
    };
    let keys = master.collection::<KeptSecret>("keys");
    let kept = async || {
        keys.find_one_and_update(
            doc! { "_id": name },
            doc! { "$setOnInsert": { "secret": &secret } },
        )
        .upsert(true)
        .return_document(ReturnDocument::After)
        .await
    };
    // Of several that make it at once, all but one find it the second time.
    let kept = match kept().await {
        Err(error) if errors::is_duplicate(&error) => kept().await,
        result => result,
    }?;
    kept.map(|kept| kept.secret.bytes)
        .ok_or_else(|| ConnectError::Unavailable("the control plane's key was not kept".to_owned()))
}

#[derive(Deserialize)]
struct KeptSecret {
    secret: Binary,
}

/// MongoDB removes documents after their `expires_at`, some time later.
async fn remove_expired<T: Send + Sync>(collection: &Collection<T>) -> Result<(), ConnectError> {
    let options = IndexOptions::builder()
        .name("expires_at".to_owned())
        .expire_after(Duration::ZERO);
    let index = IndexModel::builder()
        .keys(doc! { "expires_at": 1 })
        .options(options.build());
    collection.create_index(index.build()).await?;
    Ok(())
}

/// Finds documents by `keys`.
async fn plain_index<T: Send + Sync>(
    collection: &Collection<T>,
    keys: Document,
) -> Result<(), ConnectError> {
    let index = IndexModel::builder().keys(keys).build();
    collection.create_index(index).await?;
    Ok(())
}

/// Makes the collection too. Safe to repeat, and to run in many processes at once.
async fn unique_indexes<T: Send + Sync>(
    collection: &Collection<T>,
    fields: &[&str],
) -> Result<(), ConnectError> {
    let model = |field: &&str| {
        let options = IndexOptions::builder()
            .unique(true)
            .name((*field).to_owned());
        IndexModel::builder()
            .keys(doc! { *field: 1 })
            .options(options.build())
            .build()
    };
    collection.create_indexes(fields.iter().map(model)).await?;
    Ok(())
}
