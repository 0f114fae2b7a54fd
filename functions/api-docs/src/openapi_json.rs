//! `GET /openapi.json`: the OpenAPI document.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The document of all functions, generated from their code. A test of the local server, which has all functions,
/// checks that it is up to date.
pub const DOCUMENT: &str = include_str!("../openapi.json");

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(openapi_json))
}

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = OK, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
async fn openapi_json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
