//! `/admin` and `POST /admin/password`: the admin's own account.

mod password;
mod profile;

use std::sync::Arc;

use shared::state::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(profile::show_admin, profile::change_profile))
        .routes(routes!(password::change_password))
        .with_state(state)
}
