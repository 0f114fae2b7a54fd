//! `GET /`: what this service is, and where its documentation is.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use shared::version::version_and_commit;
use utoipa_axum::router::OpenApiRouter;

const PAGE: &str = include_str!("start_page.html");

/// The page has its style within it, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().route("/", get(start_page))
}

async fn start_page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, PAGE.replace("{version}", &version_and_commit()))
}
