//! The scheduled purge as a Lambda function.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::lambda::{self, Pepper};
use shared::start::StartRefused;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let app = lambda::start(Pepper::Unused)?;
    // What the schedule sends says nothing.
    let purge =
        async |event: LambdaEvent<Value>| purge_organizations::purge(&app, &event.context).await;
    lambda::serve_events(&app, None, service_fn(purge)).await
}
