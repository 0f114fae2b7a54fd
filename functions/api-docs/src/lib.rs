//! `GET /docs` and `/openapi.json`: what the service is; and the answer to what is not there.

mod default_route;
mod document;
mod openapi_json;
mod swagger_ui;

use utoipa_axum::router::OpenApiRouter;

pub use default_route::unknown_route;
pub use document::base_document;

pub fn router() -> OpenApiRouter {
    openapi_json::router()
        .merge(swagger_ui::router())
        .merge(default_route::router())
}
