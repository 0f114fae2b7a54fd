//! `GET /docs`, `/openapi.json` and `/health`: what the service is, and whether it is there; and the answer
//! to what is not.

mod default_route;
mod document;
mod health;
mod openapi_json;
mod swagger_ui;

use std::sync::Arc;

use shared::app::App;
use utoipa_axum::router::OpenApiRouter;

pub use document::base_document;

pub fn router(app: Arc<App>) -> OpenApiRouter {
    health::router(app)
        .merge(openapi_json::router())
        .merge(swagger_ui::router())
        .merge(default_route::router())
}
