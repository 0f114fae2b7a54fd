//! MongoDB outages, recovery, abandoned requests and unsupported deployments.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::doc;
use reqwest::StatusCode;
use shared::start::prepare;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use testkit::{MongodProcess, PASSWORD, TestService, local_secret, start_mongod};

async fn assert_database_unreachable(service: &TestService) {
    let responses = [
        service.create("Second", "b@example.com").await,
        service.log_in("a@example.com", PASSWORD).await,
        service.get("/health").await,
    ];
    for response in responses {
        response.problem(503, "service_unavailable");
    }
}

#[tokio::test]
async fn f8_an_outage_at_the_start_is_reported_within_the_selection_timeout() {
    let uri = "mongodb://127.0.0.1:1/?replicaSet=rs0";
    let service = TestService::start_on(uri, &[]).await;
    // Below the request timeout, so the deadline does not end the request.
    let creating = service.create("Acme", "a@example.com");
    let refused = tokio::time::timeout(Duration::from_secs(8), creating).await;
    let refused = refused.expect("the request waits longer than the server selection timeout");
    refused.problem(503, "service_unavailable");
}

#[tokio::test]
async fn f8_f19_e1_without_mongodb_requests_get_503() {
    let uri = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=300";
    let service = TestService::start_on(uri, &[]).await;
    assert_database_unreachable(&service).await;
    assert_eq!(service.get("/openapi.json").await.status, 200);
    prepare(&service.state)
        .await
        .expect("the service does not start without MongoDB");
}

#[tokio::test]
async fn f6_f19_requests_get_503_after_mongodb_dies() {
    let mongod = start_mongod().await;
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    let service = TestService::start_on(&uri, &[]).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    mongod.stop().await.unwrap();
    assert_database_unreachable(&service).await;
}

#[tokio::test]
async fn requests_fail_fast_during_a_known_outage() {
    let mongod = start_mongod().await;
    // Server selection would take five seconds.
    let uri = format!("{}&serverSelectionTimeoutMS=5000", mongod.uri());
    let service = TestService::start_on(&uri, &[]).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    mongod.stop().await.unwrap();
    // The first request may detect the outage.
    service
        .get("/health")
        .await
        .problem(503, "service_unavailable");
    let requests = assert_database_unreachable(&service);
    let failing_fast = tokio::time::timeout(Duration::from_secs(12), requests).await;
    failing_fast.expect("the requests wait for server selection during a known outage");
}

#[tokio::test]
async fn many_processes_create_the_indexes_at_once() {
    let service = TestService::start().await;
    let mut processes = Vec::new();
    for _ in 0..16 {
        processes.push(service.second_instance(local_secret()).await);
    }
    let creations = processes.iter().enumerate().map(async |(number, process)| {
        let (name, email) = (format!("Acme {number}"), format!("{number}@example.com"));
        process.create(&name, &email).await.status
    });
    assert_eq!(join_all(creations).await, [StatusCode::CREATED; 16]);
    let mut indexes = service.organizations().list_index_names().await.unwrap();
    indexes.extend(service.admins().list_index_names().await.unwrap());
    indexes.extend(service.memberships().list_index_names().await.unwrap());
    indexes.sort();
    assert_eq!(
        indexes,
        [
            "_id_",
            "_id_",
            "_id_",
            "account_id_1",
            "addresses",
            "collection_name",
            "deleted.purge_at_1",
            "name_key",
            "organization_id_1_account_id_1",
            "previous.reserved_until_1"
        ]
    );
}

#[tokio::test]
async fn a_standalone_mongod_is_refused_at_start() {
    let standalone = MongodProcess::spawn(&[]);
    standalone.until_accepted(doc! { "ping": 1 }).await;
    let service = TestService::start_on(&standalone.direct_uri(), &[]).await;
    let refused = prepare(&service.state).await.unwrap_err().to_string();
    assert!(
        refused.contains("standalone") && refused.contains("--replSet"),
        "{refused}"
    );
}

/// Sends concurrent health checks and closes their connections before the responses.
async fn abandon_health_checks(service: &TestService, number: usize) {
    let address = service.address();
    let mut connections = Vec::new();
    for _ in 0..number {
        connections.push(TcpStream::connect(address).await.unwrap());
    }
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    for connection in &mut connections {
        connection.write_all(request.as_bytes()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_clients_do_not_block_other_requests() {
    let service = TestService::start().await;
    assert_eq!(service.get("/health").await.status, 200);
    for _ in 0..5 {
        abandon_health_checks(&service, 100).await;
        assert_eq!(service.get("/health").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timed_out_requests_do_not_block_other_requests() {
    let (service, _mongod) = TestService::start_with_timeout(Duration::from_secs(2)).await;
    let token = service.owner("Acme").await.tokens.access;
    let hangs = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 4_000 };
    service.failpoint(doc! { "times": 1_000_000 }, hangs).await;
    for response in join_all((0..150).map(|_| service.show(&token))).await {
        response.problem(503, "service_unavailable");
    }
    service.failpoint_off().await;
    assert_eq!(service.show(&token).await.status, 200);
}
