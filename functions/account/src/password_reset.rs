//! `POST /admin/password/forgot` and `POST /admin/password/reset`: a new password by a link in a mail.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use shared::account;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::values::EmailAddress;
use utoipa::ToSchema;

use crate::examples::{no_address, too_short};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    #[schema(example = "admin@example.com", format = Email, max_length = 254)]
    email: String,
}

shared::problem_responses!(ForgotProblems: MailDisabled, ValidationFailed = no_address(), TooManyAttempts);

/// Mail a link that sets a new password
///
/// The response is the same whether an admin has this email or not. The link is valid for 30 minutes and can be used once. Up
/// to three links are mailed to an address in that time; a further request gets the same response.
#[utoipa::path(
    post,
    path = "/admin/password/forgot",
    tag = "access",
    request_body = ForgotPassword,
    responses((status = ACCEPTED, description = "If an admin has this email, a link is on its way"), ForgotProblems)
)]
pub async fn forgot_password(
    request: RequestContext,
    JsonBody(body): JsonBody<ForgotPassword>,
) -> Result<StatusCode, Problem> {
    let email = EmailAddress::parse(&body.email).map_err(|error| vec![error])?;
    account::request_password_reset(&request, &email).await?;
    Ok(StatusCode::ACCEPTED)
}

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
