//! What a product reaches in MASTER_DB with a MongoDB user of its own: it reads the open tenants, and inserts events.
//!
//! Without a right on other collections, the product sees no password hash and no session.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;

use super::Databases;
use super::indexes::{make, model, plain};
use crate::model::{AccountId, MAX_DETAILS, OrganizationId, ProductEvent, RETENTION};
use crate::mongo::{collect, names_existing_collection};

/// The view of the open tenants.
const OPEN_TENANTS: &str = "open_tenants";
/// Names as in [`crate::values::is_product_name`].
const ACTION: &str = r"\A[a-z][a-z0-9_]{0,59}\.[a-z][a-z0-9_]{0,59}\z";

impl Databases {
    /// Creates the view and the collection of events, unless they exist.
    pub(super) async fn create_product_access(&self) -> Result<(), Error> {
        let open = doc! { "$match": { "holds": {}, "deleted": Bson::Null } };
        let shown = doc! { "$project": {
            "organization_name": "$name", "collection_name": 1, "database": { "$literal": self.database_of_tenants() },
        } };
        let view = doc! { "viewOn": self.organizations.name(), "pipeline": [open, shown] };
        create(&self.master, OPEN_TENANTS, view).await?;
        let events = self.product_events.name();
        create(&self.master, events, doc! { "validator": event_shape() }).await?;
        let expiring = IndexOptions::builder().expire_after(RETENTION).build();
        let indexes = vec![
            model(doc! { "at": 1 }, expiring),
            plain(doc! { "organization_id": 1, "at": -1, "_id": -1 }),
            plain(doc! { "organization_id": 1, "admin_id": 1, "at": -1, "_id": -1 }),
        ];
        make(&self.product_events, indexes).await
    }

    /// At most `limit` reported events of the organization, the newest first. With `earlier`, those that match it.
    pub(crate) async fn product_events(
        &self,
        organization: OrganizationId,
        account: Option<AccountId>,
        earlier: Document,
        limit: i64,
    ) -> Result<Vec<ProductEvent>, Error> {
        // The name of an action of the service would mislead.
        let product = doc! { "$regex": ACTION };
        let mut filter = doc! { "organization_id": organization, "action": product };
        if let Some(account) = account {
            filter.insert("admin_id", account);
        }
        filter.extend(earlier);
        let events = self.product_events.find(filter);
        let events = events.sort(doc! { "at": -1, "_id": -1 }).limit(limit);
        collect(events.await?).await
    }

    pub(super) async fn delete_product_events_of(
        &self,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        let own = doc! { "organization_id": organization };
        self.product_events.delete_many(own).await.map(drop)
    }
}

async fn create(database: &Database, name: &str, options: Document) -> Result<(), Error> {
    let mut command = doc! { "create": name };
    command.extend(options.clone());
    match database.run_command(command).await {
        Err(error) if names_existing_collection(&error) => {}
        created => return created.map(drop),
    }
    let listing = doc! { "listCollections": 1, "filter": { "name": name } };
    let listed = database.run_command(listing).await?;
    let found = listed.get_document("cursor").ok();
    let found =
        found.and_then(|cursor| cursor.get_array("firstBatch").ok()?.first()?.as_document());
    let stored = found.and_then(|found| found.get_document("options").ok());
    let stored = stored.cloned().unwrap_or_default();
    if options
        .iter()
        .any(|(name, value)| stored.get(name) != Some(value))
    {
        tracing::error!(
            collection = name,
            "a collection of MASTER_DB has other options than this version of the service creates: drop it, and create \
             an organization"
        );
    }
    Ok(())
}

/// The validator of [`ProductEvent`].
fn event_shape() -> Document {
    let id = doc! { "bsonType": "objectId" };
    let schema = doc! {
        "bsonType": "object",
        "required": ["organization_id", "action", "at"],
        "additionalProperties": false,
        "properties": {
            "_id": id.clone(),
            "organization_id": id,
            "admin_id": { "bsonType": ["objectId", "null"] },
            "action": { "bsonType": "string", "pattern": ACTION },
            "details": { "bsonType": "object" },
            "at": { "bsonType": "date" },
        },
    };
    let details = doc! { "$bsonSize": { "$ifNull": ["$details", {}] } };
    let limit = i64::try_from(MAX_DETAILS).unwrap_or(i64::MAX);
    doc! { "$jsonSchema": schema, "$expr": { "$lte": [details, limit] } }
}
