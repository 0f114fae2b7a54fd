//! Events of API Gateway: every event gets a response without a server error, and its body does not quote the password.

#![no_main]

use std::sync::LazyLock;

use axum::Router;
use axum::routing::any;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shared::http::{IdempotencyKey, JsonBody};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
});

/// The password in the events of the initial corpus.
const PASSWORD: &str = "Admin@123";

async fn read(_: IdempotencyKey, JsonBody(_): JsonBody<Credentials>) {}

/// A body with a password.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[serde(rename = "email")]
    _email: String,
    #[serde(rename = "password")]
    _password: String,
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(payload) = serde_json::from_slice::<LambdaRequest>(bytes) else {
        return;
    };
    let mut context = Context::default();
    context.deadline = u64::MAX;
    let router = Router::new().route("/{*path}", any(read));
    let mut handler = shared::lambda::handler(router);
    let answer = RUNTIME.block_on(handler.call(LambdaEvent { payload, context }));
    let mut answer = serde_json::to_value(answer.expect("infallible")).expect("JSON");
    let status = answer["statusCode"].as_u64().expect("a status");
    assert!(status < 500, "{answer}");
    // The response repeats the request id, which may be any text.
    let id = |answer: &Value| answer["headers"]["x-request-id"].as_str().map(str::to_owned);
    let body = answer["body"].take().as_str().unwrap_or_default().to_owned();
    let body = id(&answer).map_or(body.clone(), |id| body.replace(&id, ""));
    assert!(!body.contains(PASSWORD), "{body}");
});
