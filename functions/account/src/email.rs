//! `POST /admin/email` and `POST /admin/email/undo`: requests a change of the email, and undoes one.

use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use shared::account;
use shared::auth::Caller;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::values::EmailAddress;
use utoipa::ToSchema;

use crate::examples::{no_address, too_short};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address, or the current one to verify it.
    #[schema(example = "new@example.com", format = "idn-email", max_length = 254)]
    email: String,
    /// The admin's password.
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    password: SecretString,
}

shared::problem_responses!(
    ChangeProblems: InvalidCredentials = Problem::wrong_password(), MailDisabled, EmailTaken, EmailRecentlyChanged,
    ValidationFailed = no_address(), TooManyAttempts
);

/// Mail a link that verifies or changes the email
///
/// The email changes when the link is used, within 24 hours.
#[utoipa::path(
    post,
    path = "/admin/email",
    tag = "access",
    security(("bearer" = [])),
    request_body = ChangeEmail,
    responses((status = ACCEPTED, description = "A link is on its way to the address"), ChangeProblems)
)]
pub async fn request_email(
    caller: Caller,
    JsonBody(body): JsonBody<ChangeEmail>,
) -> Result<StatusCode, Problem> {
    let email = EmailAddress::parse(&body.email).map_err(|error| vec![error])?;
    account::request_email(&caller, &email, &body.password).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoEmailChange {
    /// From the link, behind `#token=`.
    #[schema(example = "Z0Sh8MOyoZCPfm1cS0H0bWJ0oZVfKX9eYd3uQh", max_length = 38)]
    token: String,
    /// The same rules as when the organization was created.
    #[schema(value_type = String, example = "correct horse battery staple", format = Password, min_length = 8)]
    new_password: SecretString,
}

shared::problem_responses!(UndoProblems: InvalidOneTimeToken, ValidationFailed = too_short());

/// Undo a change of the email
///
/// Restores the email before the change, sets a new password and ends all sessions. The link works for 7 days, also after the
/// password was changed.
#[utoipa::path(
    post,
    path = "/admin/email/undo",
    tag = "access",
    request_body = UndoEmailChange,
    responses((status = NO_CONTENT, description = "The email is restored"), UndoProblems)
)]
pub async fn undo_email_change(
    request: RequestContext,
    JsonBody(body): JsonBody<UndoEmailChange>,
) -> Result<StatusCode, Problem> {
    account::undo_email_change(&request, &body.token, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
