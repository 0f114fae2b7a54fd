//! Rotates the signing secret, in the steps that Secrets Manager requests.

use lambda_runtime::{LambdaEvent, service_fn};
use shared::lambda::{self, InvocationError};
use shared::secrets::SecretsManager;
use shared::start::StartupError;
use shared::tokens::{RotationEvent, rotate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    lambda::start_without_mongodb(|_| ())?;
    let secrets = SecretsManager::default();
    let step = async |event: LambdaEvent<RotationEvent>| -> Result<(), InvocationError> {
        Ok(rotate(&secrets, &event.payload).await?)
    };
    lambda::serve_events_without_state(service_fn(step)).await
}
