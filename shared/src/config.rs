//! The configuration. Read from environment variables once at startup; all errors are reported together.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// One day, in seconds.
const DAY: u64 = 86_400;

/// All settings except those of tokens, which not every function needs (see [`TokenConfig`]).
#[derive(Clone, Debug)]
pub struct Config {
    pub mongodb: ConfiguredSecret,
    /// None if the function does not use it.
    pub pepper: Option<ConfiguredSecret>,
    /// Per node. The connection string takes precedence. None: the driver's default.
    pub max_connections: Option<u32>,
    /// Database of the control plane.
    pub master_db: String,
    /// Database of the tenants' collections.
    pub tenant_db: String,
    pub bcrypt_cost: u32,
    pub trusted_proxy: TrustedProxy,
    /// In characters (code points).
    pub password_min_length: usize,
    /// Tenant limit of the cluster.
    pub max_organizations: u64,
    /// Failed attempts before increasing delays begin; 0: no limit.
    pub login_attempts_per_account: u32,
    /// Per hour; 0: no limit.
    pub login_attempts_per_address: u32,
    /// Per hour; 0: no limit.
    pub onboardings_per_address: u32,
    /// Per day; 0: no limit.
    pub organization_changes_per_day: u32,
    /// Maximum number of live sessions of an account in one organization.
    pub max_sessions: u32,
    /// Lifetime of a session, from its login.
    pub session_ttl: Duration,
    /// How long a deleted organization can be restored.
    pub deletion_grace: Duration,
    pub api_docs: ApiDocs,
    /// Whether the service sends mail. Without it nothing is written to the outbox.
    pub mail: bool,
    /// Requests for a new password, per hour and address; 0: no limit.
    pub password_resets_per_address: u32,
}

/// Whether the API documentation is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiDocs {
    Enabled,
    Disabled,
}

impl FromStr for ApiDocs {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "Enabled" => Ok(Self::Enabled),
            "Disabled" => Ok(Self::Disabled),
            _ => Err(()),
        }
    }
}

impl ApiDocs {
    pub fn read(settings: &mut Settings<'_>) -> Self {
        settings.parsed("API_DOCS", "Enabled or Disabled", || Self::Enabled)
    }
}

/// How mail leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTransport {
    /// Amazon SES.
    Ses,
    Smtp,
    /// Printed, and kept in files. For the local server.
    Log,
}

impl FromStr for MailTransport {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ses" => Ok(Self::Ses),
            "smtp" => Ok(Self::Smtp),
            "log" => Ok(Self::Log),
            _ => Err(()),
        }
    }
}

impl MailTransport {
    /// None if the service sends no mail.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        settings.optional("MAIL_TRANSPORT")?;
        Some(settings.parsed("MAIL_TRANSPORT", "ses, smtp or log", || Self::Log))
    }
}

/// A configured secret: its value, or its id in Secrets Manager.
#[derive(Clone, Debug)]
pub enum ConfiguredSecret {
    Plain(SecretString),
    /// Id of the Secrets Manager secret that holds it.
    Id(String),
}

/// A proxy in front of the service. A secret authenticates its requests.
#[derive(Clone, Debug)]
pub struct TrustedProxy {
    /// None if there is no trusted proxy.
    pub secret: Option<SecretString>,
    /// Number of proxies between the client and the service, including this one.
    pub hops: usize,
}

/// Settings of access tokens.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub issuer: String,
    pub audience: String,
    pub access_token_ttl: Duration,
}

/// All errors of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("invalid configuration, {} error(s): {}", .0.len(), .0.join("; "))]
pub struct ConfigErrors(Vec<String>);

/// Reads settings by name and collects all errors, so that one message can report them.
pub struct Settings<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<String>,
}

impl<'a> Settings<'a> {
    /// `lookup` returns the value of a variable, like [`std::env::var`].
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            errors: Vec::new(),
        }
    }

    /// Returns the collected errors, if any.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(self.errors))
        }
    }

    /// The trimmed value. An empty variable counts as unset, because templates cannot omit a variable.
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub fn required(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.error(format!("{name} is required"));
            String::new()
        })
    }

    /// Any text. None if the variable is unset.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.get(name)
    }

    /// Any text, or `default` if the variable is unset.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// An integer within `range`, or `default` if the variable is unset.
    pub fn number<N>(&mut self, name: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: FromStr + PartialOrd + Display + Copy,
    {
        let Some(value) = self.get(name) else {
            return default;
        };
        match value.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = (range.start(), range.end());
                self.error(format!(
                    "{name} must be a whole number from {low} to {high}"
                ));
                default
            }
        }
    }

    /// Like [`Self::number`], as a duration in seconds.
    fn seconds(&mut self, name: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, default, range))
    }

    /// A parsed value. `expected` describes the valid values in the error message.
    pub fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        expected: &str,
        default: impl FnOnce() -> T,
    ) -> T {
        match self.get(name).map(|value| value.parse()) {
            Some(Ok(value)) => value,
            None => default(),
            Some(Err(_)) => {
                self.error(format!("{name} must be {expected}"));
                default()
            }
        }
    }

    /// Records an error. `error` names the variable, never its value.
    pub fn error(&mut self, error: impl Into<String>) {
        self.errors.push(error.into());
    }

    /// Names of the control plane's and the tenants' databases. MongoDB rejects names that differ only in letter case.
    fn databases(&mut self) -> (String, String) {
        let master = self.database("MASTER_DB", "master_db");
        let tenants = self.database("TENANT_DB", "tenants");
        if master != tenants && master.to_lowercase() == tenants.to_lowercase() {
            self.error("MASTER_DB and TENANT_DB must differ by more than letter case");
        }
        (master, tenants)
    }

    /// A database name that Atlas accepts: at most 38 bytes, without MongoDB's reserved characters.
    fn database(&mut self, name: &str, default: &str) -> String {
        let database = self.text(name, default);
        let reserved = |c: char| "/\\. \"$*<>:|?".contains(c) || c.is_control();
        let mongodbs_own = ["admin", "config", "local"].contains(&database.to_lowercase().as_str());
        if database.len() > 38 || database.contains(reserved) || mongodbs_own {
            self.error(format!(
                "{name} must be a database name of at most 38 bytes without any of /\\. \"$*<>:|?, and none of \
                 MongoDB's own (admin, config, local)"
            ));
        }
        database
    }

    fn trusted_proxy(&mut self) -> TrustedProxy {
        let hops = self.number("TRUSTED_PROXY_HOPS", 1, 1..=5);
        let secret = self.get("TRUSTED_PROXY_SECRET");
        if secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            self.error("TRUSTED_PROXY_SECRET must have 16 bytes or more");
        }
        TrustedProxy {
            secret: secret.map(SecretString::from),
            hops,
        }
    }

    fn mongodb_uri(&mut self) -> ConfiguredSecret {
        let uri = self.secret("MONGODB_URI", "MONGODB_URI_SECRET_ID");
        if let ConfiguredSecret::Plain(uri) = &uri {
            let uri = uri.expose_secret();
            let is_uri = uri.starts_with("mongodb://") || uri.starts_with("mongodb+srv://");
            if !uri.is_empty() && !is_uri {
                self.error("MONGODB_URI must begin with mongodb:// or mongodb+srv://");
            }
        }
        uri
    }

    /// The secret that is the value of `value`, or whose id in Secrets Manager is that of `id`. One of them is required.
    pub fn secret(&mut self, value: &str, id: &str) -> ConfiguredSecret {
        self.optional_secret(value, id).unwrap_or_else(|| {
            self.error(format!("one of {value} and {id} is required"));
            ConfiguredSecret::Plain(SecretString::default())
        })
    }

    /// Like [`Self::secret`]. None if both are unset.
    pub fn optional_secret(&mut self, value: &str, id: &str) -> Option<ConfiguredSecret> {
        match (self.get(value), self.get(id)) {
            (None, None) => None,
            (Some(secret), None) => Some(ConfiguredSecret::Plain(secret.into())),
            (secret, Some(secret_id)) => {
                if secret.is_some() {
                    self.error(format!("{value} and {id} are both set: set only one"));
                }
                Some(ConfiguredSecret::Id(secret_id))
            }
        }
    }
}

impl Config {
    /// Errors are recorded in `settings`. The result is valid only if there are none.
    pub fn read(settings: &mut Settings<'_>) -> Self {
        let (master_db, tenant_db) = settings.databases();
        Self {
            mongodb: settings.mongodb_uri(),
            pepper: None,
            max_connections: None,
            master_db,
            tenant_db,
            bcrypt_cost: settings.number("BCRYPT_COST", 12, 10..=15),
            trusted_proxy: settings.trusted_proxy(),
            password_min_length: settings.number("PASSWORD_MIN_LENGTH", 8, 8..=64),
            max_organizations: settings.number("MAX_ORGANIZATIONS", 2000, 1..=100_000),
            login_attempts_per_account: settings.number("LOGIN_ATTEMPTS_PER_ACCOUNT", 5, 0..=1000),
            login_attempts_per_address: settings.number(
                "LOGIN_ATTEMPTS_PER_ADDRESS",
                100,
                0..=1_000_000,
            ),
            onboardings_per_address: settings.number("ONBOARDINGS_PER_ADDRESS", 20, 0..=1_000_000),
            organization_changes_per_day: settings.number(
                "ORGANIZATION_CHANGES_PER_DAY",
                100,
                0..=1_000_000,
            ),
            max_sessions: settings.number("MAX_SESSIONS", 100, 1..=10_000),
            session_ttl: settings.seconds("SESSION_TTL_SECONDS", 30 * DAY, 300..=365 * DAY),
            // The minimum exceeds the service's request timeout, so none of its own requests outlasts the grace period.
            deletion_grace: settings.seconds("DELETION_GRACE_SECONDS", 7 * DAY, 60..=365 * DAY),
            api_docs: ApiDocs::read(settings),
            mail: MailTransport::read(settings).is_some(),
            password_resets_per_address: settings.number(
                "PASSWORD_RESETS_PER_ADDRESS",
                20,
                0..=1_000_000,
            ),
        }
    }
}

impl TokenConfig {
    /// Errors are recorded in `settings`. The result is valid only if there are none.
    pub fn read(settings: &mut Settings<'_>) -> Self {
        Self {
            issuer: settings.text("JWT_ISSUER", "org-management"),
            audience: settings.text("JWT_AUDIENCE", "org-management-api"),
            access_token_ttl: settings.seconds("ACCESS_TOKEN_TTL_SECONDS", 1800, 60..=DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Config, TokenConfig, Result<(), String>) {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut settings = Settings::new(&lookup);
        let config = Config::read(&mut settings);
        let tokens = TokenConfig::read(&mut settings);
        settings.required("JWT_SECRET_ID");
        (config, tokens, settings.finish().map_err(|e| e.to_string()))
    }

    #[test]
    fn defaults_match_the_documentation() {
        let (config, tokens, errors) = read(&[
            ("MONGODB_URI", "mongodb://h"),
            ("JWT_SECRET_ID", "s"),
            ("BCRYPT_COST", ""),
        ]);
        errors.unwrap();
        assert_eq!(
            (config.master_db.as_str(), config.tenant_db.as_str()),
            ("master_db", "tenants")
        );
        assert_eq!((config.bcrypt_cost, config.password_min_length), (12, 8));
        assert_eq!(config.max_organizations, 2000);
        assert_eq!(config.login_attempts_per_account, 5);
        assert_eq!(
            (
                config.login_attempts_per_address,
                config.onboardings_per_address
            ),
            (100, 20)
        );
        assert_eq!(
            (config.organization_changes_per_day, config.max_sessions),
            (100, 100)
        );
        assert_eq!(
            (tokens.issuer.as_str(), tokens.audience.as_str()),
            ("org-management", "org-management-api")
        );
        assert_eq!(tokens.access_token_ttl, Duration::from_secs(1800));
        assert_eq!(config.session_ttl, Duration::from_secs(2_592_000));
        assert_eq!(config.deletion_grace, Duration::from_secs(604_800));
    }

    #[test]
    fn one_message_names_every_fault() {
        let (_, _, errors) = read(&[
            ("BCRYPT_COST", "9"),
            ("MASTER_DB", "a.b"),
            ("ACCESS_TOKEN_TTL_SECONDS", "soon"),
        ]);
        let message = errors.unwrap_err();
        for name in [
            "MONGODB_URI",
            "BCRYPT_COST",
            "MASTER_DB",
            "ACCESS_TOKEN_TTL_SECONDS",
            "JWT_SECRET_ID",
        ] {
            assert!(message.contains(name), "{name} is missing in: {message}");
        }
    }

    #[test]
    fn databases_differ_by_more_than_letter_case() {
        let errors = |tenants| {
            let (_, _, errors) = read(&[
                ("MONGODB_URI", "mongodb://h"),
                ("JWT_SECRET_ID", "s"),
                ("TENANT_DB", tenants),
            ]);
            errors
        };
        assert!(errors("Master_DB").unwrap_err().contains("TENANT_DB"));
        errors("master_db2").unwrap();
        assert!(errors("Local").unwrap_err().contains("TENANT_DB"));
    }

    #[test]
    fn settings_are_trimmed() {
        let (config, tokens, errors) = read(&[
            ("MONGODB_URI", " mongodb://h\n"),
            ("JWT_SECRET_ID", "s\r\n"),
            ("MASTER_DB", "\tcontrol "),
            ("JWT_ISSUER", "issuer\n"),
            ("BCRYPT_COST", " 11\n"),
        ]);
        errors.unwrap();
        assert_eq!(
            (config.master_db.as_str(), config.bcrypt_cost),
            ("control", 11)
        );
        assert_eq!(tokens.issuer, "issuer");
        let ConfiguredSecret::Plain(uri) = config.mongodb else {
            unreachable!("the connection string is set");
        };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&uri), "mongodb://h");
    }

    #[test]
    fn errors_do_not_contain_the_connection_string() {
        let (_, _, errors) = read(&[("MONGODB_URI", "http://user:hunter2@host")]);
        assert!(!errors.unwrap_err().contains("hunter2"));
    }
}
