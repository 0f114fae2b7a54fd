//! `GET /health` as a Lambda function.

use shared::lambda::{self, Pepper};
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let app = lambda::start(Pepper::Unused)?;
    lambda::serve(&app, None, health::router(app.clone()).into()).await
}
