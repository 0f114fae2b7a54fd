//! `GET /health` as a Lambda function.

use shared::lambda;
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = lambda::start(&[])?;
    lambda::serve(&state, health::router(state.clone()).into()).await
}
