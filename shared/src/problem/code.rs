//! The kinds of problems: the table of the API's errors.

use axum::http::StatusCode;

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
    OrganizationDeleted,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    TooManyAttempts,
    QuotaExceeded,
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
            Self::OrganizationDeleted => (
                S::CONFLICT,
                "organization_deleted",
                "The organization is deleted",
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
            Self::QuotaExceeded => (
                S::TOO_MANY_REQUESTS,
                "quota_exceeded",
                "The organization's quota is used up",
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

    pub(super) const fn title(self) -> &'static str {
        self.row().2
    }
}
