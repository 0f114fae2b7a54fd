//! `POST /admin/login`: an admin's email and password begin a session.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth;
use shared::http::{ClientAddress, Deadline, JsonBody};
use shared::problem::Problem;
use shared::sessions;
use shared::state::AppState;
use shared::tokens::TokenResponse;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "admin@example.com", format = "idn-email")]
    email: String,
    #[schema(example = "Admin@123", format = Password)]
    password: String,
}

shared::problem_responses!(Problems: MalformedRequest, InvalidCredentials, PayloadTooLarge, UnsupportedMediaType, TooManyAttempts, InternalError, ServiceUnavailable);

/// Log an admin in
///
/// Starts a session. The access token is for the API, the refresh token for `POST /admin/refresh`. An unknown email, a
/// wrong password and a disabled account get the same response.
#[utoipa::path(
    post,
    path = "/admin/login",
    tag = "admins",
    request_body = Credentials,
    responses((status = OK, description = "The admin is logged in", body = TokenResponse), Problems)
)]
async fn log_in(
    State(state): State<Arc<AppState>>,
    address: ClientAddress,
    Deadline(deadline): Deadline,
    JsonBody(body): JsonBody<Credentials>,
) -> Result<Json<TokenResponse>, Problem> {
    let credentials = auth::Credentials {
        email: &body.email,
        password: &body.password,
    };
    let verified = auth::log_in(&state, credentials, address, deadline).await?;
    let session = sessions::open(&state, verified, address, deadline).await?;
    Ok(Json(session))
}
