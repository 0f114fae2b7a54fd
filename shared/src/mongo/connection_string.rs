//! The connection string: where it comes from, and what makes it unusable.

use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use secrecy::{ExposeSecret, SecretString};

use super::ConnectError;
use crate::config::MongodbUri;
use crate::secrets::SecretsManager;

pub(super) struct ConnectionString {
    text: SecretString,
    /// Of the secret that holds it, if one does.
    pub version_id: Option<String>,
}

impl ConnectionString {
    pub async fn current(uri: &MongodbUri, secrets: &SecretsManager) -> Result<Self, ConnectError> {
        match uri {
            MongodbUri::Plain(text) => Ok(Self {
                text: text.clone(),
                version_id: None,
            }),
            MongodbUri::SecretId(id) => {
                let version = secrets.current(id).await?;
                Ok(Self {
                    text: version.value,
                    version_id: Some(version.version_id),
                })
            }
        }
    }

    /// What is wrong with it is not told: the driver quotes the part that it does not understand, and where a
    /// password is not percent-encoded, that part is the password's.
    pub async fn options(&self) -> Result<ClientOptions, ConnectError> {
        let text = self.text.expose_secret();
        if has_credentials_in_options(text) {
            return Err(malformed());
        }
        let parsed = ClientOptions::parse(text).await;
        parsed.map_err(|error| match *error.kind {
            ErrorKind::InvalidArgument { .. } => malformed(),
            _ => error.into(),
        })
    }
}

/// A user name or password with a `?` in it ends what the driver takes for the hosts, which it would name in errors.
fn has_credentials_in_options(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let parts = after_scheme.split_once('?');
    parts.is_some_and(|(hosts, options)| !hosts.contains(['@', '/']) && options.contains('@'))
}

fn malformed() -> ConnectError {
    ConnectError::Refused(
        "the MongoDB connection string cannot be used: it is malformed, or has an option of a wrong name or value. \
         A user name and a password must be percent-encoded"
            .to_owned(),
    )
}
