//! The functions' executables together: shared state, secret rotation, outages and invalid configuration.

use std::time::{Duration, Instant};

use aws_emulator::Function;
use base64::Engine;
use serde_json::{Value, json};

use crate::harness::{
    JWT_SECRET, MONGODB_URI_SECRET, PASSWORD, Stack, create, event, executable, functions, log_in,
    request, send, token, with_token,
};
use crate::secured_mongod::USER;

/// The id of the token's signing key (`kid`).
fn key_id(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn shows(organization: &Function, token: &str) -> bool {
    let (status, body) = send(organization, &with_token("organization.json", token)).await;
    if status == 200 {
        assert_eq!(body["organization_name"], "Acme");
    }
    status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_share_organizations_and_sessions() {
    let stack = Stack::start().await;
    let (status, created) = create(&stack.function("create-org").await).await;
    assert_eq!(
        (status, &created["collection_name"]),
        (201, &"org_acme".into())
    );
    let token = token(&stack.function("admin-login").await).await;
    assert_eq!(Some(key_id(&token)), stack.version("AWSCURRENT").await);
    assert!(shows(&stack.function("organization").await, &token).await);
    let authorizer = stack.function("authorizer").await;
    let mut authorizer_event = event("authorizer.json");
    authorizer_event["headers"]["authorization"] = format!("Bearer {token}").into();
    authorizer_event["identitySource"] = json!([format!("Bearer {token}")]);
    let response = authorizer.invoke(&authorizer_event).await.unwrap();
    assert_eq!(response["isAuthorized"], true);
    assert_eq!(response["context"]["organization_id"], created["id"]);
    // The logout takes effect in every function.
    let session = stack.function("session").await;
    let (status, _) = send(&session, &with_token("session-logout.json", &token)).await;
    assert_eq!(status, 204);
    assert_eq!(
        authorizer.invoke(&authorizer_event).await.unwrap()["isAuthorized"],
        false
    );
}

/// Runs the four rotation steps twice each, because Secrets Manager may repeat a delivery.
async fn rotate(stack: &Stack, version: &str) {
    stack.stage_pending(version).await;
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        // Each delivery runs in a new execution environment.
        for _ in 0..2 {
            let function = stack.function("rotate-jwt-secret").await;
            let event =
                json!({"SecretId": JWT_SECRET, "ClientRequestToken": version, "Step": step});
            let done = function.invoke(&event).await;
            assert_eq!(done, Ok(Value::Null), "{step}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_rotation_invalidates_no_token() {
    let stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let organization = stack.function("organization").await;
    let before = token(&stack.function("admin-login").await).await;
    assert!(shows(&organization, &before).await);
    let version = "01234567-89ab-cdef-0123-456789abcdef";
    rotate(&stack, version).await;
    assert_eq!(stack.version("AWSCURRENT").await.as_deref(), Some(version));
    assert_eq!(stack.version("AWSPREVIOUS").await, Some(key_id(&before)));
    assert_eq!(stack.version("AWSPENDING").await, None);
    // A new environment signs with the new secret. The running one learns about it from the token.
    let after = token(&stack.function("admin-login").await).await;
    assert_eq!(key_id(&after), version);
    assert!(shows(&organization, &after).await && shows(&organization, &before).await);
    rotate(&stack, "11234567-89ab-cdef-0123-456789abcdef").await;
    let late = stack.function("organization").await;
    assert!(shows(&late, &after).await && !shows(&late, &before).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_invocations_have_an_error_type() {
    let mut stack = Stack::start().await;
    let rotation = stack.function("rotate-jwt-secret").await;
    let mut rotate = event("rotate-jwt-secret.json");
    let error = rotation.invoke(&rotate).await.unwrap_err();
    assert_eq!(error["errorType"], "VersionNotPending", "{error}");
    rotate["SecretId"] = "unknown".into();
    let error = rotation.invoke(&rotate).await.unwrap_err();
    assert_eq!(error["errorType"], "SecretsManagerError", "{error}");
    let purge = stack.function("purge-organizations").await;
    stack.mongod.kill();
    let error = purge
        .invoke(&event("purge-organizations.json"))
        .await
        .unwrap_err();
    assert_eq!(error["errorType"], "ServiceUnavailable", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_functions_recover_with_their_database() {
    let mut stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let login = stack.function("admin-login").await;
    let organization = stack.function("organization").await;
    let before = token(&login).await;
    stack.mongod.kill();
    let (status, body) = log_in(&login).await;
    assert_eq!(
        (status, &body["code"]),
        (503, &"service_unavailable".into())
    );
    assert!(!shows(&organization, &before).await);
    // A cold start returns the same response.
    let cold = stack.function("admin-login").await;
    assert_eq!(log_in(&cold).await.0, 503);
    stack.mongod.restart().await;
    for login in [&login, &cold] {
        assert_eq!(log_in(login).await.0, 200);
    }
    assert!(shows(&organization, &before).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_functions_use_a_new_mongodb_password() {
    let mut stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let login = stack.function("admin-login").await;
    for password in ["the-second-one", "the-third-one"] {
        assert_eq!(log_in(&login).await.0, 200);
        let uri = stack.mongod.replace_password(password).await;
        stack.replace(MONGODB_URI_SECRET, &uri).await;
        // MongoDB keeps authenticated connections open.
        assert_eq!(log_in(&login).await.0, 200);
        stack.mongod.kill();
        stack.mongod.restart().await;
        assert_eq!(log_in(&login).await.0, 503);
        assert_eq!(log_in(&login).await.0, 200);
    }
}

/// Waits until the function has written `text` to its log.
pub async fn logs(function: &Function, text: &str) {
    let started = Instant::now();
    while !function.output().contains(text) {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the log does not contain {text}: {}",
            function.output()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the event until the function responds with this status, for at most two seconds.
async fn responds_soon(function: &Function, event: &Value, status: u16) {
    let started = Instant::now();
    loop {
        let (found, body) = send(function, event).await;
        if found == status {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "expected status {status}, got {found}: {body}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_work_behind_a_stage_and_a_mapping_key() {
    let stack = Stack::start().await;
    let create_org = stack.function("create-org").await;
    for (number, (stage, raw_path)) in [
        ("prod", "/prod/org/create"),
        ("prod", "/org/create"),
        ("$default", "/tenants/v1/org/create"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("{number}@example.com");
        let body = json!({"organization_name": email, "email": email, "password": PASSWORD});
        let mut event = request("create-org.json", &body);
        event["rawPath"] = raw_path.into();
        event["requestContext"]["http"]["path"] = raw_path.into();
        event["requestContext"]["stage"] = stage.into();
        assert_eq!(send(&create_org, &event).await.0, 201, "{raw_path}");
    }
    let docs = stack.function("api-docs").await;
    for (file, path, status) in [
        ("docs.json", "/prod/docs", 200),
        ("docs-file.json", "/prod/docs/index.css", 200),
        ("method-not-allowed.json", "/prod/org/create", 405),
        ("not-found.json", "/prod/nothing", 404),
    ] {
        let mut event = event(file);
        event["rawPath"] = path.into();
        event["requestContext"]["stage"] = "prod".into();
        assert_eq!(send(&docs, &event).await.0, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_payload_format_1_gets_instructions() {
    let stack = Stack::start().await;
    let event = json!({
        "version": "1.0", "resource": "/health", "path": "/health", "httpMethod": "GET", "headers": {},
        "requestContext": {"requestId": "1", "httpMethod": "GET", "stage": "$default"}, "isBase64Encoded": false,
    });
    for name in ["health", "api-docs"] {
        let function = stack.function(name).await;
        let (status, body) = send(&function, &event).await;
        assert_eq!(
            (status, &body["code"]),
            (500, &"internal_error".into()),
            "{name}"
        );
        assert!(
            body["detail"]
                .as_str()
                .unwrap()
                .contains("payload format 2.0"),
            "{body}"
        );
        logs(&function, "payload format 2.0").await;
    }
    let mut authorizer_event = event.clone();
    authorizer_event["type"] = "REQUEST".into();
    let error = stack
        .function("authorizer")
        .await
        .invoke(&authorizer_event)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("payload format 2.0"), "{error}");
    assert_eq!(error["errorType"], "UnsupportedPayloadFormat");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_limit_is_not_a_server_error() {
    let stack = Stack::start().await;
    let limit = [("MAX_ORGANIZATIONS", "1")];
    let create_org = stack.function_with("create-org", &limit).await.unwrap();
    assert_eq!(create(&create_org).await.0, 201);
    let (status, body) = create(&create_org).await;
    assert_eq!((status, &body["code"]), (503, &"capacity_reached".into()));
    logs(&create_org, "CapacityRefusals").await;
    logs(&create_org, "\"code\":\"capacity_reached\"").await;
    assert!(!create_org.output().contains("ServerErrors"));
}

/// An alarm compares the age with the rotation interval.
#[tokio::test(flavor = "multi_thread")]
async fn functions_that_read_the_signing_secret_report_its_age() {
    let stack = Stack::start().await;
    let login = stack.function("admin-login").await;
    logs(&login, "\"SigningSecretAge\":").await;
    let output = login.output();
    let lines = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut ages = lines.filter_map(|line: Value| line["SigningSecretAge"].as_f64());
    let days = ages.next().unwrap();
    assert!((0.0..0.1).contains(&days), "{days}");
    let create_org = stack.function("create-org").await;
    assert_eq!(create(&create_org).await.0, 201);
    assert!(!create_org.output().contains("SigningSecretAge"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_api_docs_disabled_the_function_responds_with_404() {
    let stack = Stack::start().await;
    let disabled = [("API_DOCS", "Disabled")];
    let docs = stack.function_with("api-docs", &disabled).await.unwrap();
    for file in [
        "docs.json",
        "docs-file.json",
        "openapi.json",
        "not-found.json",
    ] {
        let (status, body) = send(&docs, &event(file)).await;
        assert_eq!(
            (status, &body["code"]),
            (404, &"not_found".into()),
            "{file}"
        );
    }
    let enabled = stack.function("api-docs").await;
    assert_eq!(send(&enabled, &event("docs.json")).await.0, 200);
    let unclear = [("API_DOCS", "off")];
    let refused = stack
        .function_with("api-docs", &unclear)
        .await
        .err()
        .unwrap();
    let reason = format!("{refused:?}");
    assert!(
        reason.contains("API_DOCS must be Enabled or Disabled"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_warm_functions_use_a_replaced_database_user() {
    let stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let [login, organization, health] = [
        stack.function("admin-login").await,
        stack.function("organization").await,
        stack.function("health").await,
    ];
    let show = with_token("organization.json", &token(&login).await);
    let body = json!({"email": "a@example.com", "password": PASSWORD});
    let calls = [
        (&login, request("admin-login.json", &body)),
        (&organization, show),
        (&health, event("health.json")),
    ];
    let mut before = USER.to_owned();
    for user in ["second", "third"] {
        for (function, call) in &calls {
            assert_eq!(send(function, call).await.0, 200);
        }
        let uri = stack
            .mongod
            .create_user(user, &["master_db", "tenants"])
            .await;
        stack.mongod.drop_user(&before).await;
        // Without a database user every request fails, the health check included.
        for (function, call) in &calls {
            assert_eq!(send(function, call).await.0, 500);
        }
        stack.replace(MONGODB_URI_SECRET, &uri).await;
        for (function, call) in &calls {
            responds_soon(function, call, 200).await;
        }
        before = user.to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_on_the_tenants_database_is_reported() {
    let stack = Stack::start().await;
    let uri = stack.mongod.create_user("half", &["master_db"]).await;
    stack.replace(MONGODB_URI_SECRET, &uri).await;
    let create_org = stack.function("create-org").await;
    let health = stack.function("health").await;
    let (status, body) = create(&create_org).await;
    assert_eq!((status, &body["code"]), (500, &"internal_error".into()));
    assert_eq!(send(&health, &event("health.json")).await.0, 500);
    for function in [&create_org, &health] {
        logs(function, "MongoDB denied a command").await;
        logs(function, "readWrite on MASTER_DB and TENANT_DB").await;
        // A missing right counts as a server error, unlike a reached tenant limit.
        logs(function, "ServerErrors").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_name_differs_in_letter_case_is_reported() {
    let stack = Stack::start().await;
    let operator = stack.mongod.operator().await;
    let other = operator.client().database("Tenants");
    other.create_collection("theirs").await.unwrap();
    let create_org = stack.function("create-org").await;
    let (status, body) = create(&create_org).await;
    assert_eq!((status, &body["code"]), (500, &"internal_error".into()));
    logs(&create_org, "letter case").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_new_connection_string_ends_no_connection() {
    let mut stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let login = stack.function("admin-login").await;
    assert_eq!(log_in(&login).await.0, 200);
    let wrong = stack.mongod.uri_with("service:wrong@", "replicaSet=rs0");
    for unusable in ["mongodb://[broken", &wrong] {
        stack.replace(MONGODB_URI_SECRET, unusable).await;
        stack.mongod.kill();
        assert_eq!(log_in(&login).await.0, 503);
        stack.mongod.restart().await;
        assert_eq!(log_in(&login).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_duplicate_event_creates_one_organization() {
    let stack = Stack::start().await;
    let (one, two) = (
        stack.function("create-org").await,
        stack.function("create-org").await,
    );
    let acme = json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD});
    let plain = request("create-org.json", &acme);
    let (first, second) = tokio::join!(send(&one, &plain), send(&two, &plain));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let other =
        json!({"organization_name": "Other", "email": "o@example.com", "password": PASSWORD});
    let mut repeatable = request("create-org.json", &other);
    repeatable["headers"]["idempotency-key"] = "one".into();
    let (first, second) = tokio::join!(send(&one, &repeatable), send(&two, &repeatable));
    assert_eq!((first.0, second.0), (201, 201));
    assert_eq!(first.1, second.1);
}

#[test]
fn x2_no_function_has_routes_of_the_local_server() {
    for function in functions() {
        let program = std::fs::read(executable(&function)).unwrap();
        let program = String::from_utf8_lossy(&program);
        // A program without any text would pass.
        assert!(
            program.contains("MASTER_DB") || function == "api-docs",
            "{function}"
        );
        for part in ["dev/sign-in", "dev/secrets-manager"] {
            assert!(!program.contains(part), "{function} has {part}");
        }
    }
}
