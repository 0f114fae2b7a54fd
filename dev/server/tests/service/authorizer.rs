//! The Lambda authorizer as API Gateway invokes it: decision, context and deadline.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lambda_http::Context;
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::access_tokens::{claims_of, expired, foreign};
use testkit::TestService;
use testkit::lines_of;

const EMAIL: &str = "admin@example.com";

/// The authorizer's response, or `None` if the function fails, and its log line.
struct Decision {
    response: Option<Value>,
    line: Value,
}

/// Invokes the authorizer with this `Authorization` header, if any, and the remaining time `left`.
async fn authorize_header(
    service: &TestService,
    authorization: Option<&str>,
    left: Duration,
) -> Decision {
    authorize_in_mode(service, None, authorization, left).await
}

/// Like [`authorize_header`], for an API with this stage variable `authorizer_mode`.
async fn authorize_in_mode(
    service: &TestService,
    mode: Option<&str>,
    authorization: Option<&str>,
    left: Duration,
) -> Decision {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/authorizer.json");
    let mut event: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let request_id = format!("{:032x}", fastrand::u128(..));
    event["requestContext"]["requestId"] = request_id.as_str().into();
    match authorization {
        Some(text) => event["headers"]["authorization"] = text.into(),
        None => drop(
            event["headers"]
                .as_object_mut()
                .unwrap()
                .remove("authorization"),
        ),
    }
    if let Some(mode) = mode {
        event["stageVariables"] = json!({ "authorizer_mode": mode });
    }
    let state = service.state.clone();
    let mut context = Context::default();
    let end = std::time::UNIX_EPOCH.elapsed().unwrap() + left;
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    let event = serde_json::from_value(event).unwrap();
    let response = authorizer::authorize(&state, event, &context).await;
    let lines = lines_of(&request_id);
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&line["message"], &line["route"]),
        (&json!("decided"), &json!("GET /invoices"))
    );
    assert!(line["duration_ms"].is_u64());
    Decision {
        response: response
            .ok()
            .map(|response| serde_json::to_value(response).unwrap()),
        line: line.clone(),
    }
}

async fn authorize_token(service: &TestService, token: &str) -> Decision {
    authorize_header(
        service,
        Some(&format!("Bearer {token}")),
        Duration::from_secs(10),
    )
    .await
}

#[track_caller]
fn assert_denied(decision: &Decision) {
    assert_eq!(decision.response, Some(json!({"isAuthorized": false})));
    assert_eq!(decision.line["authorized"], false);
    assert_eq!(decision.line["code"], "invalid_token");
}

async fn service_with_admin() -> (TestService, Value) {
    let service = TestService::start().await;
    let created = service.create("Akshay Pvt Ltd", EMAIL).await;
    assert_eq!(created.status, 201);
    (service, created.body)
}

#[tokio::test]
async fn a_valid_token_yields_admin_organization_and_collection() {
    let (service, created) = service_with_admin().await;
    let token = service.token_of(EMAIL).await;
    let decision = authorize_token(&service, &token).await;
    let context = json!({
        "admin_id": claims_of(&token)["sub"],
        "organization_id": created["id"],
        "database": service.state.config.tenant_db,
        "collection_name": "org_akshay_pvt_ltd",
        "cell": "home",
        "role": "owner",
    });
    let expected = json!({"isAuthorized": true, "context": context});
    assert_eq!(decision.response, Some(expected));
    assert_eq!(decision.line["authorized"], true);
    assert_eq!(decision.line["organization_id"], created["id"]);
}

#[tokio::test]
async fn invalid_tokens_and_ended_sessions_are_refused_without_a_context() {
    let (service, _) = service_with_admin().await;
    let token = service.token_of(EMAIL).await;
    let claims = claims_of(&token);
    for bad in [expired(&claims), foreign(&claims), "x".to_owned()] {
        assert_denied(&authorize_token(&service, &bad).await);
    }
    for authorization in [None, Some("Basic YTpi")] {
        assert_denied(&authorize_header(&service, authorization, Duration::from_secs(10)).await);
    }
    service.suspend(doc! {}).await;
    assert_denied(&authorize_token(&service, &token).await);
    service.resume(doc! {}).await;
    let token = service.token_of(EMAIL).await;
    service.disable(doc! {}).await;
    assert_denied(&authorize_token(&service, &token).await);
    service.enable(doc! {}).await;
    let token = service.token_of(EMAIL).await;
    assert!(authorize_token(&service, &token).await.response.is_some());
    assert_eq!(service.log_out(&token).await.status, 204);
    assert_denied(&authorize_token(&service, &token).await);
}

#[tokio::test]
async fn only_the_stage_variable_lets_callers_without_a_valid_token_through() {
    let (service, _) = service_with_admin().await;
    let soon = Duration::from_secs(10);
    for authorization in [None, Some("Bearer x")] {
        let passed = authorize_in_mode(&service, Some("pass"), authorization, soon).await;
        let context = json!({"authenticated": "false"});
        let expected = json!({"isAuthorized": true, "context": context});
        assert_eq!(passed.response, Some(expected));
        assert_eq!(passed.line["authorized"], false);
        for mode in ["", "Pass", "deny"] {
            assert_denied(&authorize_in_mode(&service, Some(mode), authorization, soon).await);
        }
    }
    let token = format!("Bearer {}", service.token_of(EMAIL).await);
    let valid = authorize_in_mode(&service, Some("pass"), Some(&token), soon).await;
    let context = &valid.response.unwrap()["context"];
    assert_eq!(
        (&context["role"], &context["cell"]),
        (&json!("owner"), &json!("home"))
    );
}

#[tokio::test]
async fn the_authorizer_fails_closed_without_mongodb() {
    let uri = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=300";
    let (with_database, _) = service_with_admin().await;
    let token = with_database.token_of(EMAIL).await;
    let service = TestService::start_on(uri, &[]).await;
    let decision = authorize_token(&service, &token).await;
    assert_eq!(decision.response, None);
    assert_eq!(decision.line["code"], "service_unavailable");
}

#[tokio::test]
async fn the_authorizer_responds_a_second_before_the_functions_deadline() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let authorization = format!("Bearer {}", service.token_of(EMAIL).await);
    let data = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 6000 };
    service.failpoint(doc! { "times": 3 }, data).await;
    let deadline = Duration::from_secs(3);
    let authorizing = authorize_header(&service, Some(&authorization), deadline);
    let decision = tokio::time::timeout(deadline, authorizing).await;
    let decision = decision.expect("no decision before the function's deadline");
    assert_eq!(decision.response, None);
    assert_eq!(decision.line["code"], "service_unavailable");
}
