//! `POST /admin/password`: changes the admin's password.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use shared::account;
use shared::auth::Caller;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::values::{Password, PasswordPolicy};
use utoipa::ToSchema;

use crate::examples::too_short;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    current_password: SecretString,
    /// The same rules as when the organization was created.
    #[schema(value_type = String, example = "correct horse battery staple", format = Password, min_length = 8)]
    new_password: SecretString,
}

shared::problem_responses!(Problems: InvalidCredentials = Problem::wrong_password(), ValidationFailed = too_short(), TooManyAttempts);

/// Change the admin's password
///
/// Ends all other sessions of the admin. The token's session continues.
#[utoipa::path(
    post,
    path = "/admin/password",
    tag = "access",
    security(("bearer" = [])),
    request_body = ChangePassword,
    responses((status = NO_CONTENT, description = "The new password is set"), Problems)
)]
pub async fn change_password(
    caller: Caller,
    JsonBody(body): JsonBody<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let policy = PasswordPolicy {
        field: "new_password",
        min_length: caller.request().config().password_min_length,
        context: &[caller.account().email(), &caller.organization().name],
    };
    let new = Password::choose(&body.new_password, &policy).map_err(|error| vec![error])?;
    account::change_password(&caller, &body.current_password, new).await?;
    Ok(StatusCode::NO_CONTENT)
}
