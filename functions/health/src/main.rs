//! `GET /health` as a Lambda function.

use shared::lambda;
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let app = lambda::start()?;
    lambda::serve(&app, None, health::router(app.clone()).into()).await
}
