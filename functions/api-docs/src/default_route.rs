//! API Gateway's `$default` route: requests that match no other route.
//!
//! They may be for a path of any function. The document of all functions shows whether the path has other methods, or
//! does not exist.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::problem::{Code, Problem};
use utoipa_axum::router::OpenApiRouter;

use crate::PAGES;
use crate::openapi_json::DOCUMENT;

const NO_CORS: &str = "CORS is off, so no page of another origin can call this API. The setting CORS_ALLOWED_ORIGINS (on AWS \
    the parameter CorsAllowedOrigins) turns it on.";

#[derive(Default, Deserialize)]
struct Document {
    /// By path, and then by method in lower case.
    paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

static KNOWN: LazyLock<Document> =
    LazyLock::new(|| serde_json::from_str(DOCUMENT).unwrap_or_default());

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().route("/{*path}", any(unknown_route))
}

/// 405 with the methods of the path, or 404 if there is no such path. The local server uses it too.
pub async fn unknown_route(request: Request) -> Response {
    let mut allowed = methods(request.uri().path());
    if allowed.is_empty() {
        return Problem::not_found().into_response();
    }
    // HEAD is not in the document. It is handled like GET, without the body.
    if allowed.iter().any(|method| method == "GET") {
        allowed.push("HEAD".to_owned());
    }
    let problem = match is_preflight(&request) {
        true => Problem::new(Code::MethodNotAllowed, NO_CORS),
        false => Problem::method_not_allowed(),
    };
    ([(ALLOW, allowed.join(","))], problem).into_response()
}

/// Where CORS is configured, no preflight request gets here.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The methods of a path, HEAD excepted. Empty if there is no such path.
fn methods(path: &str) -> Vec<String> {
    if PAGES.iter().any(|page| matches(page, path)) {
        return vec!["GET".to_owned()];
    }
    let mut documented = KNOWN.paths.iter();
    let found = documented.find(|(template, _)| matches(template, path));
    let methods = found.into_iter().flat_map(|(_, methods)| methods.keys());
    methods.map(|method| method.to_uppercase()).collect()
}

/// Whether `path` matches `template`. `{name}` matches one segment.
fn matches(template: &str, path: &str) -> bool {
    let (mut expected, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {}
            (Some(name), Some(segment)) if name == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_matches_one_segment() {
        assert!(matches("/docs/{file}", "/docs/index.css"));
        for path in ["/docs", "/docs/", "/docs/a/b", "/other/a"] {
            assert!(!matches("/docs/{file}", path), "{path}");
        }
        assert!(matches("/org/create", "/org/create") && !matches("/org/create", "/org/created"));
    }
}
