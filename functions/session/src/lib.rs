//! What an admin does without a password hash: refreshes, lists and ends sessions, changes name and language, and requests a
//! reset of a forgotten password.

mod forgot_password;
mod list;
mod profile;

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use shared::auth::Caller;
use shared::http::{JsonBody, Query};
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::sessions;
use shared::state::AppState;
use shared::tokens::TokenResponse;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(refresh_session))
        .routes(routes!(log_out))
        .routes(routes!(list::list_sessions))
        .routes(routes!(list::end_session))
        .routes(routes!(profile::show_admin, profile::change_profile))
        .routes(routes!(forgot_password::forgot_password))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshSession {
    /// The newest refresh token of the session.
    #[schema(
        example = "Z0Sh8MOyoZCPfm1cS0H0bWJ0oZVfKX9eYd3uQhY2m1c5Jr8tTn0wYk6bXv4aLz2sQe7Rp1Uo3Hg5Ij9C"
    )]
    refresh_token: String,
}

shared::problem_responses!(RefreshProblems: InvalidToken = Problem::refresh_token_refused());

/// Refresh a session's tokens
///
/// Exchanges a single-use refresh token for a new token pair. If the response is lost, the client may resend the old
/// refresh token for 30 seconds and receives the same new one. Any later reuse is treated as theft and ends the
/// session.
#[utoipa::path(
    post,
    path = "/admin/refresh",
    tag = "access",
    request_body = RefreshSession,
    responses((status = OK, description = "A new token pair", body = TokenResponse), RefreshProblems)
)]
async fn refresh_session(
    request: RequestContext,
    JsonBody(body): JsonBody<RefreshSession>,
) -> Result<Json<TokenResponse>, Problem> {
    let refreshed = sessions::refresh(&request, &body.refresh_token).await?;
    Ok(Json(refreshed))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogOut {
    /// Ends all sessions of the admin.
    #[serde(default)]
    #[param(required = false, example = false)]
    everywhere: bool,
}

/// Log the admin out
///
/// Ends the token's session. Its access tokens and its refresh token are invalid immediately.
#[utoipa::path(
    post,
    path = "/admin/logout",
    tag = "access",
    security(("bearer" = [])),
    params(LogOut),
    responses((status = NO_CONTENT, description = "The admin is logged out"))
)]
async fn log_out(
    caller: Caller,
    Query(LogOut { everywhere }): Query<LogOut>,
) -> Result<StatusCode, Problem> {
    match everywhere {
        true => sessions::log_out_everywhere(&caller).await?,
        false => sessions::log_out(&caller).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
