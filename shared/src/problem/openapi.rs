//! Problems in the OpenAPI document: one response per status, with one generated example per code.

use std::collections::BTreeMap;
use std::time::Duration;

use utoipa::PartialSchema;
use utoipa::openapi::{Content, RefOr, ResponseBuilder, example::ExampleBuilder};

use super::{Code, PROBLEM_JSON, Problem};
use crate::values::FieldError;

/// OpenAPI responses for a set of problems: one per status, with each problem as the example of its code.
pub fn openapi_responses(
    problems: &[Problem],
) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let mut by_status: BTreeMap<u16, Vec<&Problem>> = BTreeMap::new();
    for problem in problems {
        let status = problem.code.status().as_u16();
        by_status.entry(status).or_default().push(problem);
    }
    by_status
        .into_iter()
        .map(|(status, problems)| (status.to_string(), openapi_response(&problems).into()))
        .collect()
}

fn openapi_response(problems: &[&Problem]) -> utoipa::openapi::Response {
    let mut content = Content::new(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name(
        "Problem",
    ))));
    for problem in problems {
        let example = ExampleBuilder::new()
            .summary(problem.code.title())
            .value(serde_json::to_value(problem.body("JKJaXmPLvHcESHA=")).ok());
        content
            .examples
            .insert(problem.code.as_str().to_owned(), example.build().into());
    }
    let titles: Vec<_> = problems
        .iter()
        .map(|problem| problem.code.title())
        .collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join("; "))
        .content(PROBLEM_JSON, content);
    if problems.iter().any(|problem| problem.retry_after.is_some()) {
        let header = utoipa::openapi::HeaderBuilder::new()
            .schema(Some(u32::schema()))
            .description(Some("Seconds to wait before trying again"));
        response = response.header("Retry-After", header.build());
    }
    if problems.iter().any(|problem| problem.challenge.is_some()) {
        let header = utoipa::openapi::HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some("How to authenticate (RFC 6750)"));
        response = response.header("WWW-Authenticate", header.build());
    }
    response.build()
}

impl Problem {
    /// The default example of a code. Routes with a different response supply their own.
    pub fn example(code: Code) -> Self {
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
            Code::TooManyAttempts => Self::new(code, "Wait before the next attempt.")
                .retry_after(Duration::from_secs(60)),
            Code::MalformedRequest => {
                Self::malformed("The body is invalid JSON at line 1, column 1.")
            }
            Code::OrganizationNameTaken => Self::organization_name_taken(),
            Code::EmailTaken => Self::email_taken(),
            Code::OrganizationDeleted => Self::organization_deleted(),
            Code::QuotaExceeded => Self::quota_exceeded(Duration::from_secs(3600)),
            Code::PayloadTooLarge => Self::new(code, "The body must have at most 16 KiB."),
            Code::UnsupportedMediaType => {
                Self::new(code, "The body must be application/json in UTF-8.")
            }
            Code::InvalidToken => Self::invalid_token("The token has expired."),
            Code::RequestInFlight => Self::request_in_flight(),
            Code::IdempotencyKeyReused => {
                Self::new(code, "The key was used with other values of the fields.")
            }
        }
    }
}

/// Defines a type that lists problems as the responses of an OpenAPI operation. Takes codes, each optionally with
/// `= <problem>` to replace the default example.
#[macro_export]
macro_rules! problem_responses {
    ($(#[$doc:meta])* $name:ident: $($code:ident $(= $example:expr)?),+ $(,)?) => {
        $(#[$doc])*
        struct $name;
        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::problem::openapi_responses(&[$($crate::problem_responses!(@example $code $($example)?)),+])
            }
        }
    };
    (@example $code:ident) => {
        $crate::problem::Problem::example($crate::problem::Code::$code)
    };
    (@example $code:ident $example:expr) => {
        $example
    };
}
