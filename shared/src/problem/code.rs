//! The API's error codes.

use axum::http::StatusCode;

use crate::values::is_product_name;

/// Kinds of problems. Their names are part of the API: names may be added, but never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    MalformedRequest,
    InvalidCredentials,
    InvalidToken,
    InvalidOneTimeToken,
    MailDisabled,
    NotFound,
    SessionNotFound,
    MethodNotAllowed,
    OrganizationNameTaken,
    EmailTaken,
    EmailRecentlyChanged,
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
    /// A kind of problem that a product has.
    Product(&'static ProductCode),
}

/// A kind of problem of a product.
///
/// ```
/// use shared::problem::{Problem, ProductCode};
///
/// static NOT_A_DRAFT: ProductCode =
///     ProductCode::new(409, "invoices.not_a_draft", "The invoice is not a draft");
///
/// fn refuse() -> Problem {
///     Problem::new(&NOT_A_DRAFT, "The invoice has been posted already.")
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct ProductCode {
    status: u16,
    code: &'static str,
    title: &'static str,
}

impl ProductCode {
    /// `code` is `<product>.<kind of problem>`, each 1 to 60 of `a-z`, `0-9` and `_`, the first one a letter.
    ///
    /// # Panics
    ///
    /// If `status` is not that of an error, 400 to 599, or `code` has another form. In a `static`, this does not compile.
    pub const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        assert!(
            is_product_name(code),
            "a product's code is <product>.<kind of problem>"
        );
        assert!(
            400 <= status && status <= 599,
            "the status of a problem is 400 to 599"
        );
        Self {
            status,
            code,
            title,
        }
    }

    const fn status(&self) -> StatusCode {
        match StatusCode::from_u16(self.status) {
            Ok(status) => status,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<&'static ProductCode> for Code {
    fn from(code: &'static ProductCode) -> Self {
        Self::Product(code)
    }
}

impl Code {
    /// Status, code and title of each kind.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (
                S::BAD_REQUEST,
                "malformed_request",
                "The request is malformed",
            ),
            Self::InvalidCredentials => (
                S::UNAUTHORIZED,
                "invalid_credentials",
                "The email or password is wrong",
            ),
            Self::InvalidToken => (
                S::UNAUTHORIZED,
                "invalid_token",
                "The token is missing or invalid",
            ),
            Self::InvalidOneTimeToken => (
                S::BAD_REQUEST,
                "invalid_one_time_token",
                "The link is invalid or has expired",
            ),
            Self::MailDisabled => (S::NOT_FOUND, "mail_disabled", "The service sends no mail"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            Self::SessionNotFound => (
                S::NOT_FOUND,
                "session_not_found",
                "The session does not exist",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method not allowed",
            ),
            Self::OrganizationNameTaken => (
                S::CONFLICT,
                "organization_name_taken",
                "The organization's name is taken",
            ),
            Self::EmailTaken => (S::CONFLICT, "email_taken", "The email is taken"),
            Self::EmailRecentlyChanged => (
                S::CONFLICT,
                "email_recently_changed",
                "The email was changed recently",
            ),
            Self::RequestInFlight => (
                S::CONFLICT,
                "request_in_flight",
                "A request with this Idempotency-Key is in progress",
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
                "A field is invalid",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key was used for another request",
            ),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts",
            ),
            Self::QuotaExceeded => (
                S::TOO_MANY_REQUESTS,
                "quota_exceeded",
                "The organization's quota is exceeded",
            ),
            Self::InternalError => (
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "Internal server error",
            ),
            Self::ServiceUnavailable => (
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "Service unavailable",
            ),
            Self::CapacityReached => (
                S::SERVICE_UNAVAILABLE,
                "capacity_reached",
                "Capacity reached",
            ),
            Self::Product(product) => (product.status(), product.code, product.title),
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
