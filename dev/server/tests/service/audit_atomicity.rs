//! An action and its audit event are one transaction: if the event cannot be written, the action is rolled back.

use mongodb::bson::{Document, doc};
use serde_json::Value;

use testkit::{PASSWORD, Response, TestService, all};

const EMAIL: &str = "admin@example.com";
const NEW_PASSWORD: &str = "correct horse battery staple";

/// All documents that an audited action can change.
async fn stored(service: &TestService) -> Vec<Vec<Document>> {
    let mut stored = Vec::new();
    for collection in [
        service.organizations(),
        service.admins(),
        service.memberships(),
        service.sessions(),
        service.audit_events(),
    ] {
        stored.push(all(collection).await);
    }
    stored
}

/// Asserts that `request` fails and changes nothing while audit events cannot be written.
async fn assert_rolled_back(service: &TestService, request: impl Future<Output = Response>) {
    let before = stored(service).await;
    let namespace = format!("{}.audit_events", service.state.config.master_db);
    let data = doc! { "failCommands": ["insert"], "namespace": namespace, "errorCode": 2 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let response = request.await;
    service.failpoint_off().await;
    response.problem(503, "service_unavailable");
    assert_eq!(stored(service).await, before);
    service.assert_consistent().await;
}

#[tokio::test]
async fn an_action_without_its_event_is_rolled_back() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_rolled_back(&service, service.create("Akshay Pvt Ltd", EMAIL)).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    assert_rolled_back(&service, service.log_in(EMAIL, PASSWORD)).await;
    assert_rolled_back(&service, service.log_in(EMAIL, "wrong password")).await;
    assert_rolled_back(&service, service.log_in("nobody@example.com", PASSWORD)).await;
    let first = service.session_of(EMAIL).await;
    let second = service.refresh(&first.refresh).await;
    service
        .refresh(second.body["refresh_token"].as_str().unwrap())
        .await;
    let access = &first.access;
    assert_rolled_back(&service, service.rename(access, "New")).await;
    assert_rolled_back(
        &service,
        service.change_password(access, PASSWORD, NEW_PASSWORD),
    )
    .await;
    assert_rolled_back(&service, service.log_out(access)).await;
    let everywhere = "/admin/logout?everywhere=true";
    assert_rolled_back(
        &service,
        service.call("POST", everywhere, access, &Value::Null),
    )
    .await;
    assert_rolled_back(&service, service.refresh(&first.refresh)).await;
    assert_rolled_back(&service, service.delete(access, PASSWORD)).await;
    assert_eq!(service.delete(access, PASSWORD).await.status, 200);
    assert_rolled_back(&service, service.restore(EMAIL, PASSWORD)).await;
    assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
}
