//! Access to the stored documents and MongoDB failpoints.

use std::sync::atomic::Ordering;

use mongod::Mongod;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};

use crate::TestService;

impl TestService {
    pub fn organizations(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("organizations")
    }

    pub fn admins(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("admins")
    }

    pub fn attempts(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("attempts")
    }

    pub fn onboardings(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("onboardings")
    }

    pub fn sessions(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("sessions")
    }

    pub fn audit_events(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("audit_events")
    }

    pub fn retired_collection_names(&self) -> Collection<Document> {
        let master = self.mongo.database(&self.name);
        master.collection("retired_collection_names")
    }

    pub fn master(&self) -> Database {
        self.mongo.database(&self.name)
    }

    pub fn tenants(&self) -> Database {
        self.mongo.database(&format!("{}_tenants", self.name))
    }

    /// A connection string whose clients are subject to the service's failpoints.
    pub fn uri(&self, mongod: &Mongod) -> String {
        format!("{}&appName={}", mongod.uri(), self.name)
    }

    /// Makes the service's commands fail, block or lose their connection, according to `data`. Other clients are
    /// unaffected.
    pub async fn failpoint(&self, mode: Document, mut data: Document) {
        data.insert("appName", &self.name);
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        let met = self.configure_failpoint(command).await;
        self.met.store(met, Ordering::Relaxed);
    }

    /// Disables the failpoint. Returns the number of commands that it affected.
    pub async fn failpoint_off(&self) -> i64 {
        let command = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        self.configure_failpoint(command).await - self.met.load(Ordering::Relaxed)
    }

    async fn configure_failpoint(&self, command: Document) -> i64 {
        let done = self.mongo.database("admin").run_command(command).await;
        let count = done.unwrap().get("count").cloned().unwrap();
        count
            .as_i64()
            .or_else(|| count.as_i32().map(i64::from))
            .unwrap()
    }

    /// Returns a counter from `serverStatus.transactions`.
    pub async fn transactions(&self, name: &str) -> i64 {
        let status = self.mongo.database("admin");
        let status = status
            .run_command(doc! { "serverStatus": 1 })
            .await
            .unwrap();
        let transactions = status.get_document("transactions").unwrap();
        transactions.get_i64(name).unwrap()
    }

    /// Asserts that organizations, admins and tenant collections match one to one. Returns their number.
    #[track_caller]
    pub fn assert_consistent(&self) -> impl Future<Output = usize> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let mut organizations: Vec<(String, String)> = Vec::new();
            for document in all(self.organizations()).await {
                let id = document.get_object_id("_id").unwrap().to_hex();
                organizations.push((id, document.get_str("collection_name").unwrap().to_owned()));
            }
            let of_admin =
                |admin: &Document| admin.get_object_id("organization_id").unwrap().to_hex();
            let mut admins: Vec<_> = all(self.admins()).await.iter().map(of_admin).collect();
            let mut collections = self.tenants().list_collection_names().await.unwrap();
            let mut ids: Vec<_> = organizations.iter().map(|(id, _)| id.clone()).collect();
            let mut named: Vec<_> = organizations.into_iter().map(|(_, name)| name).collect();
            for list in [&mut admins, &mut collections, &mut ids, &mut named] {
                list.sort();
            }
            assert_eq!(
                (&ids, &named),
                (&admins, &collections),
                "organizations, admins and tenant collections do not match one to one at {caller}"
            );
            ids.len()
        }
    }
}

/// Returns all documents in `collection`.
pub async fn all(collection: Collection<Document>) -> Vec<Document> {
    let mut cursor = collection.find(doc! {}).await.unwrap();
    let mut documents = Vec::new();
    while cursor.advance().await.unwrap() {
        documents.push(cursor.deserialize_current().unwrap());
    }
    documents
}
