//! Every error the API answers with: RFC 9457 problem details, one stable `code` each.
//!
//! A [`Problem`] is raised anywhere with `?`. It becomes a body in one place, [`crate::http`], where the
//! request's id is known.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{Content, RefOr, ResponseBuilder, example::ExampleBuilder};
use utoipa::{PartialSchema, ToSchema};

/// The media type of an error's body (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as a handler raises it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// `WWW-Authenticate` (RFC 6750, section 3).
    challenge: Option<&'static str>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field in the request's body.
    #[schema(example = "password")]
    pub field: &'static str,
    /// Stable and snake_case, for programs.
    #[schema(example = "too_short")]
    pub code: &'static str,
    /// For people.
    #[schema(example = "must have at least 8 characters")]
    pub message: String,
}

/// The body of every error answer (RFC 9457).
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
    /// What happened this time, for people.
    detail: &'a str,
    /// Stable and snake_case, for programs.
    code: &'a str,
    /// Quote it when you report a fault; the service's logs carry it too.
    request_id: &'a str,
    /// Only where `code` is `validation_failed`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
}

/// The kinds of problems. Their names are part of the API: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    MalformedRequest,
    InvalidCredentials,
    InvalidToken,
    NotFound,
    MethodNotAllowed,
    OrganizationNameTaken,
    EmailTaken,
    RequestInFlight,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    TooManyAttempts,
    InternalError,
    ServiceUnavailable,
    CapacityReached,
}

impl Code {
    /// Status, code and title: the table of the API's errors.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (
                S::BAD_REQUEST,
                "malformed_request",
                "The request cannot be read",
            ),
            Self::InvalidCredentials => (
                S::UNAUTHORIZED,
                "invalid_credentials",
                "Email or password is wrong",
            ),
            Self::InvalidToken => (
                S::UNAUTHORIZED,
                "invalid_token",
                "The bearer token is missing or refused",
            ),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing here"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
            ),
            Self::OrganizationNameTaken => (
                S::CONFLICT,
                "organization_name_taken",
                "The organization's name is taken",
            ),
            Self::EmailTaken => (S::CONFLICT, "email_taken", "The email is taken"),
            Self::RequestInFlight => (
                S::CONFLICT,
                "request_in_flight",
                "A request with this Idempotency-Key is in flight",
            ),
            Self::PayloadTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The media type is not supported",
            ),
            Self::ValidationFailed => (
                S::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "A field has a wrong value",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key belongs to another request",
            ),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts",
            ),
            Self::InternalError => (
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "The service made a mistake",
            ),
            Self::ServiceUnavailable => (
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "The service is not available right now",
            ),
            Self::CapacityReached => (
                S::SERVICE_UNAVAILABLE,
                "capacity_reached",
                "No more organizations can be taken in",
            ),
        }
    }

    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    pub const fn as_str(self) -> &'static str {
        self.row().1
    }

    const fn title(self) -> &'static str {
        self.row().2
    }
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            challenge: None,
        }
    }

    /// A request that cannot be read; `detail` must not repeat what the request held.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::MalformedRequest, detail)
    }

    /// Fields that can be read and have a wrong value, all of them at once.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(Code::ValidationFailed, "See `errors` for each field.")
        }
    }

    /// Unknown email, wrong password and disabled account look the same.
    pub fn invalid_credentials() -> Self {
        Self::new(
            Code::InvalidCredentials,
            "No active admin has this email and password.",
        )
    }

    /// No token came: the answer says how to send one, and nothing more (RFC 6750, section 3.1).
    pub fn missing_token() -> Self {
        Self {
            challenge: Some("Bearer"),
            ..Self::new(
                Code::InvalidToken,
                "Send `Authorization: Bearer` with an access token.",
            )
        }
    }

    pub fn invalid_token(detail: impl Into<String>) -> Self {
        Self {
            challenge: Some("Bearer error=\"invalid_token\""),
            ..Self::new(Code::InvalidToken, detail)
        }
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "See /openapi.json for what there is.")
    }

    /// The answer's header `Allow` says which methods are.
    pub fn method_not_allowed() -> Self {
        Self::new(
            Code::MethodNotAllowed,
            "See `Allow` for the methods of this path.",
        )
    }

    /// A dependency is down or too slow. The reason belongs into the log, not into the answer.
    pub fn unavailable() -> Self {
        Self::new(
            Code::ServiceUnavailable,
            "Please try again in a few seconds.",
        )
        .retry_after(Duration::from_secs(5))
    }

    pub fn organization_name_taken() -> Self {
        Self::new(
            Code::OrganizationNameTaken,
            "An organization of this name exists already.",
        )
    }

    pub fn email_taken() -> Self {
        Self::new(Code::EmailTaken, "This email belongs to an admin already.")
    }

    pub fn request_in_flight() -> Self {
        Self::new(
            Code::RequestInFlight,
            "Please send the same request again in a moment.",
        )
    }

    pub fn capacity_reached() -> Self {
        Self::new(
            Code::CapacityReached,
            "The service takes in no more organizations for now.",
        )
        .retry_after(Duration::from_secs(3600))
    }

    pub fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "The fault is logged under this request's id.",
        )
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer as it goes out. Headers that `response` has already (`Allow`, say) stay.
    pub(crate) fn render(&self, request_id: &str, response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        let body = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
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

/// Carries the problem to [`crate::http`], which renders it.
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

/// A MongoDB error that nobody expected: the operator reads its kind, the caller that the service is away.
impl From<mongodb::error::Error> for Problem {
    fn from(error: mongodb::error::Error) -> Self {
        crate::mongo::log_error(&error);
        Self::unavailable()
    }
}

/// OpenAPI responses for a set of problems: one per status, with one example per code.
pub fn openapi_responses(codes: &[Code]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status
            .entry(code.status().as_u16())
            .or_default()
            .push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), openapi_response(&codes).into()))
        .collect()
}

fn openapi_response(codes: &[Code]) -> utoipa::openapi::Response {
    let mut content = Content::new(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(
        "Problem",
    ))));
    for code in codes {
        let problem = Problem::example(*code);
        let example = ExampleBuilder::new()
            .summary(code.title())
            .value(serde_json::to_value(problem.body("JKJaXmPLvHcESHA=")).ok());
        content
            .examples
            .insert(code.as_str().to_owned(), example.build().into());
    }
    let titles: Vec<_> = codes.iter().map(|code| code.title()).collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join("; "))
        .content(PROBLEM_JSON, content);
    if codes
        .iter()
        .any(|code| Problem::example(*code).retry_after.is_some())
    {
        let header = utoipa::openapi::HeaderBuilder::new()
            .schema(Some(u32::schema()))
            .description(Some("Seconds to wait before trying again"));
        response = response.header("Retry-After", header.build());
    }
    if codes.contains(&Code::InvalidToken) {
        let header = utoipa::openapi::HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some("How to authenticate (RFC 6750)"));
        response = response.header("WWW-Authenticate", header.build());
    }
    response.build()
}

impl Problem {
    fn example(code: Code) -> Self {
        match code {
            Code::ValidationFailed => Self::validation(vec![FieldError {
                field: "password",
                code: "too_short",
                message: "must have at least 8 characters".to_owned(),
            }]),
            Code::InvalidCredentials => Self::invalid_credentials(),
            Code::NotFound => Self::not_found(),
            Code::MethodNotAllowed => Self::method_not_allowed(),
            Code::InternalError => Self::internal(),
            Code::ServiceUnavailable => Self::unavailable(),
            Code::CapacityReached => Self::capacity_reached(),
            Code::TooManyAttempts => {
                Self::new(code, "Please try again later.").retry_after(Duration::from_secs(60))
            }
            Code::MalformedRequest => Self::malformed("The body has a missing field `email`."),
            Code::OrganizationNameTaken => Self::organization_name_taken(),
            Code::EmailTaken => Self::email_taken(),
            Code::PayloadTooLarge => Self::new(code, "The body must have at most 16 KiB."),
            Code::UnsupportedMediaType => {
                Self::new(code, "The body must come as application/json, in UTF-8.")
            }
            Code::InvalidToken => Self::invalid_token("The token has expired."),
            Code::RequestInFlight => Self::request_in_flight(),
            Code::IdempotencyKeyReused => {
                Self::new(code, "The key was used with other values of the fields.")
            }
        }
    }
}

/// Makes a type that lists problems as the responses of an OpenAPI operation.
#[macro_export]
macro_rules! problem_responses {
    ($(#[$doc:meta])* $name:ident: $($code:ident),+ $(,)?) => {
        $(#[$doc])*
        struct $name;
        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::problem::openapi_responses(&[$($crate::problem::Code::$code),+])
            }
        }
    };
}
