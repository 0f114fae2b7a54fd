//! `POST /admin/password/forgot`: mails a link that sets a new password.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::account;
use shared::http::JsonBody;
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::values::EmailAddress;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    #[schema(example = "admin@example.com", format = "idn-email", max_length = 254)]
    email: String,
}

shared::problem_responses!(Problems: MailDisabled, ValidationFailed = no_address(), TooManyAttempts);

/// The response to a text that is not an email address.
fn no_address() -> Problem {
    Problem::validation(EmailAddress::parse("admin").err().into_iter().collect())
}

/// Mail a link that sets a new password
///
/// The response is the same whether an admin has this email or not. The link is valid for 30 minutes and can be used once. Up
/// to three links are mailed to an address in that time; a further request gets the same response.
#[utoipa::path(
    post,
    path = "/admin/password/forgot",
    tag = "access",
    request_body = ForgotPassword,
    responses((status = ACCEPTED, description = "If an admin has this email, a link is on its way"), Problems)
)]
pub async fn forgot_password(
    request: RequestContext,
    JsonBody(body): JsonBody<ForgotPassword>,
) -> Result<StatusCode, Problem> {
    let email = EmailAddress::parse(&body.email).map_err(|error| vec![error])?;
    account::request_password_reset(&request, &email).await?;
    Ok(StatusCode::ACCEPTED)
}
