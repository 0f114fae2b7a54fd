//! `GET /docs` and `/openapi.json`: the API documentation. Also responds to unknown routes.

mod default_route;
mod document;
mod openapi_json;
mod swagger_ui;

use axum::routing::any;
use shared::config::ApiDocs;
use shared::problem::Problem;
use utoipa_axum::router::OpenApiRouter;

pub use default_route::unknown_route;
pub use document::base_document;

pub fn router(docs: ApiDocs) -> OpenApiRouter {
    let documented = match docs {
        ApiDocs::Enabled => openapi_json::router().merge(swagger_ui::router()),
        ApiDocs::Disabled => nothing(),
    };
    documented.merge(default_route::router())
}

/// Responds with 404 on the paths of the documentation.
fn nothing() -> OpenApiRouter {
    let not_found = || any(async || Problem::not_found());
    OpenApiRouter::new()
        .route("/docs", not_found())
        .route("/docs/{*file}", not_found())
        .route("/openapi.json", not_found())
}
