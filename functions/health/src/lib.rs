//! `GET /health`: whether the service is operational.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::problem::Problem;
use shared::state::AppState;
use shared::version::{COMMIT, VERSION};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(check_health))
        .with_state(state)
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: HealthStatus,
    /// Version of the service
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Commit that was built. Absent if the build did not set SOURCE_COMMIT
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "4f2a9c1", nullable = false)]
    commit: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    Ok,
}

/// Check the service's health
///
/// Includes a read of both databases.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses(
        (status = OK, description = "The service is healthy", body = Health),
        (status = TOO_MANY_REQUESTS, description = "Too many requests; from API Gateway, without a problem body")
    )
)]
async fn check_health(State(state): State<Arc<AppState>>) -> Result<Json<Health>, Problem> {
    state.mongo.probe().await?;
    Ok(Json(Health {
        status: HealthStatus::Ok,
        version: VERSION,
        commit: COMMIT,
    }))
}
