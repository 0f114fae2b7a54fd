//! `GET /docs` and `/openapi.json` as a Lambda function.

use shared::lambda;
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    lambda::start_log()?;
    lambda::run(lambda::handler(api_docs::router().into())).await
}
