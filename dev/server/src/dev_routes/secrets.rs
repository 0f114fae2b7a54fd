//! The signing secret for a product in Rust: the call `GetSecretValue` of Secrets Manager
//! (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>).

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use shared::secrets::SecretVersion;

/// The secret's id.
const SECRET_ID: &str = "jwt-secret";

pub fn router(secret: SecretVersion) -> Router {
    // The SDK adds the slash to the path of the endpoint.
    let get = post(get_secret_value).with_state(secret);
    Router::new().route("/dev/secrets-manager/", get)
}

/// The request's body. Other members, which the call does not have, are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

impl GetSecretValue {
    /// Whether it asks for the current version of the signing secret: the only one that there is.
    fn is_for_signing_secret(&self) -> bool {
        let stage = self.version_stage.as_deref();
        self.secret_id == SECRET_ID
            && self.version_id.is_none()
            && matches!(stage, None | Some("AWSCURRENT"))
    }
}

async fn get_secret_value(
    State(secret): State<SecretVersion>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let action = headers.get("x-amz-target").map(HeaderValue::as_bytes);
    let request: Option<GetSecretValue> = serde_json::from_str(&body).ok();
    if action != Some(b"secretsmanager.GetSecretValue")
        || !request.is_some_and(|request| request.is_for_signing_secret())
    {
        let error = json!({ "__type": "ResourceNotFoundException" });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let value = json!({
        "Name": SECRET_ID,
        "SecretString": secret.value.expose_secret(),
        "VersionId": secret.version_id,
    });
    Json(value).into_response()
}
