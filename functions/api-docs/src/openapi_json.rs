//! `GET /openapi.json`: the API, for programs.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The document of all functions together, made from their code. A test of the local server, which knows
/// them all, keeps it equal.
pub const DOCUMENT: &str = include_str!("../openapi.json");

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(openapi_json))
}

shared::problem_responses!(Problems: InternalError);

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = OK, description = "OpenAPI 3.1", body = Object, content_type = "application/json"), Problems)
)]
async fn openapi_json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
