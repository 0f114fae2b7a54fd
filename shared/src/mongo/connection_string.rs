//! Reads and validates the connection string.

use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use secrecy::{ExposeSecret, SecretString};

use super::ConnectError;
use crate::config::ConfiguredSecret;
use crate::secrets::SecretsManager;

/// All connection string options of MongoDB's manual. Only these names are printed, because any other may be part
/// of a password.
///
/// See <https://www.mongodb.com/docs/manual/reference/connection-string-options/>.
const OPTIONS_OF_THE_MANUAL: &[&str] = &[
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "compressors",
    "connectTimeoutMS",
    "directConnection",
    "gssapiServiceName",
    "heartbeatFrequencyMS",
    "journal",
    "loadBalanced",
    "localThresholdMS",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxPoolSize",
    "maxStalenessSeconds",
    "minPoolSize",
    "proxyHost",
    "proxyPassword",
    "proxyPort",
    "proxyUsername",
    "readConcernLevel",
    "readPreference",
    "readPreferenceTags",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "serverSelectionTimeoutMS",
    "serverSelectionTryOnce",
    "socketTimeoutMS",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "timeoutMS",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsAllowInvalidHostnames",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "tlsCertificateKeyFilePassword",
    "tlsDisableCertificateRevocationCheck",
    "tlsDisableOCSPEndpointCheck",
    "tlsInsecure",
    "uuidRepresentation",
    "w",
    "waitQueueMultiple",
    "waitQueueTimeoutMS",
    "wtimeoutMS",
    "zlibCompressionLevel",
];

pub(crate) struct ConnectionString {
    text: SecretString,
    /// Version of the secret that contains it. None if it is not from Secrets Manager.
    pub version_id: Option<String>,
}

impl ConnectionString {
    pub async fn current(
        uri: &ConfiguredSecret,
        secrets: &SecretsManager,
    ) -> Result<Self, ConnectError> {
        let (text, version_id) = secrets.resolve(uri).await?;
        Ok(Self { text, version_id })
    }

    /// The error never quotes the string. The driver's errors do: if a password is not percent-encoded, they quote part
    /// of it.
    pub async fn options(&self) -> Result<ClientOptions, ConnectError> {
        let text = self.text.expose_secret();
        if has_credentials_in_options(text) {
            return Err(malformed());
        }
        match ClientOptions::parse(text).await {
            Ok(options) => Ok(options),
            Err(error) if matches!(*error.kind, ErrorKind::InvalidArgument { .. }) => {
                let refused = refused_options(text).await;
                Err(match refused.is_empty() {
                    true => malformed(),
                    false => unusable_options(&refused),
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Options of MongoDB's manual whose name or value the driver rejects.
async fn refused_options(text: &str) -> Vec<&'static str> {
    let (_, options) = text.split_once('?').unwrap_or_default();
    let mut accepted = String::new();
    let mut refused = Vec::new();
    for option in options.split('&') {
        let name = option.split('=').next().unwrap_or_default();
        let known = OPTIONS_OF_THE_MANUAL
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let Some(known) = known else { continue };
        let with_it = format!("{accepted}{option}&");
        match is_accepted(with_it.trim_end_matches('&')).await {
            true => accepted = with_it,
            false => refused.push(*known),
        }
    }
    refused
}

/// Whether the driver accepts these options, with or without a user. No host is looked up.
async fn is_accepted(options: &str) -> bool {
    // These options require mongodb+srv://, which requires a DNS lookup.
    if options.to_ascii_lowercase().contains("srv") {
        return true;
    }
    let with_user = format!("mongodb://user:password@localhost/?{options}");
    let without_user = format!("mongodb://localhost/?{options}");
    ClientOptions::parse(with_user).await.is_ok()
        || ClientOptions::parse(without_user).await.is_ok()
}

/// Whether a user name or password contains a `?`. The driver would take the text before it for hosts, and quote it in
/// errors.
fn has_credentials_in_options(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let parts = after_scheme.split_once('?');
    parts.is_some_and(|(hosts, options)| !hosts.contains(['@', '/']) && options.contains('@'))
}

fn malformed() -> ConnectError {
    ConnectError::Fatal(
        "the MongoDB connection string cannot be used: it is malformed, or has an option with an invalid name or value. \
         A user name and a password must be percent-encoded"
            .to_owned(),
    )
}

fn unusable_options(names: &[&str]) -> ConnectError {
    ConnectError::Fatal(format!(
        "the MongoDB connection string cannot be used: remove these options, which this service's driver does not have \
         or whose values it refuses: {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(text: &str) -> Option<String> {
        let string = ConnectionString {
            text: text.into(),
            version_id: None,
        };
        let options = string.options().await;
        options.err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn rejected_options_of_the_manual_are_named() {
        for (options, names) in [
            ("socketTimeoutMS=1000", "socketTimeoutMS"),
            ("compressors=zlib&appName=a", "compressors"),
            ("MAXPOOLSIZE=0", "maxPoolSize"),
            (
                "w=1&maxPoolSize=0&tls=true&timeoutMS=5",
                "maxPoolSize, timeoutMS",
            ),
            ("readPreference=nearby", "readPreference"),
            ("authMechanism=GSSAPI2", "authMechanism"),
            ("waitQueueMultiple=3", "waitQueueMultiple"),
        ] {
            for host in ["mongodb://user:hunter2@host", "mongodb://host"] {
                let message = refusal(&format!("{host}/?{options}")).await.unwrap();
                assert!(message.ends_with(&format!(": {names}")), "{message}");
                assert!(!message.contains("hunter2"), "{message}");
            }
        }
    }

    #[tokio::test]
    async fn supported_options_are_accepted() {
        for options in [
            "authMechanism=MONGODB-AWS&authSource=$external",
            "retryWrites=true&w=majority&appName=a",
            "tls=true&tlsCAFile=/nowhere",
        ] {
            assert_eq!(refusal(&format!("mongodb://host/?{options}")).await, None);
        }
    }

    #[tokio::test]
    async fn unknown_option_names_are_not_printed() {
        for text in [
            "mongodb://host/?hunter2=x",
            "mongodb://user:p@host/?hunter2",
        ] {
            let message = refusal(text).await.unwrap();
            assert!(
                message.contains("malformed") && !message.contains("hunter2"),
                "{message}"
            );
        }
    }
}
