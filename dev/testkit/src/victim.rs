//! An instance of the service that is killed at one of its statements.

use std::sync::Arc;

use mongod::Mongod;
use mongodb::bson::doc;
use shared::state::AppState;
use tokio::runtime::Runtime;

use crate::{TestService, local_secret};

/// Commands of the service that read or write documents.
const STATEMENTS: [&str; 12] = [
    "aggregate",
    "commitTransaction",
    "count",
    "create",
    "delete",
    "drop",
    "find",
    "findAndModify",
    "getMore",
    "insert",
    "listCollections",
    "update",
];

/// An instance on a runtime of its own. Killed, it runs nothing any more, like a killed process: no transaction is
/// aborted.
pub struct Victim<'s> {
    pub instance: TestService,
    /// The service whose databases the instance uses. It survives.
    service: &'s TestService,
    runtime: Runtime,
}

impl<'s> Victim<'s> {
    /// Starts an instance on the databases and with the clock of `service`, which has a mongod of its own.
    pub async fn start(service: &'s TestService, mongod: &Mongod) -> Self {
        let runtime = Runtime::new().unwrap();
        let uri = mongod.uri();
        let master = service.state.config.master_db.clone();
        let tenants = service.state.config.tenant_db.clone();
        let starting = runtime.spawn(async move {
            let settings = [("MASTER_DB", master.as_str()), ("TENANT_DB", &tenants)];
            let instance = TestService::start_from(&uri, &settings, local_secret()).await;
            assert_eq!(instance.get("/health").await.status, 200);
            instance
        });
        let instance = starting.await.unwrap();
        instance.set_clock_of(service);
        Self {
            instance,
            service,
            runtime,
        }
    }

    /// Runs `action`, and kills the instance when it has sent `statements` statements and sends the next one. Returns the
    /// result if the action ended before that.
    pub async fn kill_after<T>(
        self,
        statements: i32,
        action: impl AsyncFnOnce(&Self) -> T,
    ) -> Option<T> {
        let data = doc! {
            "appName": &self.instance.name,
            "failCommands": STATEMENTS.to_vec(),
            "blockConnection": true,
            "blockTimeMS": 20_000,
        };
        let mode = doc! { "skip": statements };
        let set = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        let entered = self.service.configure_failpoint(set).await;
        let result = tokio::select! {
            result = action(&self) => Some(result),
            () = self.service.until_failpoint_was_entered(entered + 1) => None,
        };
        self.runtime.shutdown_background();
        // The server itself ends the sessions of a client that is gone after a minute.
        let end = self.service.command(doc! { "killAllSessions": [] });
        end.await.unwrap();
        let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        self.service.configure_failpoint(off).await;
        result
    }

    /// Runs a job in the instance.
    pub async fn run<F, T>(&self, job: impl FnOnce(Arc<AppState>) -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let job = job(Arc::clone(&self.instance.state));
        self.runtime.spawn(job).await.unwrap()
    }
}
