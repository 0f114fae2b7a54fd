//! The scheduled purge as a Lambda function.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::lambda;
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = lambda::start(&[])?;
    // The schedule's event has no relevant content.
    let purge =
        async |event: LambdaEvent<Value>| purge_organizations::purge(&state, &event.context).await;
    lambda::serve_events(&state, service_fn(purge)).await
}
