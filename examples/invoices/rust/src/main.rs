//! The function behind the product's API.

use std::sync::Arc;

use organization_service::product::{Secret, StartupError, serve, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = start(&[Secret::Signing])?;
    let base_path = std::env::var("BASE_PATH").unwrap_or_default();
    serve(&state, invoices::routes(&base_path, Arc::clone(&state))).await
}
