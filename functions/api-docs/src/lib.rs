//! `GET /`, `/docs` and `/openapi.json`: the API documentation. Also the pages that links in mails open, and the response to
//! unknown routes.

mod default_route;
mod document;
mod link_pages;
mod openapi_json;
mod start_page;
mod swagger_ui;

use axum::routing::any;
use shared::config::ApiDocs;
use shared::problem::Problem;
use utoipa_axum::router::OpenApiRouter;

pub use default_route::unknown_route;
pub use document::base_document;

/// Paths of the documentation, which a setting can remove.
const DOCUMENTATION: [&str; 4] = ["/", "/docs", "/docs/{file}", "/openapi.json"];

/// Paths that the OpenAPI document does not have. Each has GET.
pub const PAGES: [&str; 8] = [
    "/",
    "/docs",
    "/docs/{file}",
    "/openapi.json",
    "/reset-password",
    "/verify-email",
    "/undo-email-change",
    "/link-pages.js",
];

pub fn router(docs: ApiDocs) -> OpenApiRouter {
    let documented = match docs {
        ApiDocs::Enabled => openapi_json::router()
            .merge(swagger_ui::router())
            .merge(start_page::router()),
        ApiDocs::Disabled => nothing(),
    };
    documented
        .merge(link_pages::router())
        .merge(default_route::router())
}

/// Responds with 404 on the paths of the documentation.
fn nothing() -> OpenApiRouter {
    let not_found = || any(async || Problem::not_found());
    let router = OpenApiRouter::new().route("/docs/", not_found());
    DOCUMENTATION
        .iter()
        .fold(router, |router, page| router.route(page, not_found()))
}
