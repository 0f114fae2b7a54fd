//! `GET /`, `/docs` and `/openapi.json` as a Lambda function.

use shared::config::ApiDocs;
use shared::lambda;
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let api_docs = lambda::start_without_mongodb(ApiDocs::read)?;
    lambda::serve_without_state(api_docs::router(api_docs).into()).await
}
