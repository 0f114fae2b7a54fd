//! Written with what it records: where an event of the trail cannot be written, nothing has happened.

use mongodb::bson::{Document, doc};
use serde_json::Value;

use testkit::{PASSWORD, Response, TestService, all};

const EMAIL: &str = "admin@example.com";
const NEW_PASSWORD: &str = "correct horse battery staple";

/// Everything that the trail could be about.
async fn stored(service: &TestService) -> Vec<Vec<Document>> {
    let mut stored = Vec::new();
    for collection in [
        service.organizations(),
        service.admins(),
        service.sessions(),
        service.audit_events(),
    ] {
        stored.push(all(collection).await);
    }
    stored
}

/// Asserts that `request` fails, and changes nothing, while no event can be written.
async fn leaves_nothing(service: &TestService, request: impl Future<Output = Response>) {
    let before = stored(service).await;
    let namespace = format!("{}.audit_events", service.state.config.master_db);
    let data = doc! { "failCommands": ["insert"], "namespace": namespace, "errorCode": 2 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let answer = request.await;
    service.failpoint_off().await;
    answer.problem(503, "service_unavailable");
    assert_eq!(stored(service).await, before);
    service.assert_consistent().await;
}

#[tokio::test]
async fn an_action_without_its_event_is_rolled_back() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    leaves_nothing(&service, service.create("Akshay Pvt Ltd", EMAIL)).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    leaves_nothing(&service, service.log_in(EMAIL, PASSWORD)).await;
    leaves_nothing(&service, service.log_in(EMAIL, "wrong password")).await;
    leaves_nothing(&service, service.log_in("nobody@example.com", PASSWORD)).await;
    let first = service.session_of(EMAIL).await;
    let second = service.refresh(&first.refresh).await;
    service
        .refresh(second.body["refresh_token"].as_str().unwrap())
        .await;
    let access = &first.access;
    leaves_nothing(&service, service.rename(access, "New")).await;
    leaves_nothing(
        &service,
        service.change_password(access, PASSWORD, NEW_PASSWORD),
    )
    .await;
    leaves_nothing(&service, service.log_out(access)).await;
    let everywhere = "/admin/logout?everywhere=true";
    leaves_nothing(
        &service,
        service.call("POST", everywhere, access, &Value::Null),
    )
    .await;
    leaves_nothing(&service, service.refresh(&first.refresh)).await;
    leaves_nothing(&service, service.delete(access, PASSWORD)).await;
    assert_eq!(service.delete(access, PASSWORD).await.status, 200);
    leaves_nothing(&service, service.restore(EMAIL, PASSWORD)).await;
    assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
}
