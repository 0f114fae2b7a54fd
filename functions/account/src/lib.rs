//! `/admin`, `/admin/email` and `/admin/password`, with the way back in: the admin's own account.

mod email;
mod examples;
mod password;
mod password_reset;
mod profile;

use std::sync::Arc;

use shared::state::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(profile::show_admin, profile::change_profile))
        .routes(routes!(password::change_password))
        .routes(routes!(password_reset::forgot_password))
        .routes(routes!(password_reset::reset_password))
        .routes(routes!(email::request_email))
        .routes(routes!(email::verify_email))
        .routes(routes!(email::undo_email_change))
        .with_state(state)
}
