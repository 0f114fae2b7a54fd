//! Client of Secrets Manager, configured by the SDK's standard variables such as `AWS_ENDPOINT_URL`.

mod refreshed;

use std::collections::HashMap;
use std::fmt::Debug;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};
use mongodb::bson::DateTime;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::aws;
use crate::config::ConfiguredSecret;

pub(crate) use refreshed::Refreshed;

/// Staging labels: of the current version, of the previous one, and of the pending one during a rotation.
pub(crate) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
pub(crate) const PENDING: &str = "AWSPENDING";
const NOT_FOUND: &str = "ResourceNotFoundException";

/// A client that is built on first use, so that functions without secrets do not build one.
#[derive(Default)]
pub struct SecretsManager {
    client: OnceCell<Client>,
}

/// One version of a secret.
#[derive(Clone)]
pub struct SecretVersion {
    pub value: SecretString,
    pub version_id: String,
    /// None if the secret is not from Secrets Manager.
    pub created_at: Option<DateTime>,
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Permanent: an operator must act.
    #[error("secret {id} cannot be used: {reason}")]
    Unusable { id: String, reason: String },
    /// Temporary: Secrets Manager is down, too slow or throttling.
    #[error("Secrets Manager is unavailable for {id}: {reason}")]
    Unavailable { id: String, reason: String },
}

impl SecretsManager {
    /// With an existing client.
    pub fn with_client(client: Client) -> Self {
        Self {
            client: OnceCell::new_with(Some(client)),
        }
    }

    /// The value of a configured secret, and its version id if it is from Secrets Manager.
    pub async fn resolve(
        &self,
        secret: &ConfiguredSecret,
    ) -> Result<(SecretString, Option<String>), SecretError> {
        match secret {
            ConfiguredSecret::Plain(value) => Ok((value.clone(), None)),
            ConfiguredSecret::Id(id) => {
                let version = self.current(id).await?;
                Ok((version.value, Some(version.version_id)))
            }
        }
    }

    /// The current version of the secret with this id.
    pub async fn current(&self, id: &str) -> Result<SecretVersion, SecretError> {
        let request = self.client().await.get_secret_value();
        let answer = request.secret_id(id).version_stage(CURRENT).send().await;
        version(id, answer)
    }

    /// The previous version, if one exists.
    pub async fn previous(&self, id: &str) -> Result<Option<SecretVersion>, SecretError> {
        let request = self.client().await.get_secret_value();
        let answer = request.secret_id(id).version_stage(PREVIOUS).send().await;
        if_found(version(id, answer))
    }

    /// The pending version of a rotation, if it has a value.
    pub(crate) async fn pending(
        &self,
        id: &str,
        version_id: &str,
    ) -> Result<Option<SecretVersion>, SecretError> {
        let request = self.client().await.get_secret_value().secret_id(id);
        let request = request.version_id(version_id).version_stage(PENDING);
        if_found(version(id, request.send().await))
    }

    pub(crate) async fn put_pending(
        &self,
        id: &str,
        version_id: &str,
        value: SecretString,
    ) -> Result<(), SecretError> {
        let request = self.client().await.put_secret_value().secret_id(id);
        let request = request
            .client_request_token(version_id)
            .version_stages(PENDING)
            .secret_string(value.expose_secret());
        let put = request.send().await;
        put.map(drop).map_err(|error| classify(id, &error))
    }

    /// The staging labels of every version, by version id.
    pub(crate) async fn stages(
        &self,
        id: &str,
    ) -> Result<HashMap<String, Vec<String>>, SecretError> {
        let request = self.client().await.describe_secret().secret_id(id);
        let described = request.send().await.map_err(|error| classify(id, &error))?;
        Ok(described.version_ids_to_stages.unwrap_or_default())
    }

    /// Attaches the label `stage` to the version `to`, and removes it from the version `from`.
    pub(crate) async fn move_stage(
        &self,
        id: &str,
        stage: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), SecretError> {
        let request = self.client().await.update_secret_version_stage();
        let request = request
            .secret_id(id)
            .version_stage(stage)
            .set_remove_from_version_id(from.map(str::to_owned))
            .set_move_to_version_id(to.map(str::to_owned));
        let moved = request.send().await;
        moved.map(drop).map_err(|error| classify(id, &error))
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(build).await
    }
}

fn version<R: Debug>(
    id: &str,
    answer: Result<GetSecretValueOutput, SdkError<GetSecretValueError, R>>,
) -> Result<SecretVersion, SecretError> {
    let answer = answer.map_err(|error| classify(id, &error))?;
    let unusable = |reason: &str| SecretError::Unusable {
        id: id.to_owned(),
        reason: reason.to_owned(),
    };
    Ok(SecretVersion {
        value: answer
            .secret_string
            .ok_or_else(|| unusable("it is binary, but must be a string"))?
            .trim()
            .into(),
        version_id: answer
            .version_id
            .ok_or_else(|| unusable("it has no version id"))?,
        created_at: answer
            .created_date
            .and_then(|date| date.to_millis().ok())
            .map(DateTime::from_millis),
    })
}

fn if_found(
    version: Result<SecretVersion, SecretError>,
) -> Result<Option<SecretVersion>, SecretError> {
    match version {
        Err(SecretError::Unusable { reason, .. }) if reason == NOT_FOUND => Ok(None),
        version => version.map(Some),
    }
}

/// Timeouts are short, because a request waits for the response.
async fn build() -> Client {
    let configuration = aws::configuration("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws::SHORT_TIMEOUTS);
    Client::new(&configuration.await)
}

fn classify<E, R>(id: &str, error: &SdkError<E, R>) -> SecretError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    let service_error = error.as_service_error();
    let code = service_error
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    let permanent_errors = [
        NOT_FOUND,
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidRequestException",
        "InvalidParameterException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ];
    if permanent_errors.contains(&code) {
        return SecretError::Unusable {
            id: id.to_owned(),
            reason: code.to_owned(),
        };
    }
    let reason = match service_error {
        Some(_) => code.to_owned(),
        // The source error contains hosts and timeouts, never credentials.
        None => aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string(),
    };
    SecretError::Unavailable {
        id: id.to_owned(),
        reason,
    }
}
