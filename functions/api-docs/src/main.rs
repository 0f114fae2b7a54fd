//! `GET /docs` and `/openapi.json` as a Lambda function.

use shared::lambda;
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    lambda::start_log()?;
    lambda::serve_alone(api_docs::router().into()).await
}
