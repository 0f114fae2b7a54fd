//! `Idempotency-Key` on `POST /org/create`: repeated, it ends in one organization.

use std::time::Duration;

use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, TestService};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn acme() -> Value {
    json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD})
}

async fn create(service: &TestService, key: &str, body: &Value) -> Answer {
    let request = service
        .request("POST", "/org/create")
        .header("idempotency-key", key);
    service.send(request.json(body)).await
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer() {
    let service = TestService::start_with(&[("MAX_ORGANIZATIONS", "1")]).await;
    let first = create(&service, KEY, &acme()).await;
    assert_eq!(first.status, 201);
    for key in [KEY, &format!("\"{KEY}\"")] {
        let again = create(&service, key, &acme()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    assert_eq!(service.whole().await, 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let service = TestService::start().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    for (field, value) in [
        ("organization_name", "Acme 2"),
        ("email", "b@example.com"),
        ("password", "Admin@124"),
    ] {
        let mut body = acme();
        body[field] = value.into();
        create(&service, KEY, &body)
            .await
            .problem(422, "idempotency_key_reused");
    }
    create(&service, "another key".replace(' ', "-").as_str(), &acme())
        .await
        .problem(409, "organization_name_taken");
    assert_eq!(service.whole().await, 1);
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
    assert_eq!(service.whole().await, 0);
}

#[tokio::test]
async fn many_requests_with_one_key_end_in_one_organization() {
    let service = TestService::start().await;
    let body = acme();
    let answers = (0..16).map(|_| create(&service, KEY, &body));
    let answers = futures_util::future::join_all(answers).await;
    let created: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .collect();
    assert!(!created.is_empty());
    assert!(created.iter().all(|answer| answer.body == created[0].body));
    for other in answers.iter().filter(|answer| answer.status != 201) {
        other.problem(409, "request_in_flight");
    }
    assert_eq!(service.whole().await, 1);
}

#[tokio::test]
async fn an_answer_may_be_asked_for_again_many_times_at_once() {
    let service = TestService::start().await;
    let body = acme();
    let first = create(&service, KEY, &body).await;
    let again = (0..60).map(|_| create(&service, KEY, &body));
    for answer in futures_util::future::join_all(again).await {
        assert_eq!((answer.status, &answer.body), (first.status, &first.body));
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let service = TestService::start().await;
    service.create("Acme", "other@example.com").await;
    create(&service, KEY, &acme())
        .await
        .problem(409, "organization_name_taken");
    let mut body = acme();
    body["organization_name"] = "Acme 2".into();
    assert_eq!(create(&service, KEY, &body).await.status, 201);
    assert_eq!(service.whole().await, 2);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let service = TestService::start().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    let other =
        json!({"organization_name": "Other", "email": "b@example.com", "password": PASSWORD});
    service.pass(Duration::from_secs(23 * 3600 + 59 * 60));
    create(&service, KEY, &other)
        .await
        .problem(422, "idempotency_key_reused");
    service.pass(Duration::from_secs(60));
    assert_eq!(create(&service, KEY, &other).await.status, 201);
    assert_eq!(service.whole().await, 2);
}

#[tokio::test]
async fn while_a_request_is_in_flight_another_with_its_key_is_told_so() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.get("/health").await.status, 200);
    let data = doc! { "failCommands": ["commitTransaction"], "blockConnection": true, "blockTimeMS": 6000 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let body = acme();
    let second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        create(&service, KEY, &body).await
    };
    let (first, second) = tokio::join!(create(&service, KEY, &body), second);
    assert_eq!(first.status, 201);
    second.problem(409, "request_in_flight");
    assert_eq!(create(&service, KEY, &body).await.body, first.body);
    assert_eq!(service.whole().await, 1);
}

#[tokio::test]
async fn after_an_unknown_outcome_the_same_request_converges() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.get("/health").await.status, 200);
    let data = doc! { "failCommands": ["commitTransaction"], "closeConnection": true };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    create(&service, KEY, &acme())
        .await
        .problem(503, "service_unavailable");
    service.failpoint_off().await;
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    assert_eq!(create(&service, KEY, &acme()).await.status, 201);
    assert_eq!(service.whole().await, 1);
}
