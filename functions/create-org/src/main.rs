//! `POST /org/create` as a Lambda function.

use shared::lambda::{self, Pepper};
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let app = lambda::start(Pepper::Required)?;
    lambda::serve(&app, None, create_org::router(app.clone()).into()).await
}
