//! MongoDB fails, hangs or is away: the documented answer, and nothing partial.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongod::Mongod;
use mongodb::bson::doc;
use reqwest::StatusCode;
use shared::start::prepare;

use crate::harness::{PASSWORD, TestService, local_secret, mongod, mongod_binary, start_mongod};

/// A service on a mongod that no other test uses: a failpoint is the whole server's.
async fn service_on_own_mongod() -> (TestService, Mongod) {
    let mongod = start_mongod().await;
    let service = TestService::start_on(&mongod.uri(), &[]).await;
    assert_eq!(service.get("/health").await.status, 200);
    (service, mongod)
}

#[tokio::test]
async fn f1_a_transient_error_is_tried_again() {
    let (service, _mongod) = service_on_own_mongod().await;
    for (command, code) in [("insert", 112), ("create", 112), ("commitTransaction", 91)] {
        let labels = ["TransientTransactionError"];
        let data = doc! { "failCommands": [command], "errorCode": code, "errorLabels": labels };
        service.failpoint(doc! { "times": 2 }, data).await;
        let answer = service
            .create(command, &format!("{command}@example.com"))
            .await;
        assert_eq!(answer.status, 201, "{command}: {answer:?}");
    }
    assert_eq!(service.whole().await, 3);
}

#[tokio::test]
async fn f2_a_cut_connection_leaves_one_organization_or_none() {
    let (service, _mongod) = service_on_own_mongod().await;
    let mut created = 0;
    for command in [
        "find",
        "listCollections",
        "insert",
        "create",
        "commitTransaction",
    ] {
        let data = doc! { "failCommands": [command], "closeConnection": true };
        service.failpoint(doc! { "times": 1 }, data).await;
        let answer = service
            .create(command, &format!("{command}@example.com"))
            .await;
        match answer.status.as_u16() {
            201 => created += 1,
            _ => assert_eq!(answer.problem(503, "service_unavailable"), []),
        }
        assert_eq!(service.whole().await, created, "{command}");
    }
    assert!(
        created >= 3,
        "only {created} creations survived a cut connection"
    );
}

#[tokio::test]
async fn f3_a_commit_whose_outcome_is_unknown_is_asked_for_again() {
    let (service, _mongod) = service_on_own_mongod().await;
    let timeout = doc! { "code": 64, "codeName": "WriteConcernTimeout", "errmsg": "timed out" };
    let faults = [
        doc! { "failCommands": ["commitTransaction"], "closeConnection": true },
        doc! { "failCommands": ["commitTransaction"], "writeConcernError": timeout },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        service.failpoint(doc! { "times": 1 }, fault).await;
        let email = format!("{number}@example.com");
        let answer = service.create(&format!("Number {number}"), &email).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    assert_eq!(service.whole().await, 2);
}

#[tokio::test]
async fn f3_a_commit_that_never_answers_ends_by_the_deadline_with_all_or_nothing() {
    let (service, _mongod) = service_on_own_mongod().await;
    let data = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    let started = Instant::now();
    service
        .create("Acme", "a@example.com")
        .await
        .problem(503, "service_unavailable");
    assert!(started.elapsed() < Duration::from_secs(11));
    service.failpoint_off().await;
    let there = service.whole().await;
    let again = service.create("Acme", "a@example.com").await;
    assert_eq!(again.status.as_u16(), if there == 1 { 409 } else { 201 });
    assert_eq!(service.whole().await, 1);
}

/// The request is given up in time, and what it began does not come true afterwards.
async fn hangs_at(command: &str) {
    let (service, _mongod) = service_on_own_mongod().await;
    let data = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": 12_000 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let started = Instant::now();
    service
        .create("Acme", "a@example.com")
        .await
        .problem(503, "service_unavailable");
    assert!(started.elapsed() < Duration::from_secs(11));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(service.whole().await, 0);
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
}

#[tokio::test]
async fn f5_an_insert_that_hangs_is_given_up() {
    hangs_at("insert").await;
}

#[tokio::test]
async fn f5_a_create_that_hangs_is_given_up() {
    hangs_at("create").await;
}

#[tokio::test]
async fn f5_a_commit_that_hangs_is_given_up() {
    hangs_at("commitTransaction").await;
}

#[tokio::test]
async fn f8_f19_e1_without_a_database_every_answer_says_so() {
    let uri = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=300";
    let service = TestService::start_on(uri, &[]).await;
    service
        .create("Acme", "a@example.com")
        .await
        .problem(503, "service_unavailable");
    service
        .log_in("a@example.com", PASSWORD)
        .await
        .problem(503, "service_unavailable");
    service
        .get("/health")
        .await
        .problem(503, "service_unavailable");
    assert_eq!(service.get("/openapi.json").await.status, 200);
    prepare(&service.app, None)
        .await
        .expect("the start goes on without MongoDB");
}

#[tokio::test]
async fn f6_f19_a_database_that_dies_is_missed_and_nothing_else() {
    let mongod = start_mongod().await;
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    let service = TestService::start_on(&uri, &[]).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    mongod.stop().await.unwrap();
    service
        .create("Second", "b@example.com")
        .await
        .problem(503, "service_unavailable");
    service
        .log_in("a@example.com", PASSWORD)
        .await
        .problem(503, "service_unavailable");
    service
        .get("/health")
        .await
        .problem(503, "service_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_an_exhausted_pool_ends_in_answers() {
    let uri = format!("{}&maxPoolSize=2", mongod().uri());
    let service = TestService::start_on(&uri, &[]).await;
    service.create("Acme", "a@example.com").await;
    let token = service.token_of("a@example.com").await;
    let started = Instant::now();
    let creations = (0..40).map(async |number: usize| {
        let email = format!("{number}@example.com");
        service
            .create(&format!("Organization {number}"), &email)
            .await
    });
    let (created, shown, refreshed) = tokio::join!(
        join_all(creations),
        join_all((0..40).map(|_| service.show(&token))),
        join_all(
            (0..20)
                .map(|number| service.rename(&token, if number % 2 == 0 { "One" } else { "Two" }))
        ),
    );
    assert!(started.elapsed() < Duration::from_secs(12));
    for answer in created.iter().chain(&shown).chain(&refreshed) {
        match answer.status.as_u16() {
            200 | 201 => {}
            _ => drop(answer.problem(503, "service_unavailable")),
        }
    }
    let created = created.iter().filter(|answer| answer.status == 201).count();
    assert!(created > 0);
    assert!(service.whole().await > created);
    assert_eq!(service.show(&token).await.status, 200);
}

#[tokio::test]
async fn many_processes_make_the_control_plane_ready_at_once() {
    let service = TestService::start().await;
    let mut processes = Vec::new();
    for _ in 0..16 {
        processes.push(service.twin(local_secret()).await);
    }
    let creations = processes.iter().enumerate().map(async |(number, process)| {
        let (name, email) = (format!("Acme {number}"), format!("{number}@example.com"));
        process.create(&name, &email).await.status
    });
    assert_eq!(join_all(creations).await, [StatusCode::CREATED; 16]);
    let mut indexes = service.organizations().list_index_names().await.unwrap();
    indexes.extend(service.admins().list_index_names().await.unwrap());
    indexes.sort();
    assert_eq!(
        indexes,
        ["_id_", "_id_", "collection_name", "email_key", "name_key"]
    );
}

#[tokio::test]
async fn a_standalone_mongod_is_refused_at_start() {
    let standalone = Standalone::start();
    let uri = format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        standalone.port
    );
    let service = TestService::start_on(&uri, &[]).await;
    let refused = prepare(&service.app, None).await.unwrap_err().to_string();
    assert!(
        refused.contains("standalone") && refused.contains("--replSet"),
        "{refused}"
    );
}

/// A mongod that is no replica set.
struct Standalone {
    port: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Standalone {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(mongod_binary())
            .args([
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--port",
                &port.to_string(),
                "--dbpath",
            ])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            port,
            process,
            _folder: folder,
        }
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
