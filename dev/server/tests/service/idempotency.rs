//! `Idempotency-Key` on `POST /org/create`: retries create one organization.

use std::time::Duration;

use mongodb::bson::doc;
use serde_json::{Value, json};

use testkit::{PASSWORD, Response, TestService};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn acme() -> Value {
    json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD})
}

async fn create(service: &TestService, key: &str, body: &Value) -> Response {
    let request = service
        .request("POST", "/org/create")
        .header("idempotency-key", key);
    service.send(request.json(body)).await
}

#[tokio::test]
async fn the_same_key_and_body_return_the_same_organization() {
    let service = TestService::start_with(&[("MAX_ORGANIZATIONS", "1")]).await;
    let first = create(&service, KEY, &acme()).await;
    assert_eq!(first.status, 201);
    for key in [KEY, &format!("\"{KEY}\"")] {
        let again = create(&service, key, &acme()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn another_body_with_the_same_key_is_refused() {
    let service = TestService::start().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    for (field, value) in [("organization_name", "Acme 2"), ("password", "Admin@124")] {
        let mut body = acme();
        body[field] = value.into();
        create(&service, KEY, &body)
            .await
            .problem(422, "idempotency_key_reused");
    }
    create(&service, "another key".replace(' ', "-").as_str(), &acme())
        .await
        .problem(409, "organization_name_taken");
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_bad_key_is_a_malformed_request() {
    let service = TestService::start().await;
    for key in [
        "",
        "\"\"",
        "\"open",
        "two words",
        "k\u{fc}rzel",
        &"k".repeat(256),
    ] {
        create(&service, key, &acme())
            .await
            .problem(400, "malformed_request");
    }
    let twice = service
        .request("POST", "/org/create")
        .header("idempotency-key", "a");
    let twice = twice.header("idempotency-key", "b").json(&acme());
    service.send(twice).await.problem(400, "malformed_request");
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn parallel_requests_with_one_key_create_one_organization() {
    let service = TestService::start().await;
    let body = acme();
    let responses = (0..16).map(|_| create(&service, KEY, &body));
    let responses = futures_util::future::join_all(responses).await;
    let created: Vec<_> = responses
        .iter()
        .filter(|response| response.status == 201)
        .collect();
    assert!(!created.is_empty());
    assert!(
        created
            .iter()
            .all(|response| response.body == created[0].body)
    );
    for other in responses.iter().filter(|response| response.status != 201) {
        other.problem(409, "request_in_flight");
    }
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn parallel_retries_return_the_same_organization() {
    let service = TestService::start().await;
    let body = acme();
    let first = create(&service, KEY, &body).await;
    let again = (0..30).map(|_| create(&service, KEY, &body));
    for response in futures_util::future::join_all(again).await {
        assert_eq!(
            (response.status, &response.body),
            (first.status, &first.body)
        );
    }
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key() {
    let service = TestService::start().await;
    service.create("Acme", "other@example.com").await;
    create(&service, KEY, &acme())
        .await
        .problem(409, "organization_name_taken");
    let mut body = acme();
    body["organization_name"] = "Acme 2".into();
    assert_eq!(create(&service, KEY, &body).await.status, 201);
    assert_eq!(service.assert_consistent().await, 2);
}

#[tokio::test]
async fn a_key_expires_after_a_day() {
    let service = TestService::start().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    let mut other = acme();
    other["organization_name"] = "Other".into();
    service.advance_clock(Duration::from_secs(23 * 3600 + 59 * 60));
    create(&service, KEY, &other)
        .await
        .problem(422, "idempotency_key_reused");
    service.advance_clock(Duration::from_secs(60));
    create(&service, KEY, &other)
        .await
        .problem(409, "email_taken");
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_key_of_a_request_in_flight_is_a_conflict() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.get("/health").await.status, 200);
    let data = doc! { "failCommands": ["commitTransaction"], "blockConnection": true, "blockTimeMS": 6000 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let body = acme();
    let second = async {
        service.until_failpoint_is_met().await;
        create(&service, KEY, &body).await
    };
    let (first, second) = tokio::join!(create(&service, KEY, &body), second);
    assert_eq!(first.status, 201);
    second.problem(409, "request_in_flight");
    assert_eq!(create(&service, KEY, &body).await.body, first.body);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_retry_after_an_unknown_outcome_creates_one_organization() {
    let (service, _mongod) = TestService::start_with_timeout(Duration::from_secs(3)).await;
    let data = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    create(&service, KEY, &acme())
        .await
        .problem(503, "service_unavailable");
    service.failpoint_off().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn keys_are_separate_for_each_email() {
    let service = TestService::start().await;
    let other =
        json!({"organization_name": "Other", "email": "b@example.com", "password": PASSWORD});
    assert_eq!(create(&service, "1", &acme()).await.status, 201);
    assert_eq!(create(&service, "1", &other).await.status, 201);
    assert_eq!(create(&service, "1", &other).await.status, 201);
    assert_eq!(service.assert_consistent().await, 2);
}

#[tokio::test]
async fn a_retry_returns_the_current_organization() {
    let service = TestService::start().await;
    let first = create(&service, KEY, &acme()).await;
    let token = service.token_of("a@example.com").await;
    assert_eq!(service.rename(&token, "New Name").await.status, 200);
    let again = create(&service, KEY, &acme()).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.body["organization_name"], "New Name");
    assert_eq!(again.body["id"], first.body["id"]);
    // Another organization may take the old name.
    assert_eq!(service.create("Acme", "b@example.com").await.status, 201);
    assert_eq!(create(&service, KEY, &acme()).await.body, again.body);
}

#[tokio::test]
async fn a_retry_after_a_deletion_is_refused_until_the_purge() {
    let service = TestService::start_with(&[("DELETION_GRACE_SECONDS", "3600")]).await;
    let first = create(&service, KEY, &acme()).await;
    let token = service.token_of("a@example.com").await;
    assert_eq!(service.delete(&token, PASSWORD).await.status, 200);
    create(&service, KEY, &acme())
        .await
        .problem(409, "organization_deleted");
    let mut wrong = acme();
    wrong["password"] = "Admin@124".into();
    create(&service, KEY, &wrong)
        .await
        .problem(422, "idempotency_key_reused");
    assert_eq!(service.restore("a@example.com", PASSWORD).await.status, 200);
    assert_eq!(create(&service, KEY, &acme()).await.body, first.body);
    let token = service.token_of("a@example.com").await;
    assert_eq!(service.delete(&token, PASSWORD).await.status, 200);
    service.advance_clock(Duration::from_secs(3601));
    assert_eq!(service.purge().await.unwrap().purged, 1);
    let anew = create(&service, KEY, &acme()).await;
    assert_eq!(anew.status, 201);
    assert_ne!(anew.body["id"], first.body["id"]);
    assert_eq!(create(&service, KEY, &acme()).await.body, anew.body);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn parallel_retries_after_a_purge_create_one_organization() {
    let service = TestService::start().await;
    create(&service, KEY, &acme()).await;
    // State after an interrupted purge: the idempotency record exists, the organization does not.
    service.organizations().delete_many(doc! {}).await.unwrap();
    service.admins().delete_many(doc! {}).await.unwrap();
    service.memberships().delete_many(doc! {}).await.unwrap();
    service.audit_events().delete_many(doc! {}).await.unwrap();
    service.tenants().drop().await.unwrap();
    let body = acme();
    let responses =
        futures_util::future::join_all((0..16).map(|_| create(&service, KEY, &body))).await;
    let created: Vec<_> = responses
        .iter()
        .filter(|response| response.status == 201)
        .collect();
    assert!(!created.is_empty(), "{responses:?}");
    assert!(
        created
            .iter()
            .all(|response| response.body == created[0].body)
    );
    assert_eq!(service.assert_consistent().await, 1);
}
