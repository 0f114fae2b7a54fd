//! MongoDB fails, hangs or is away: the documented answer, and nothing partial.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongod::Mongod;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::{Client, ClientSession, Collection};
use reqwest::StatusCode;
use serde_json::json;
use shared::mongo::{Transaction, TransactionError, run_transaction};
use shared::start::prepare;

use crate::harness::{
    PASSWORD, TestService, all, local_secret, mongod, mongod_binary, start_mongod,
};

/// Ten seconds, and what it takes to send a request and to read its answer.
const LATEST: Duration = Duration::from_millis(10_500);

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
        assert_eq!(service.failpoint_off().await, 2, "{command}");
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
        assert_eq!(service.failpoint_off().await, 1, "{command}");
        assert_eq!(service.whole().await, created, "{command}");
    }
    assert!(
        created >= 3,
        "only {created} creations survived a cut connection"
    );
}

#[tokio::test]
async fn f2_each_write_of_a_creation_may_fail() {
    let (service, _mongod) = service_on_own_mongod().await;
    let acme = json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD});
    let create = async || {
        let request = service.request("POST", "/org/create").json(&acme);
        service.send(request.header("idempotency-key", "1")).await
    };
    let writes = [
        ("insert", service.organizations()),
        ("insert", service.admins()),
        ("insert", service.audit_events()),
        ("update", service.onboardings()),
    ];
    // Shutdown in progress, and a cut connection: for long enough that no retry helps.
    let faults = [doc! { "errorCode": 91 }, doc! { "closeConnection": true }];
    for (command, collection) in &writes {
        for fault in &faults {
            let mut data = doc! {
                "failCommands": [command],
                "namespace": collection.namespace().to_string(),
            };
            data.extend(fault.clone());
            service.failpoint(doc! { "times": 1_000_000 }, data).await;
            create().await.problem(503, "service_unavailable");
            assert!(service.failpoint_off().await > 0, "{command} {fault}");
            assert_eq!(service.whole().await, 0, "{command} {fault}");
            assert_eq!(all(service.audit_events()).await.len(), 0);
            assert_eq!(all(service.onboardings()).await.len(), 0);
        }
    }
    assert_eq!(create().await.status, 201);
    assert_eq!(service.whole().await, 1);
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
    assert!(started.elapsed() < LATEST);
    service.failpoint_off().await;
    let there = service.whole().await;
    let again = service.create("Acme", "a@example.com").await;
    assert_eq!(again.status.as_u16(), if there == 1 { 409 } else { 201 });
    assert_eq!(service.whole().await, 1);
}

/// The request is given up in time, and what it began does not come true afterwards.
async fn hangs_at(command: &str, millis: i32) {
    let (service, _mongod) = service_on_own_mongod().await;
    let data = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": millis };
    service.failpoint(doc! { "times": 1 }, data).await;
    let started = Instant::now();
    service
        .create("Acme", "a@example.com")
        .await
        .problem(503, "service_unavailable");
    assert!(started.elapsed() < LATEST);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(service.whole().await, 0);
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
}

#[tokio::test]
async fn f5_an_insert_that_hangs_is_given_up() {
    hangs_at("insert", 12_000).await;
}

#[tokio::test]
async fn f5_a_create_that_hangs_is_given_up() {
    hangs_at("create", 12_000).await;
}

#[tokio::test]
async fn f5_a_commit_that_hangs_is_given_up() {
    hangs_at("commitTransaction", 12_000).await;
}

#[tokio::test]
async fn f5_what_hangs_for_40_seconds_is_given_up_as_soon() {
    hangs_at("insert", 40_000).await;
}

#[tokio::test]
async fn f5_a_login_and_a_read_that_hang_are_given_up() {
    let (service, _mongod) = service_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let own = service.session_of("a@example.com").await;
    let data = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 40_000 };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    let started = Instant::now();
    let hanging = tokio::join!(
        service.log_in("a@example.com", PASSWORD),
        service.show(&own.access),
        service.refresh(&own.refresh),
    );
    assert!(started.elapsed() < LATEST);
    for answer in [hanging.0, hanging.1, hanging.2] {
        answer.problem(503, "service_unavailable");
    }
    assert!(service.failpoint_off().await > 0);
    assert_eq!(service.show(&own.access).await.status, 200);
}

#[tokio::test]
async fn f8_away_at_the_start_is_said_within_the_selection_timeout() {
    let uri = "mongodb://127.0.0.1:1/?replicaSet=rs0";
    let service = TestService::start_on(uri, &[]).await;
    let started = Instant::now();
    let refused = service.create("Acme", "a@example.com").await;
    refused.problem(503, "service_unavailable");
    let took = started.elapsed();
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(7)).contains(&took),
        "after {took:?}"
    );
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

/// Makes the commands on one collection fail from now on: everything else answers.
async fn fail(service: &TestService, commands: &[&str], collection: Collection<Document>) {
    let data = doc! {
        "failCommands": commands,
        "namespace": collection.namespace().to_string(),
        "errorCode": 2,
    };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
}

#[tokio::test]
async fn f19_without_the_attempts_nobody_gets_in() {
    let (service, _mongod) = service_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let own = service.session_of("a@example.com").await;
    fail(&service, &["findAndModify", "update"], service.attempts()).await;
    let hashes = service.hashes();
    for password in [PASSWORD, "Admin@124"] {
        let refused = [
            service.log_in("a@example.com", password).await,
            service.restore("a@example.com", password).await,
            service.delete(&own.access, password).await,
            service
                .change_password(&own.access, password, "correct horse battery")
                .await,
        ];
        for answer in refused {
            answer.problem(503, "service_unavailable");
        }
    }
    assert_eq!(service.hashes(), hashes, "a guess that was not counted");
    assert_eq!(service.failpoint_off().await, 8);
    assert_eq!(service.show(&own.access).await.status, 200);
    assert_eq!(service.log_in("a@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a3_a_wrong_guess_counts_even_if_it_cannot_be_recorded() {
    let (service, _mongod) = service_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    fail(&service, &["insert"], service.audit_events()).await;
    for _ in 0..5 {
        let unrecorded = service.log_in("a@example.com", "Admin@124").await;
        unrecorded.problem(503, "service_unavailable");
    }
    assert_eq!(service.failpoint_off().await, 5);
    let next = service.log_in("a@example.com", PASSWORD).await;
    next.problem(429, "too_many_attempts");
}

/// Writes a document, and then takes longer than anyone waits.
struct Hanging(Collection<Document>);

impl Transaction for Hanging {
    type Output = ();

    async fn run(&self, session: &mut ClientSession) -> Result<(), Error> {
        let change = doc! { "$set": { "status": "changed" } };
        self.0.update_one(doc! {}, change).session(session).await?;
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(())
    }
}

#[tokio::test]
async fn f5_where_no_session_can_be_killed_its_transaction_is_aborted() {
    let (service, mongod) = service_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let command_not_found = doc! { "failCommands": ["killSessions"], "errorCode": 59 };
    let uri = service.uri(&mongod);
    service
        .failpoint(doc! { "times": 1 }, command_not_found)
        .await;
    let admins = service.admins();
    let (database, name) = (admins.namespace().db, admins.namespace().coll);
    // A function that is frozen after its answer: nothing that it began goes on.
    let frozen = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = Client::with_uri_str(uri).await.unwrap();
            let hanging = Hanging(client.database(&database).collection(&name));
            let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
            run_transaction(&client, deadline, &hanging).await
        })
    });
    let ended = tokio::task::spawn_blocking(|| frozen.join().unwrap()).await;
    assert!(matches!(ended.unwrap(), Err(TransactionError::TooSlow)));
    assert_eq!(service.failpoint_off().await, 1);
    let change = doc! { "$set": { "session_epoch": 1_i64 } };
    let free = tokio::time::timeout(Duration::from_secs(5), admins.update_one(doc! {}, change));
    free.await
        .expect("the transaction holds its locks")
        .unwrap();
    let admin = admins.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(admin.get_str("status").unwrap(), "active");
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
    assert!(started.elapsed() < LATEST);
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

#[tokio::test]
async fn a_proven_login_stands_even_if_its_attempt_cannot_be_settled() {
    let (service, _mongod) = service_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    fail(&service, &["update"], service.attempts()).await;
    let own = service.session_of("a@example.com").await;
    assert!(service.failpoint_off().await > 0);
    assert_eq!(service.show(&own.access).await.status, 200);
}
