//! Rotation of the signing secret, in Secrets Manager's four steps.
//!
//! Each step may be repeated, and may run in another process than the step before. See
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>.

use std::time::Duration;

use mongodb::bson::DateTime;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::signing_secret::MIN_BYTES;
use crate::clock::before;
use crate::secrets::{CURRENT, PENDING, SecretError, SecretVersion, SecretsManager};

/// A version becomes the current one within this time of its creation, or never. Functions accept tokens of the old
/// version for six minutes after the creation, and sign with it for up to five minutes after the new one is current.
const MAX_PENDING: Duration = Duration::from_secs(45);

/// Random bytes of a new secret; it is written in twice as many hexadecimal digits.
const RANDOM_BYTES: usize = 32;

/// Secrets Manager's event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// ARN of the secret.
    pub secret_id: String,
    /// Id of the version that becomes the current one.
    pub client_request_token: String,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    CreateSecret,
    SetSecret,
    TestSecret,
    FinishSecret,
}

#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the system has no random bytes")]
    NoRandomness,
    #[error("version {0} is not staged as AWSPENDING")]
    NotPending(String),
    #[error(
        "version {0} was created too long ago to become the current one; its label AWSPENDING is removed. Start the \
         rotation again: aws secretsmanager rotate-secret"
    )]
    TooLate(String),
    #[error("the new secret has {0} bytes; it needs at least {MIN_BYTES}")]
    TooShort(usize),
}

/// Runs one step.
pub async fn rotate(secrets: &SecretsManager, event: &RotationEvent) -> Result<(), RotationError> {
    let (id, version) = (&event.secret_id, &event.client_request_token);
    let stages = secrets.stages(id).await?;
    let has = |label: &str| {
        let labels = stages.get(version);
        labels.is_some_and(|labels| labels.iter().any(|found| found == label))
    };
    if has(CURRENT) {
        // An earlier delivery of the event did this, perhaps not completely.
        return match has(PENDING) {
            true => Ok(secrets.move_stage(id, PENDING, Some(version), None).await?),
            false => Ok(()),
        };
    }
    if !has(PENDING) {
        return Err(RotationError::NotPending(version.clone()));
    }
    match event.step {
        Step::CreateSecret => create(secrets, id, version).await,
        // Functions read the secret from Secrets Manager. No other system needs it.
        Step::SetSecret => Ok(()),
        Step::TestSecret => test(secrets, id, version).await.map(drop),
        Step::FinishSecret => {
            let pending = test(secrets, id, version).await?;
            if is_too_old(&pending) {
                secrets.move_stage(id, PENDING, Some(version), None).await?;
                return Err(RotationError::TooLate(version.clone()));
            }
            let current = stages
                .iter()
                .find(|(_, labels)| labels.iter().any(|label| label == CURRENT));
            let current = current.map(|(version, _)| version.as_str());
            secrets
                .move_stage(id, CURRENT, current, Some(version))
                .await?;
            Ok(secrets.move_stage(id, PENDING, Some(version), None).await?)
        }
    }
}

fn is_too_old(pending: &SecretVersion) -> bool {
    let oldest = before(DateTime::now(), MAX_PENDING);
    pending
        .created_at
        .is_some_and(|created_at| created_at < oldest)
}

async fn create(secrets: &SecretsManager, id: &str, version: &str) -> Result<(), RotationError> {
    if secrets.pending(id, version).await?.is_some() {
        return Ok(());
    }
    let mut bytes = [0_u8; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RotationError::NoRandomness)?;
    let value = hex::encode(bytes).into();
    Ok(secrets.put_pending(id, version, value).await?)
}

async fn test(
    secrets: &SecretsManager,
    id: &str,
    version: &str,
) -> Result<SecretVersion, RotationError> {
    let pending = secrets.pending(id, version).await?;
    let pending = pending.ok_or_else(|| RotationError::NotPending(version.to_owned()))?;
    match pending.value.expose_secret().len() {
        bytes if bytes < MIN_BYTES => Err(RotationError::TooShort(bytes)),
        _ => Ok(pending),
    }
}
