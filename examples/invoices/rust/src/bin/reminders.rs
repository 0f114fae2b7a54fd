//! The scheduled function that reminds of old drafts.

use organization_service::product::{StartupError, serve_job, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = start(&[])?;
    serve_job(&state, invoices::reminders::remind).await
}
