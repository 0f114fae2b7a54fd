//! `GET /reset-password`: the page that a mail's link opens, until the product has pages of its own.
//!
//! The token is behind `#`, which the browser does not send. Opening the page consumes nothing: its script sends the token
//! with the form.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

const RESET_PASSWORD: &str = include_str!("reset_password.html");
const SCRIPT: &str = include_str!("link_pages.js");

/// Style within the page, the one script of this service, and calls to this service.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/reset-password", get(async || page(RESET_PASSWORD)))
        .route("/link-pages.js", get(script))
}

fn page(html: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html)
}

async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}
