//! Rotation of the signing secret: the four steps in which Secrets Manager asks for it.
//!
//! Each step may be repeated, and done by another process than the one before. See
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>.

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::signing_secret::MIN_BYTES;
use crate::secrets::{CURRENT, PENDING, SecretError, SecretsManager};

/// Random bytes of a new secret; it is written in twice as many hexadecimal digits.
const RANDOM_BYTES: usize = 32;

/// What Secrets Manager sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// ARN of the secret.
    pub secret_id: String,
    /// Id of the version that is to become the current one.
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
    #[error("there is no randomness")]
    NoRandomness,
    #[error("version {0} is not the one that a rotation prepares")]
    NotPending(String),
    #[error("the new secret has {0} bytes, {MIN_BYTES} are the least")]
    TooShort(usize),
}

/// Does one step.
pub async fn rotate(secrets: &SecretsManager, event: &RotationEvent) -> Result<(), RotationError> {
    let (id, version) = (&event.secret_id, &event.client_request_token);
    let stages = secrets.stages(id).await?;
    let has = |label: &str| {
        let labels = stages.get(version);
        labels.is_some_and(|labels| labels.iter().any(|found| found == label))
    };
    if has(CURRENT) {
        // An earlier delivery of the event has done it, but perhaps not all of it.
        return match has(PENDING) {
            true => Ok(secrets.move_stage(id, PENDING, Some(version), None).await?),
            false => Ok(()),
        };
    }
    match event.step {
        Step::CreateSecret => create(secrets, id, version).await,
        // Whoever needs the secret reads it from Secrets Manager: there is nowhere else to set it.
        Step::SetSecret => Ok(()),
        Step::TestSecret => test(secrets, id, version).await,
        Step::FinishSecret if has(PENDING) => {
            test(secrets, id, version).await?;
            let current = stages
                .iter()
                .find(|(_, labels)| labels.iter().any(|label| label == CURRENT));
            let current = current.map(|(version, _)| version.as_str());
            secrets
                .move_stage(id, CURRENT, current, Some(version))
                .await?;
            Ok(secrets.move_stage(id, PENDING, Some(version), None).await?)
        }
        Step::FinishSecret => Err(RotationError::NotPending(version.clone())),
    }
}

async fn create(secrets: &SecretsManager, id: &str, version: &str) -> Result<(), RotationError> {
    if secrets.pending(id, version).await?.is_some() {
        return Ok(());
    }
    let mut bytes = [0_u8; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RotationError::NoRandomness)?;
    let value: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(secrets.put_pending(id, version, value.into()).await?)
}

async fn test(secrets: &SecretsManager, id: &str, version: &str) -> Result<(), RotationError> {
    let pending = secrets.pending(id, version).await?;
    let pending = pending.ok_or_else(|| RotationError::NotPending(version.to_owned()))?;
    match pending.value.expose_secret().len() {
        bytes if bytes < MIN_BYTES => Err(RotationError::TooShort(bytes)),
        _ => Ok(()),
    }
}
