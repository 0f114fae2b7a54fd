//! `POST /admin/email/verify`: verifies an email with the token of a mailed link and the password.

use axum::Json;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::account;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// From the link, behind `#token=`.
    #[schema(example = "Z0Sh8MOyoZCPfm1cS0H0bWJ0oZVfKX9eYd3uQh", max_length = 38)]
    token: String,
    /// The admin's password.
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    password: SecretString,
}

#[derive(Serialize, ToSchema)]
pub struct VerifiedEmail {
    #[schema(example = "new@example.com", format = "idn-email")]
    email: String,
}

shared::problem_responses!(
    Problems: InvalidOneTimeToken, InvalidCredentials, MailDisabled, EmailTaken, EmailRecentlyChanged, TooManyAttempts
);

/// Verify an email with the token of a link
///
/// The link alone verifies nothing: the admin's password belongs to it. A new email replaces the one before and ends all
/// sessions. If that one was verified, it gets a link that restores it for 7 days.
#[utoipa::path(
    post,
    path = "/admin/email/verify",
    tag = "access",
    request_body = VerifyEmail,
    responses((status = OK, description = "The email is verified", body = VerifiedEmail), Problems)
)]
pub async fn verify_email(
    request: RequestContext,
    JsonBody(body): JsonBody<VerifyEmail>,
) -> Result<Json<VerifiedEmail>, Problem> {
    let account = account::verify_email(&request, &body.token, &body.password).await?;
    Ok(Json(VerifiedEmail {
        email: account.email().to_owned(),
    }))
}
