//! `GET /docs`, `/openapi.json` and `/health` as a Lambda function.

use shared::lambda;
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let app = lambda::start()?;
    lambda::serve(&app, None, api_docs::router(app.clone()).into()).await
}
