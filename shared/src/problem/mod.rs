//! The API's errors: RFC 9457 problem details, each with a stable `code`.
//!
//! Handlers return a [`Problem`] with `?`. Only [`crate::http`] renders it, because it knows the request id.

mod code;
mod openapi;

use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub use crate::values::FieldError;
pub use code::{Code, ProductCode};
pub use openapi::{complete_document, openapi_responses};

/// Media type of an error body (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A challenge requires at least one parameter (RFC 6750, section 3).
const ASK_FOR_TOKEN: &str = "Bearer realm=\"org-management\"";

/// An error that a handler returns.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    pub code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// `WWW-Authenticate`, required for every 401 (RFC 9110, section 15.5.2; RFC 6750, section 3).
    challenge: Option<&'static str>,
}

/// The body of every error response (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// URI that identifies the kind of problem; it is a name, not an address.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:org-management:email_taken")]
    type_uri: String,
    /// The kind of problem in a few words, the same every time.
    title: &'a str,
    /// The HTTP status code.
    status: u16,
    /// A human-readable explanation of this occurrence.
    detail: &'a str,
    /// Stable and snake_case, for programs: `malformed_request`, `invalid_credentials`, `invalid_token`, `invalid_one_time_token`,
    /// `mail_disabled`, `not_found`, `session_not_found`,
    /// `method_not_allowed`, `organization_name_taken`, `email_taken`, `email_recently_changed`, `request_in_flight`, `organization_deleted`,
    /// `payload_too_large`, `unsupported_media_type`, `validation_failed`, `idempotency_key_reused`, `too_many_attempts`,
    /// `quota_exceeded`, `internal_error`, `service_unavailable`, `capacity_reached`. More may be added. A
    /// product's own are `<product>.<kind of problem>`.
    code: &'a str,
    /// Quote it when you report an error. The service's log has it.
    request_id: &'a str,
    /// Only if `code` is `validation_failed`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
}

impl Problem {
    pub fn new(code: impl Into<Code>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            challenge: None,
        }
    }

    /// A malformed request. `detail` must not quote the request.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::MalformedRequest, detail)
    }

    pub fn malformed_query() -> Self {
        Self::malformed("The query has an unknown, duplicate or malformed parameter.")
    }

    /// Well-formed fields with invalid values, all in one response.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(Code::ValidationFailed, "See `errors` for each field.")
        }
    }

    /// The same for an unknown email, a wrong password and a disabled account.
    pub fn invalid_credentials() -> Self {
        Self::wrong_credentials("No active admin has this email and password.")
    }

    /// Like [`Self::invalid_credentials`], for an authenticated caller that had to confirm the password.
    pub fn wrong_password() -> Self {
        Self::wrong_credentials("The password is wrong.")
    }

    /// The challenge has no `error`, because no token was refused.
    fn wrong_credentials(detail: &str) -> Self {
        Self {
            challenge: Some(ASK_FOR_TOKEN),
            ..Self::new(Code::InvalidCredentials, detail)
        }
    }

    /// A refresh token that was never valid or no longer is.
    pub fn refresh_token_refused() -> Self {
        Self::invalid_token("The refresh token is invalid or has expired. Log in again.")
    }

    /// The token is valid, but its session has ended, its account is disabled, its membership has ended, or its
    /// organization is closed.
    pub fn not_active() -> Self {
        Self::invalid_token("The token's session, admin or organization is not active.")
    }

    /// The request has no token, so the challenge has no `error` (RFC 6750, section 3.1).
    pub fn missing_token() -> Self {
        Self {
            challenge: Some(ASK_FOR_TOKEN),
            ..Self::new(
                Code::InvalidToken,
                "Send `Authorization: Bearer` with an access token.",
            )
        }
    }

    pub fn invalid_token(detail: impl Into<String>) -> Self {
        Self {
            challenge: Some("Bearer realm=\"org-management\", error=\"invalid_token\""),
            ..Self::new(Code::InvalidToken, detail)
        }
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "See /openapi.json for the routes.")
    }

    /// The same for an unknown, used, expired, void and malformed token.
    pub fn invalid_one_time_token() -> Self {
        Self::new(
            Code::InvalidOneTimeToken,
            "The link was used, has expired, or was never valid. Request a new one.",
        )
    }

    pub fn mail_disabled() -> Self {
        Self::new(
            Code::MailDisabled,
            "The operator has not configured MAIL_TRANSPORT.",
        )
    }

    pub fn session_not_found() -> Self {
        Self::new(
            Code::SessionNotFound,
            "The admin has no live session with this id.",
        )
    }

    /// The response's `Allow` header lists the allowed methods.
    pub fn method_not_allowed() -> Self {
        Self::new(
            Code::MethodNotAllowed,
            "See `Allow` for the methods of this path.",
        )
    }

    /// A dependency is down or too slow. The reason belongs in the log, not in the response.
    pub fn unavailable() -> Self {
        Self::new(Code::ServiceUnavailable, "Try again in a few seconds.")
            .retry_after(Duration::from_secs(5))
    }

    pub fn organization_name_taken() -> Self {
        Self::new(
            Code::OrganizationNameTaken,
            "An organization with this name exists already.",
        )
    }

    pub fn email_taken() -> Self {
        Self::new(Code::EmailTaken, "An admin with this email exists already.")
    }

    pub fn email_recently_changed() -> Self {
        Self::new(
            Code::EmailRecentlyChanged,
            "The email was changed within the last 7 days, and the change can be undone. Try again after that.",
        )
    }

    pub fn request_in_flight() -> Self {
        Self::new(
            Code::RequestInFlight,
            "Send the same request again in a few seconds.",
        )
    }

    /// A repeated creation of an organization that has been deleted since.
    pub fn organization_deleted() -> Self {
        Self::new(
            Code::OrganizationDeleted,
            "The organization that this request created has been deleted. POST /org/restore may restore it.",
        )
    }

    /// The organization reached its daily limit of changes.
    pub fn quota_exceeded(wait: Duration) -> Self {
        Self::new(
            Code::QuotaExceeded,
            "The organization reached its daily limit of changes. Try again later.",
        )
        .retry_after(wait)
    }

    pub fn capacity_reached() -> Self {
        Self::new(
            Code::CapacityReached,
            "The service accepts no more organizations at the moment.",
        )
        .retry_after(Duration::from_secs(3600))
    }

    pub fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "The reason is in the service's log, under this request id.",
        )
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Renders the HTTP response. Existing headers of `response`, such as `Allow`, are kept.
    pub(crate) fn render(&self, request_id: &str, response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        let body = self.to_json(request_id);
        parts.headers.remove(CONTENT_LENGTH);
        parts
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(challenge) = self.challenge {
            parts
                .headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after {
            parts
                .headers
                .insert(RETRY_AFTER, wait.as_secs().max(1).into());
        }
        Response::from_parts(parts, body.into())
    }

    /// The response body.
    pub(crate) fn to_json(&self, request_id: &str) -> String {
        serde_json::to_string(&self.body(request_id)).unwrap_or_default()
    }

    fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            type_uri: format!("urn:problem-type:org-management:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            request_id,
            errors: &self.errors,
        }
    }
}

/// Passes the problem to [`crate::http`], which renders it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Vec<FieldError>> for Problem {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::validation(errors)
    }
}
