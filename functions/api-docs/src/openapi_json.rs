//! `GET /openapi.json`: the OpenAPI document.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

/// The document of all functions, generated from their code. A test of the local server, which has all functions,
/// checks that it is up to date.
pub const DOCUMENT: &str = include_str!("../openapi.json");

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().route("/openapi.json", get(openapi_json))
}

async fn openapi_json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
