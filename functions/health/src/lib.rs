//! `GET /health`: whether the service is operational.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::problem::Problem;
use shared::state::AppState;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(health))
        .with_state(state)
}

#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Check the service's health
///
/// Includes a read of both databases.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses((status = OK, description = "The service is healthy", body = Health))
)]
async fn health(State(state): State<Arc<AppState>>) -> Result<Json<Health>, Problem> {
    state.mongo.probe().await?;
    Ok(Json(Health { status: "ok" }))
}
