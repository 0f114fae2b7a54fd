//! `POST /admin/password/reset`: a new password with the token of a mailed link.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use shared::account;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use utoipa::ToSchema;

use crate::examples::too_short;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// From the link, behind `#token=`.
    #[schema(example = "Z0Sh8MOyoZCPfm1cS0H0bWJ0oZVfKX9eYd3uQh", max_length = 38)]
    token: String,
    /// The same rules as when the organization was created.
    #[schema(value_type = String, example = "correct horse battery staple", format = Password, min_length = 8)]
    new_password: SecretString,
}

shared::problem_responses!(ResetProblems: InvalidOneTimeToken, ValidationFailed = too_short());

/// Set a new password with the token of a link
///
/// Ends all sessions of the admin, and verifies the email. Logs nobody in. A refused password does not use the token up.
#[utoipa::path(
    post,
    path = "/admin/password/reset",
    tag = "access",
    request_body = ResetPassword,
    responses((status = NO_CONTENT, description = "The new password is set"), ResetProblems)
)]
pub async fn reset_password(
    request: RequestContext,
    JsonBody(body): JsonBody<ResetPassword>,
) -> Result<StatusCode, Problem> {
    account::reset_password(&request, &body.token, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
