//! `POST /admin/password` as a Lambda function.

use shared::lambda::{self, Pepper};
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let (app, tokens) = lambda::start_with_tokens(Pepper::Required)?;
    let router = admin_password::router(app.clone(), tokens.clone());
    lambda::serve(&app, Some(&tokens), router.into()).await
}
