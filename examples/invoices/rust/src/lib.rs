//! Invoices of an organization: a product on the organization service.

pub mod invoices;
pub mod ledger;
pub mod page;
pub mod reminders;

use std::sync::Arc;

use organization_service::product::AppState;
use organization_service::product::axum::Router;
use organization_service::product::axum::routing::{get, post};

/// The routes, below a path such as `/erp` or none.
pub fn routes(base_path: &str, state: Arc<AppState>) -> Router {
    let at = |path: &str| format!("{base_path}{path}");
    Router::new()
        .route(&at("/invoices"), post(invoices::add).get(invoices::list))
        .route(&at("/invoices/{id}/post"), post(invoices::post))
        .route(&at("/drafts"), get(invoices::list_drafts))
        .route(&at("/ledger"), get(ledger::show))
        .with_state(state)
        .merge(page::routes(base_path))
}
