//! MongoDB fails or hangs: the documented response and no partial writes.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use serde_json::json;
use shared::mongo::{TransactionError, run_transaction};
use shared::problem::Problem;

use testkit::{PASSWORD, TestService, all, shared_mongod};

/// Request timeout in these tests, instead of ten seconds.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Duration of a blocked command in milliseconds, longer than [`TIMEOUT`].
const HANG: i32 = 5_000;

/// Awaits the response and asserts that it arrives within [`HANG`].
async fn in_time<T>(request: impl Future<Output = T>) -> T {
    let limit = Duration::from_millis(HANG.unsigned_abs().into());
    let response = tokio::time::timeout(limit, request).await;
    response.expect("the request waits for a blocked command instead of timing out")
}

#[tokio::test]
async fn f1_transient_errors_are_retried() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    for (command, code) in [("insert", 112), ("create", 112), ("commitTransaction", 91)] {
        let labels = ["TransientTransactionError"];
        let data = doc! { "failCommands": [command], "errorCode": code, "errorLabels": labels };
        service.failpoint(doc! { "times": 2 }, data).await;
        let response = service
            .create(command, &format!("{command}@example.com"))
            .await;
        assert_eq!(response.status, 201, "{command}: {response:?}");
        assert_eq!(service.failpoint_off().await, 2, "{command}");
    }
    assert_eq!(service.assert_consistent().await, 3);
}

#[tokio::test]
async fn f2_a_cut_connection_leaves_one_organization_or_none() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
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
        let response = service
            .create(command, &format!("{command}@example.com"))
            .await;
        match response.status.as_u16() {
            201 => created += 1,
            _ => assert_eq!(response.problem(503, "service_unavailable"), []),
        }
        assert_eq!(service.failpoint_off().await, 1, "{command}");
        assert_eq!(service.assert_consistent().await, created, "{command}");
    }
    assert!(
        created >= 3,
        "only {created} creations succeeded in spite of closed connections"
    );
}

#[tokio::test]
async fn f2_each_write_of_a_creation_may_fail() {
    let (service, _mongod) = TestService::start_with_timeout(TIMEOUT).await;
    let acme = json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD});
    let create = async || {
        let request = service.request("POST", "/org/create").json(&acme);
        service.send(request.header("idempotency-key", "1")).await
    };
    let writes = [
        ("insert", service.organizations()),
        ("insert", service.admins()),
        ("insert", service.memberships()),
        ("insert", service.audit_events()),
        ("update", service.idempotency_records()),
    ];
    // Shutdown in progress (91) and closed connections, which outlast all retries.
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
            assert_eq!(service.assert_consistent().await, 0, "{command} {fault}");
            assert_eq!(all(service.audit_events()).await.len(), 0);
            assert_eq!(all(service.idempotency_records()).await.len(), 0);
        }
    }
    assert_eq!(create().await.status, 201);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn f3_a_commit_with_an_unknown_outcome_is_retried() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    let timeout = doc! { "code": 64, "codeName": "WriteConcernTimeout", "errmsg": "timed out" };
    let faults = [
        doc! { "failCommands": ["commitTransaction"], "closeConnection": true },
        doc! { "failCommands": ["commitTransaction"], "writeConcernError": timeout },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        service.failpoint(doc! { "times": 1 }, fault).await;
        let email = format!("{number}@example.com");
        let response = service.create(&format!("Number {number}"), &email).await;
        assert_eq!(response.status, 201, "{response:?}");
    }
    assert_eq!(service.assert_consistent().await, 2);
}

#[tokio::test]
async fn f3_a_commit_that_never_returns_ends_by_the_deadline() {
    let (service, _mongod) = TestService::start_with_timeout(TIMEOUT).await;
    let data = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    in_time(service.create("Acme", "a@example.com"))
        .await
        .problem(503, "service_unavailable");
    service.failpoint_off().await;
    let there = service.assert_consistent().await;
    let again = service.create("Acme", "a@example.com").await;
    assert_eq!(again.status.as_u16(), if there == 1 { 409 } else { 201 });
    assert_eq!(service.assert_consistent().await, 1);
}

/// Asserts that the request times out and that its transaction does not commit afterwards.
async fn hangs_at(command: &str, millis: i32) {
    let (service, _mongod) = TestService::start_with_timeout(TIMEOUT).await;
    let data = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": millis };
    service.failpoint(doc! { "times": 1 }, data).await;
    in_time(service.create("Acme", "a@example.com"))
        .await
        .problem(503, "service_unavailable");
    // Waits until the blocked command would have completed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(service.assert_consistent().await, 0);
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
}

#[tokio::test]
async fn f5_a_hanging_insert_ends_by_the_deadline() {
    hangs_at("insert", HANG).await;
}

#[tokio::test]
async fn f5_a_hanging_create_ends_by_the_deadline() {
    hangs_at("create", HANG).await;
}

#[tokio::test]
async fn f5_a_hanging_commit_ends_by_the_deadline() {
    hangs_at("commitTransaction", HANG).await;
}

#[tokio::test]
async fn f5_a_hang_of_40_seconds_ends_by_the_deadline() {
    hangs_at("insert", 40_000).await;
}

#[tokio::test]
async fn f5_hanging_logins_and_reads_end_by_the_deadline() {
    let (service, _mongod) = TestService::start_with_timeout(TIMEOUT).await;
    let owner = service.owner("Acme").await;
    let data = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": HANG };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    let hanging = in_time(join_all([
        service.log_in(&owner.email, PASSWORD).boxed_local(),
        service.show(&owner.tokens.access).boxed_local(),
        service.refresh(&owner.tokens.refresh).boxed_local(),
    ]));
    for response in hanging.await {
        response.problem(503, "service_unavailable");
    }
    assert!(service.failpoint_off().await > 0);
    assert_eq!(owner.show(&service).await.status, 200);
}

#[tokio::test]
async fn f5_a_transaction_is_aborted_if_its_session_cannot_be_killed() {
    let (service, mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let command_not_found = doc! { "failCommands": ["killSessions"], "errorCode": 59 };
    let uri = service.uri(&mongod);
    service
        .failpoint(doc! { "times": 1 }, command_not_found)
        .await;
    let admins = service.admins();
    let (database, name) = (admins.namespace().db, admins.namespace().coll);
    // A function that is frozen after its response: its transaction must not resume.
    let frozen = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = Client::with_uri_str(uri).await.unwrap();
            let admins: Collection<Document> = client.database(&database).collection(&name);
            let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
            // Writes a document and then exceeds every timeout.
            run_transaction::<(), Problem>(&client, deadline, |session, _| {
                Box::pin(async {
                    let change = doc! { "$set": { "status": "changed" } };
                    admins.update_one(doc! {}, change).session(session).await?;
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Ok(())
                })
            })
            .await
        })
    });
    let ended = tokio::task::spawn_blocking(|| frozen.join().unwrap()).await;
    assert!(matches!(
        ended.unwrap(),
        Err(TransactionError::DeadlineExceeded)
    ));
    assert_eq!(service.failpoint_off().await, 1);
    let change = doc! { "$set": { "epoch": 1_i64 } };
    let free = tokio::time::timeout(Duration::from_secs(5), admins.update_one(doc! {}, change));
    free.await
        .expect("the abandoned transaction still holds its locks")
        .unwrap();
    let admin = admins.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(admin.get_str("status").unwrap(), "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_an_exhausted_pool_blocks_no_request() {
    let uri = format!("{}&maxPoolSize=2", shared_mongod().uri());
    let service = TestService::start_on(&uri, &[]).await;
    service.create("Acme", "a@example.com").await;
    let token = service.token_of("a@example.com").await;
    let creations = (0..40).map(async |number: usize| {
        let email = format!("{number}@example.com");
        service
            .create(&format!("Organization {number}"), &email)
            .await
    });
    let all_requests = async {
        tokio::join!(
            join_all(creations),
            join_all((0..40).map(|_| service.show(&token))),
            join_all((0..20).map(|number| {
                service.rename(&token, if number % 2 == 0 { "One" } else { "Two" })
            })),
        )
    };
    let (created, shown, refreshed) = all_requests.await;
    for response in created.iter().chain(&shown).chain(&refreshed) {
        match response.status.as_u16() {
            200 | 201 => {}
            _ => drop(response.problem(503, "service_unavailable")),
        }
    }
    let created = created
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert!(created > 0);
    assert!(service.assert_consistent().await > created);
    assert_eq!(service.show(&token).await.status, 200);
}
