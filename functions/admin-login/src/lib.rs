//! `POST /admin/login` and `POST /admin/email/verify`: what an admin proves with email and password.

mod verify_email;

use std::sync::Arc;

use axum::Json;
use secrecy::SecretString;
use serde::Deserialize;
use shared::auth;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::sessions;
use shared::state::AppState;
use shared::tokens::TokenResponse;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(verify_email::verify_email))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "admin@example.com", format = "idn-email")]
    email: String,
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    password: SecretString,
}

shared::problem_responses!(Problems: InvalidCredentials, TooManyAttempts);

/// Log an admin in
///
/// Starts a session. The access token is for the API, the refresh token for `POST /admin/refresh`. An unknown email, a
/// wrong password and a disabled account get the same response.
#[utoipa::path(
    post,
    path = "/admin/login",
    tag = "access",
    request_body = Credentials,
    responses((status = OK, description = "The admin is logged in", body = TokenResponse), Problems)
)]
async fn log_in(
    request: RequestContext,
    JsonBody(body): JsonBody<Credentials>,
) -> Result<Json<TokenResponse>, Problem> {
    let credentials = auth::Credentials {
        email: &body.email,
        password: &body.password,
    };
    let tokens = sessions::log_in(&request, credentials).await?;
    Ok(Json(tokens))
}
