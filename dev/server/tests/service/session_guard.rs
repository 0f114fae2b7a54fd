//! Authorization is checked at the time of the write: requests race with the end of their session, and with a password
//! change that their session survives.

use std::time::Duration;

use mongod::Mongod;
use mongodb::bson::doc;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use testkit::{PASSWORD, Response, TestService, Tokens};

const EMAIL: &str = "admin@example.com";
const NEW_PASSWORD: &str = "correct horse battery staple";
/// Block time in milliseconds, longer than the concurrent request takes, hashes included.
const LONG: i32 = 2500;

/// Starts a service on a dedicated mongod, because failpoints apply to the whole server.
async fn service_on_own_mongod() -> (TestService, Mongod) {
    let (service, mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    (service, mongod)
}

/// Blocks the next such command, restricted to `collection` of the control plane if given.
async fn block_next(service: &TestService, command: &str, collection: Option<&str>) {
    let mut data = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": LONG };
    if let Some(collection) = collection {
        let master = &service.state.config.master_db;
        data.insert("namespace", format!("{master}.{collection}"));
    }
    service.failpoint(doc! { "times": 1 }, data).await;
}

/// Awaits `request` after a delay that lets the concurrent request start.
async fn delayed<T>(request: impl Future<Output = T>) -> T {
    sleep(Duration::from_millis(600)).await;
    request.await
}

async fn log_out_everywhere(service: &TestService, tokens: &Tokens) -> Response {
    let path = "/admin/logout?everywhere=true";
    service
        .call("POST", path, &tokens.access, &Value::Null)
        .await
}

#[tokio::test]
async fn t9_a_deletion_does_not_commit_after_a_logout_everywhere() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    for wait in [10, 20, 30, 40] {
        let (own, found) = (
            service.session_of(EMAIL).await,
            service.session_of(EMAIL).await,
        );
        let ending = async {
            sleep(Duration::from_millis(wait)).await;
            log_out_everywhere(&service, &own).await
        };
        let (deleted, ended) = tokio::join!(service.delete(&found.access, PASSWORD), ending);
        match ended.status.as_u16() {
            // The logout computes no hash, so it wins the race.
            204 => drop(deleted.problem(401, "invalid_token")),
            _ => {
                ended.problem(401, "invalid_token");
                assert_eq!(deleted.status, 200, "{deleted:?}");
                assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn t9_concurrent_deletion_and_password_change_have_one_winner() {
    let service = TestService::start().await;
    for number in 0..10 {
        let email = format!("{number}@example.com");
        service.create(&format!("Number {number}"), &email).await;
        let own = service.session_of(&email).await;
        // The same or another session: the confirmed password is no longer current.
        let found = match number % 2 {
            0 => own.clone(),
            _ => service.session_of(&email).await,
        };
        let deletion = async {
            sleep(Duration::from_millis(15 * number)).await;
            service.delete(&found.access, PASSWORD).await
        };
        let change = service.change_password(&own.access, PASSWORD, NEW_PASSWORD);
        let (deleted, changed) = tokio::join!(deletion, change);
        match (deleted.status.as_u16(), changed.status.as_u16()) {
            (200, 401) | (401, 204) => {}
            _ => panic!("{number}: {deleted:?} and {changed:?}"),
        }
    }
}

#[tokio::test]
async fn t9_a_rename_does_not_commit_after_a_logout() {
    let (service, _mongod) = service_on_own_mongod().await;
    let (own, found) = (
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    );
    // Blocks the first command of the transaction.
    block_next(&service, "findAndModify", None).await;
    let rename = service.rename(&found.access, "Stolen");
    let (renamed, ended) = tokio::join!(rename, delayed(log_out_everywhere(&service, &own)));
    assert_eq!(ended.status, 204);
    renamed.problem(401, "invalid_token");
    let shown = service.show(&service.token_of(EMAIL).await).await;
    assert_eq!(shown.body["organization_name"], "Akshay Pvt Ltd");
}

#[tokio::test]
async fn t9_a_logout_waits_for_its_sessions_writes() {
    let (service, _mongod) = service_on_own_mongod().await;
    let (own, other) = (
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    );
    // Blocks the transaction midway.
    block_next(&service, "insert", Some("audit_events")).await;
    let rename = async { (service.rename(&other.access, "New").await, Instant::now()) };
    let ending = async { (log_out_everywhere(&service, &own).await, Instant::now()) };
    let ((renamed, written), (ended, answered)) = tokio::join!(rename, delayed(ending));
    assert_eq!((renamed.status.as_u16(), ended.status.as_u16()), (200, 204));
    assert!(written < answered);
}

#[tokio::test]
async fn t9_a_password_change_keeps_its_own_session() {
    let (service, _mongod) = service_on_own_mongod().await;
    let tokens = service.session_of(EMAIL).await;
    let passwords = [
        PASSWORD,
        NEW_PASSWORD,
        "another battery staple",
        "and one more staple",
    ];
    let requests = [
        ("admins", "show"),
        ("sessions", "show"),
        ("admins", "refresh"),
    ];
    for (pair, (collection, request)) in passwords.windows(2).zip(requests) {
        block_next(&service, "find", Some(collection)).await;
        let held_up = async {
            match request {
                "show" => service.show(&tokens.access).await,
                _ => service.refresh(&tokens.refresh).await,
            }
        };
        let change = service.change_password(&tokens.access, pair[0], pair[1]);
        let (response, changed) = tokio::join!(held_up, delayed(change));
        assert_eq!(changed.status, 204, "{changed:?}");
        assert_eq!(
            response.status, 200,
            "{request}, {collection}: {response:?}"
        );
    }
}

#[tokio::test]
async fn concurrent_password_changes_have_one_winner() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let tokens = service.session_of(EMAIL).await;
    let change = |new| service.change_password(&tokens.access, PASSWORD, new);
    let (one, other) = tokio::join!(change(NEW_PASSWORD), change("another battery staple"));
    let (set, refused) = match one.status.as_u16() {
        204 => (one, other),
        _ => (other, one),
    };
    assert_eq!(set.status, 204, "{set:?}");
    refused.problem(401, "invalid_credentials");
    assert_eq!(service.show(&tokens.access).await.status, 200);
}
