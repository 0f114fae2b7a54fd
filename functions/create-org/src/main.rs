//! `POST /org/create` as a Lambda function.

use shared::lambda::{self, Secret};
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = lambda::start(&[Secret::Pepper])?;
    lambda::serve(&state, create_org::router(state.clone()).into()).await
}
