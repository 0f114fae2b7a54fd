//! L1: the service's logs. The testkit searches the log lines of every test for secrets.

use std::time::Duration;

use mongodb::bson::doc;
use serde_json::{Value, json};

use testkit::{PASSWORD, Response, TestService, Tokens, lines_of, secret_in};

#[tokio::test]
async fn l1_each_request_has_one_line_in_the_log() {
    let service = TestService::start().await;
    let created = service.create("Acme", "a@example.com").await;
    let organization = created.body["id"].clone();
    let login = service.log_in("a@example.com", PASSWORD).await;
    let token = Tokens::of(&login).access;
    let refused = service.log_in("a@example.com", "Admin@124").await;
    let shown = service.show(&token).await;
    let nothing = service.get("/org/6744a1f0c3b2a1908f7e6d5c").await;
    for (response, method, route, organization, code) in [
        (&created, "POST", "/org/create", &organization, Value::Null),
        (&login, "POST", "/admin/login", &organization, Value::Null),
        (
            &refused,
            "POST",
            "/admin/login",
            &Value::Null,
            "invalid_credentials".into(),
        ),
        (&shown, "GET", "/org", &organization, Value::Null),
        (
            &nothing,
            "GET",
            "/{*path}",
            &Value::Null,
            "not_found".into(),
        ),
    ] {
        let request_id = response.headers["x-request-id"].to_str().unwrap();
        let mut lines = lines_of(request_id);
        lines.retain(|line| line["message"] == "answered");
        let [line] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert_eq!(
            (&line["method"], &line["route"]),
            (&method.into(), &route.into())
        );
        assert_eq!(line["status"], response.status.as_u16());
        assert_eq!(
            (&line["organization_id"], &line["code"]),
            (organization, &code)
        );
        assert!(line["duration_ms"].is_u64() && line["timestamp"].is_string());
    }
}

#[tokio::test]
async fn l1_the_log_contains_nothing_that_a_client_sent() {
    let service = TestService::start().await;
    let evil = "canary\r\n{\"level\":\"INFO\",\"message\":\"canary\"}";
    let body = json!({"organization_name": evil, "email": evil, "password": evil});
    service
        .post("/org/create", &body)
        .await
        .problem(422, "validation_failed");
    let body = json!({"organization_name": "canary", "email": "canary@example.com", "password": "canary canary"});
    service.post("/org/create", &body).await;
    let login = service.log_in("canary@example.com", "canary canary").await;
    let tokens = Tokens::of(&login);
    service
        .log_in("canary@example.com", evil)
        .await
        .problem(401, "invalid_credentials");
    service
        .log_in(evil, evil)
        .await
        .problem(401, "invalid_credentials");
    service.show("canary").await.problem(401, "invalid_token");
    service
        .refresh("canary")
        .await
        .problem(401, "invalid_token");
    service.rename(&tokens.access, "another canary").await;
    service
        .change_password(&tokens.access, "canary canary", "canary bird")
        .await;
    service
        .get("/canary?canary=canary%0d%0acanary")
        .await
        .problem(404, "not_found");
    service.get("/org/audit?canary=%0d%0acanary").await;
    let request = service.request("POST", "/org/create");
    let request = request
        .header("idempotency-key", "canary")
        .header("user-agent", "canary");
    service
        .send(
            request
                .header("content-type", "application/json")
                .body("{canary"),
        )
        .await;
    // The database error quotes the stored value.
    let set = doc! { "$set": { "password_hash": "canary", "name": { "canary": 1 } } };
    service
        .admins()
        .update_one(doc! {}, set.clone())
        .await
        .unwrap();
    service
        .organizations()
        .update_one(doc! {}, set)
        .await
        .unwrap();
    service.log_in("canary@example.com", "canary bird").await;
    service.show(&tokens.access).await;
    service.refresh(&tokens.refresh).await;
    // The search recognizes every token.
    for secret in [&tokens.access, &tokens.refresh] {
        assert!(secret_in(&format!("{{\"message\":\"{secret}\"}}")).is_some());
    }
}

/// The log line with this message for the request of `response`.
#[track_caller]
fn line_about(response: &Response, message: &str) -> Value {
    let request_id = response.headers["x-request-id"].to_str().unwrap();
    let mut lines = lines_of(request_id);
    lines.retain(|line| line["message"] == message);
    let [line] = &lines[..] else {
        panic!("no log line {message:?} in {lines:?}")
    };
    line.clone()
}

#[tokio::test]
async fn errors_are_logged_with_the_request_id() {
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    let unreadable = doc! { "$set": { "status": "nobody" } };
    service
        .admins()
        .update_one(doc! {}, unreadable)
        .await
        .unwrap();
    let failed = service.log_in("a@example.com", PASSWORD).await;
    failed.problem(500, "internal_error");
    let line = line_about(&failed, "a MongoDB operation failed");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["span"]["request_id"], failed.body["request_id"]);
}

#[tokio::test]
async fn a_timed_out_request_is_logged_with_its_route() {
    let (service, _mongod) = TestService::start_with_timeout(Duration::from_secs(1)).await;
    let hangs = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 2_000 };
    service.failpoint(doc! { "times": 1 }, hangs).await;
    let late = service.get("/health").await;
    late.problem(503, "service_unavailable");
    assert_eq!(line_about(&late, "answered")["route"], "/health");
}

#[tokio::test]
async fn l1_an_invented_method_is_not_logged() {
    let service = TestService::start().await;
    let response = service.send(service.request("HUNTED", "/org/create")).await;
    response.problem(405, "method_not_allowed");
    assert_eq!(line_about(&response, "answered")["method"], "");
}

#[tokio::test]
async fn a_panic_is_logged_with_the_request_id() {
    async fn panics() {
        panic!("of a handler");
    }
    let router = axum::Router::new().route("/panics", axum::routing::get(panics));
    let service = TestService::start().await.with_routes(router).await;
    let response = service.get("/panics").await;
    response.problem(500, "internal_error");
    line_about(&response, "a request panicked");
}

#[tokio::test]
async fn each_creation_logs_the_remaining_capacity() {
    let service = TestService::start_with(&[("MAX_ORGANIZATIONS", "2")]).await;
    let metric = |response: &Response, name: &str| {
        line_about(response, &format!("metric {name}"))["value"].as_f64()
    };
    for (number, percent) in [(1, 0.0), (2, 50.0)] {
        let email = format!("{number}@example.com");
        let created = service.create(&format!("Number {number}"), &email).await;
        let line = line_about(&created, "an organization was created");
        assert_eq!(line["level"], "INFO");
        assert_eq!(
            (&line["organizations"], &line["limit"]),
            (&number.into(), &2.into())
        );
        assert_eq!(metric(&created, "CapacityUsed"), Some(percent));
        assert_eq!(metric(&created, "OrganizationsCreated"), Some(1.0));
    }
    let refused = service.create("Number 3", "3@example.com").await;
    refused.problem(503, "capacity_reached");
    let line = line_about(&refused, "the tenant limit is reached");
    assert_eq!(
        (&line["organizations"], &line["limit"]),
        (&2.into(), &2.into())
    );
    assert_eq!(metric(&refused, "CapacityUsed"), Some(100.0));
    assert_eq!(metric(&refused, "CapacityRefusals"), Some(1.0));
}
