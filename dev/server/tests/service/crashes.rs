//! The service's and the database's processes are killed, frozen and restarted.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::local_server::Server;
use crate::secrets::borrowed;
use testkit::{Failure, FakeSecretsManager, with_uri_in_secret};
use testkit::{MongodProcess, PASSWORD, Snapshot, TestService};

/// A replica set that aborts abandoned transactions after 3 seconds instead of MongoDB's default of 60.
async fn start_database() -> MongodProcess {
    MongodProcess::start_replica_set(&["--setParameter", "transactionLifetimeLimitSeconds=3"]).await
}

async fn restart(database: &mut MongodProcess) {
    database.respawn();
    database.until("isWritablePrimary").await;
}

/// Runs `fault` during 16 concurrent creations with idempotency keys, and retries failed ones until they succeed.
async fn creations_survive(service: &TestService, fault: impl Future<Output = ()>) {
    let create = async |number: usize| {
        let body = json!({
            "organization_name": format!("Organization {number}"),
            "email": format!("{number}@example.com"),
            "password": PASSWORD,
        });
        let request = service.request("POST", "/org/create").json(&body);
        service
            .send(request.header("idempotency-key", format!("key-{number}")))
            .await
    };
    let answered = AtomicUsize::new(0);
    let counted = async |number: usize| {
        let response = create(number).await;
        answered.fetch_add(1, Ordering::Relaxed);
        response
    };
    let fault = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let before = answered.load(Ordering::Relaxed);
        fault.await;
        before
    };
    let (responses, before) = tokio::join!(join_all((0..16).map(counted)), fault);
    assert!(before < 16, "all requests succeeded before the fault");
    for (number, response) in responses.into_iter().enumerate() {
        let mut response = response;
        let started = Instant::now();
        while response.status != 201 {
            match response.status.as_u16() {
                409 => drop(response.problem(409, "request_in_flight")),
                _ => drop(response.problem(503, "service_unavailable")),
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{response:?}");
            response = create(number).await;
        }
    }
    assert_eq!(service.assert_consistent().await, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_killed_database_loses_nothing() {
    let mut database = start_database().await;
    let service = TestService::start_on(&database.uri(), &[]).await;
    assert_eq!(service.get("/health").await.status, 200);
    let fault = async {
        database.kill();
        restart(&mut database).await;
    };
    creations_survive(&service, fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_stepdown_loses_nothing() {
    let database = start_database().await;
    let service = TestService::start_on(&database.uri(), &[]).await;
    assert_eq!(service.get("/health").await.status, 200);
    let fault = async {
        let stepdown = doc! { "replSetStepDown": 1, "force": true };
        let admin = database.admin().await;
        let _ = admin.run_command(stepdown).await;
        database.until("isWritablePrimary").await;
    };
    creations_survive(&service, fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_the_service_recovers_with_its_database() {
    let mut database = start_database().await;
    database.kill();
    let uri = format!("{}&serverSelectionTimeoutMS=300", database.uri());
    let service = TestService::start_on(&uri, &[]).await;
    let missed = service.create("Acme", "a@example.com").await;
    missed.problem(503, "service_unavailable");
    restart(&mut database).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    assert_eq!(service.assert_consistent().await, 1);
}

fn server(database: &MongodProcess, folder: &Path) -> Server {
    Server::start_with(folder, &[("MONGODB_URI", &database.uri())])
}

async fn post(server: &Server, path: &str, key: &str, body: &Value) -> reqwest::Response {
    let url = format!("{}{path}", server.base);
    let request = reqwest::Client::new().post(url).json(body);
    request.header("idempotency-key", key).send().await.unwrap()
}

fn acme() -> Value {
    json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD})
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_the_first_request_after_a_database_restart_succeeds() {
    let mut database = start_database().await;
    let folder = TempDir::new().unwrap();
    let mut server = server(&database, folder.path());
    assert_eq!(
        post(&server, "/org/create", "1", &acme()).await.status(),
        201
    );
    server.send_signal("STOP");
    database.kill();
    restart(&mut database).await;
    server.send_signal("CONT");
    let credentials = json!({"email": "a@example.com", "password": PASSWORD});
    let login = post(&server, "/admin/login", "-", &credentials).await;
    assert_eq!(login.status(), 200);
    server.send_signal("STOP");
    database.kill();
    restart(&mut database).await;
    server.send_signal("CONT");
    let health = reqwest::get(format!("{}/health", server.base)).await;
    assert_eq!(health.unwrap().status(), 200);
    assert_only_acme_exists(&database).await;
    server.signal("KILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_f13_a_restarted_database_is_found_without_secrets_manager() {
    let mut database = start_database().await;
    let signing = "a signing secret of 32 bytes or more";
    let manager = FakeSecretsManager::start(&[("jwt", signing), ("uri", &database.uri())]).await;
    let settings = with_uri_in_secret(manager.settings("jwt"));
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_with(folder.path(), &borrowed(&settings));
    assert_eq!(
        post(&server, "/org/create", "1", &acme()).await.status(),
        201
    );
    let log_in = async || {
        let credentials = json!({"email": "a@example.com", "password": PASSWORD});
        post(&server, "/admin/login", "-", &credentials)
            .await
            .status()
    };
    for failure in [Failure::Down, Failure::Throttling, Failure::Hanging] {
        manager.fail_with(failure);
        database.kill();
        assert_eq!(log_in().await, 503, "{failure:?}");
        restart(&mut database).await;
        let login = tokio::time::timeout(Duration::from_secs(5), log_in()).await;
        assert_eq!(
            login,
            Ok(reqwest::StatusCode::OK),
            "the login waits for Secrets Manager: {failure:?}"
        );
    }
    server.signal("KILL");
}

/// Kills the server while `command` of a creation is blocked, and retries the creation on another server.
async fn killed_during(command: &str) {
    let database = start_database().await;
    let folder = TempDir::new().unwrap();
    let mut killed = server(&database, folder.path());
    let admin = database.admin().await;
    let block = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": 1500, "appName": "org-management" };
    let failpoint =
        |mode: Document| doc! { "configureFailPoint": "failCommand", "mode": mode, "data": &block };
    admin
        .run_command(failpoint(doc! { "times": 1 }))
        .await
        .unwrap();
    let url = format!("{}/org/create", killed.base);
    let request = reqwest::Client::new().post(url).json(&acme());
    let request = tokio::spawn(request.header("idempotency-key", "1").send());
    tokio::time::sleep(Duration::from_millis(900)).await;
    killed.signal("KILL");
    assert!(request.await.unwrap().is_err(), "{command} was not blocked");
    let mut server = server(&database, folder.path());
    let started = Instant::now();
    loop {
        let again = post(&server, "/org/create", "1", &acme()).await;
        if again.status() == 201 {
            break;
        }
        assert!([409, 503].contains(&again.status().as_u16()), "{again:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "{command}");
    }
    assert_only_acme_exists(&database).await;
    server.signal("KILL");
}

/// Asserts that Acme is the only organization, with one admin and one collection.
async fn assert_only_acme_exists(database: &MongodProcess) {
    let client = database.admin().await.client().clone();
    let [control, tenants] = ["master_db", "tenants"].map(|name| client.database(name));
    let snapshot = Snapshot::read(&control, &tenants).await;
    assert_eq!(snapshot.violations(), [""; 0]);
    assert_eq!(snapshot.collections, ["org_acme"]);
    assert_eq!(snapshot.accounts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_a_process_killed_during_a_creation_leaves_all_or_nothing() {
    for command in ["insert", "create", "commitTransaction"] {
        killed_during(command).await;
    }
}
