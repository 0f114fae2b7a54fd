//! Secrets Manager: reads secrets by id, with the SDK's standard variables (`AWS_ENDPOINT_URL` among them).

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError as GetError;
use secrecy::SecretString;
use tokio::sync::OnceCell;

const NOT_FOUND: &str = "ResourceNotFoundException";

/// A client that is built on its first use: who needs no secret pays for none.
#[derive(Default)]
pub struct SecretsManager {
    client: OnceCell<Client>,
}

/// One version of a secret.
#[derive(Clone)]
pub struct SecretVersion {
    pub value: SecretString,
    pub version_id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Trying again does not help: the operator must do something.
    #[error("secret {id} cannot be used: {reason}")]
    Unusable { id: String, reason: String },
    /// Down, too slow or throttling.
    #[error("Secrets Manager did not answer for {id}: {reason}")]
    Unavailable { id: String, reason: String },
}

impl SecretsManager {
    /// With a client that is there already.
    pub fn with_client(client: Client) -> Self {
        Self {
            client: OnceCell::new_with(Some(client)),
        }
    }

    /// The current version (`AWSCURRENT`) of the secret with this id.
    pub async fn current(&self, id: &str) -> Result<SecretVersion, SecretError> {
        self.version(id, "AWSCURRENT").await
    }

    /// The version before the current one (`AWSPREVIOUS`), once there was one.
    pub async fn previous(&self, id: &str) -> Result<Option<SecretVersion>, SecretError> {
        match self.version(id, "AWSPREVIOUS").await {
            Err(SecretError::Unusable { reason, .. }) if reason == NOT_FOUND => Ok(None),
            previous => previous.map(Some),
        }
    }

    async fn version(&self, id: &str, stage: &str) -> Result<SecretVersion, SecretError> {
        let client = self.client.get_or_init(build).await;
        let request = client.get_secret_value().secret_id(id).version_stage(stage);
        let answer = request.send().await.map_err(|error| classify(id, &error))?;
        let unusable = |reason: &str| SecretError::Unusable {
            id: id.to_owned(),
            reason: reason.to_owned(),
        };
        Ok(SecretVersion {
            value: answer
                .secret_string
                .ok_or_else(|| unusable("it is binary, a string is expected"))?
                .into(),
            version_id: answer
                .version_id
                .ok_or_else(|| unusable("it has no version id"))?,
        })
    }
}

/// Short timeouts: a caller waits for the answer.
async fn build() -> Client {
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await;
    Client::new(&config)
}

fn classify<R: std::fmt::Debug>(id: &str, error: &SdkError<GetError, R>) -> SecretError {
    let service_error = error.as_service_error();
    let code = service_error
        .and_then(|e| e.meta().code())
        .unwrap_or_default();
    let final_faults = [
        NOT_FOUND,
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidRequestException",
        "InvalidParameterException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ];
    if final_faults.contains(&code) {
        return SecretError::Unusable {
            id: id.to_owned(),
            reason: code.to_owned(),
        };
    }
    let reason = match service_error {
        Some(_) => code.to_owned(),
        // The source's text names hosts and timeouts, never credentials.
        None => aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string(),
    };
    SecretError::Unavailable {
        id: id.to_owned(),
        reason,
    }
}
