//! Access to the stored documents and MongoDB failpoints.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mongod::Mongod;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::{Collection, Database};

use crate::TestService;
use crate::consistency::Snapshot;

impl TestService {
    pub fn organizations(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("organizations")
    }

    pub fn admins(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("admins")
    }

    pub fn memberships(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("memberships")
    }

    pub fn rate_limits(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("rate_limits")
    }

    pub fn idempotency_records(&self) -> Collection<Document> {
        let master = self.mongo.database(&self.name);
        master.collection("idempotency_records")
    }

    pub fn sessions(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("sessions")
    }

    pub fn audit_events(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("audit_events")
    }

    pub fn tombstones(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("tombstones")
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

    /// Waits until a command of the service has met the failpoint.
    pub async fn until_failpoint_is_met(&self) {
        self.until_failpoint_was_entered(self.met.load(Ordering::Relaxed) + 1)
            .await;
    }

    /// Waits until the failpoint was entered this many times.
    pub(crate) async fn until_failpoint_was_entered(&self, times: i64) {
        let wait =
            doc! { "waitForFailPoint": "failCommand", "timesEntered": times, "maxTimeMS": 1000 };
        while self.command(wait.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs a command of the server.
    pub async fn command(&self, command: Document) -> Result<Document, Error> {
        self.mongo.database("admin").run_command(command).await
    }

    /// Returns how often the failpoint was entered before.
    pub(crate) async fn configure_failpoint(&self, command: Document) -> i64 {
        let done = self.command(command).await;
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

    /// Asserts that no stored documents contradict each other. Returns the number of organizations.
    #[track_caller]
    pub fn assert_consistent(&self) -> impl Future<Output = usize> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let snapshot = Snapshot::read(&self.master(), &self.tenants()).await;
            assert_eq!(snapshot.violations(), [""; 0], "at {caller}");
            snapshot.organizations.len()
        }
    }
}
