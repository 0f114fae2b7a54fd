//! What every operation of the OpenAPI document has: its problems (one response per status, with one generated example per
//! code), the header `x-request-id`, and its security.

use std::collections::BTreeMap;
use std::time::Duration;

use utoipa::PartialSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{Content, HeaderBuilder, OpenApi, Ref, RefOr, Response};

use super::{Code, PROBLEM_JSON, Problem};
use crate::values::FieldError;

/// Name of the component that describes the header `x-request-id`.
const REQUEST_ID: &str = "RequestId";

/// OpenAPI responses for a set of problems: one per status, with each problem as the example of its code.
pub fn openapi_responses(problems: &[Problem]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = BTreeMap::new();
    for problem in problems {
        add(&mut responses, problem);
    }
    responses
}

/// Completes the document with what every operation of its kind has, whatever its handler does: the problems of the body,
/// of parameters and of the token, 500 and 503, the header `x-request-id`, and an empty `security` where no token is
/// required. Handlers list only their own problems.
pub fn complete_document(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let request_id = HeaderBuilder::new()
        .schema(Some(String::schema()))
        .description(Some(
            "The request's id. The service's log has it, and so has `request_id` of a problem.",
        ))
        .build();
    components
        .headers
        .insert(REQUEST_ID.to_owned(), request_id.into());
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            operation.security.get_or_insert_default();
            for problem in common_problems(operation) {
                add(&mut operation.responses.responses, &problem);
            }
            for (status, response) in &mut operation.responses.responses {
                // API Gateway also sends 429, without this header.
                if let (RefOr::T(response), false) = (response, status == "429") {
                    let header = Ref::new(format!("#/components/headers/{REQUEST_ID}"));
                    let name = "x-request-id".to_owned();
                    response.headers.insert(name, RefOr::Ref(header));
                }
            }
        }
    }
}

fn common_problems(operation: &Operation) -> Vec<Problem> {
    let mut problems = Vec::new();
    if operation.request_body.is_some() {
        let of_body = [
            Code::MalformedRequest,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
        ];
        problems.extend(of_body.map(Problem::example));
    }
    let mut parameters = operation.parameters.iter().flatten();
    let is_of_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
    if parameters.any(is_of_query) {
        problems.push(Problem::malformed_query());
    }
    if operation.security.iter().any(|schemes| !schemes.is_empty()) {
        problems.push(Problem::example(Code::InvalidToken));
    }
    problems.extend([Code::InternalError, Code::ServiceUnavailable].map(Problem::example));
    problems
}

/// Adds the problem to the response of its status, unless there is an example of its code.
fn add(responses: &mut BTreeMap<String, RefOr<Response>>, problem: &Problem) {
    let status = problem.code.status().as_str().to_owned();
    let response = responses
        .entry(status)
        .or_insert_with(|| Response::new("").into());
    let RefOr::T(response) = response else { return };
    let schema = || Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).into();
    let content = response.content.entry(PROBLEM_JSON.to_owned());
    let RefOr::T(content) = content.or_insert_with(schema) else {
        return;
    };
    let examples = &mut content.examples;
    if examples.contains_key(problem.code.as_str()) {
        return;
    }
    let example = ExampleBuilder::new()
        .summary(problem.code.title())
        .value(serde_json::to_value(problem.body("JKJaXmPLvHcESHA=")).ok());
    examples.insert(problem.code.as_str().to_owned(), example.build().into());
    if !response.description.is_empty() {
        response.description.push_str("; ");
    }
    response.description.push_str(problem.code.title());
    if problem.retry_after.is_some() {
        let header = HeaderBuilder::new()
            .schema(Some(u32::schema()))
            .description(Some("Seconds to wait before trying again"));
        response
            .headers
            .insert("Retry-After".to_owned(), header.build().into());
    }
    if problem.challenge.is_some() {
        let header = HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some("How to authenticate (RFC 6750)"));
        response
            .headers
            .insert("WWW-Authenticate".to_owned(), header.build().into());
    }
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
            Code::InvalidOneTimeToken => Self::invalid_one_time_token(),
            Code::MailDisabled => Self::mail_disabled(),
            Code::EmailRecentlyChanged => Self::email_recently_changed(),
            Code::SessionNotFound => Self::session_not_found(),
            Code::OrganizationDeleted => Self::organization_deleted(),
            Code::QuotaExceeded => Self::quota_exceeded(Duration::from_secs(3600)),
            Code::PayloadTooLarge => Self::new(code, "The body must have at most 16 KiB."),
            Code::UnsupportedMediaType => {
                Self::new(code, "The body must be application/json in UTF-8.")
            }
            Code::InvalidToken => Self::invalid_token("The token has expired."),
            Code::RequestInFlight => Self::request_in_flight(),
            Code::Product(_) => Self::new(code, format!("{}.", code.title())),
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
