//! The routes of `lib.rs` as a Lambda function.

use shared::lambda::{self, Secret};
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = lambda::start(&[Secret::Signing, Secret::Pepper])?;
    let router = admin_login::router(state.clone());
    lambda::serve(&state, router.into()).await
}
