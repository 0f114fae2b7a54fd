//! `/admin/password` and `/admin/email`: what an admin changes with a password or with the token of a mailed link.

mod email;
mod examples;
mod password;
mod password_reset;

use std::sync::Arc;

use shared::state::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(password::change_password))
        .routes(routes!(password_reset::reset_password))
        .routes(routes!(email::request_email))
        .routes(routes!(email::undo_email_change))
        .with_state(state)
}
