//! `POST /admin/login`: an admin's email and password for an access token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::admins::{self, log_in};
use shared::app::App;
use shared::http::{ClientAddress, Deadline, JsonBody};
use shared::problem::Problem;
use shared::tokens::{AccessToken, Secured, Tokens};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(app: Arc<App>, tokens: Arc<Tokens>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(login))
        .with_state(Secured { app, tokens })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "admin@example.com", format = Email)]
    email: String,
    #[schema(example = "Admin@123", format = Password)]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct LoggedIn {
    /// A JWT for the header `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImxvY2FsIn0.e30.c2ln")]
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds until the token expires.
    #[schema(example = 1800)]
    expires_in: u64,
}

impl From<AccessToken> for LoggedIn {
    fn from(token: AccessToken) -> Self {
        Self {
            access_token: token.jwt,
            token_type: "bearer",
            expires_in: token.expires_in.as_secs(),
        }
    }
}

shared::problem_responses!(Problems: MalformedRequest, InvalidCredentials, PayloadTooLarge, UnsupportedMediaType, TooManyAttempts, InternalError, ServiceUnavailable);

/// Log an admin in
///
/// An unknown email, a wrong password and a disabled account get one and the same answer.
#[utoipa::path(
    post,
    path = "/admin/login",
    tag = "admins",
    request_body = Credentials,
    responses((status = OK, description = "The admin is logged in", body = LoggedIn), Problems)
)]
async fn login(
    State(Secured { app, tokens }): State<Secured>,
    address: ClientAddress,
    Deadline(deadline): Deadline,
    JsonBody(body): JsonBody<Credentials>,
) -> Result<Json<LoggedIn>, Problem> {
    let credentials = admins::Credentials {
        email: &body.email,
        password: &body.password,
    };
    let admin = log_in(&app, credentials, address, deadline).await?;
    Ok(Json(tokens.issue(&admin).await?.into()))
}
