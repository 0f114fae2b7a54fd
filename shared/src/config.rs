//! The configuration, read once at start from environment variables and checked all together.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// In seconds.
const DAY: u64 = 86_400;

/// Everything but the tokens' settings, which not every function needs (see [`TokenConfig`]).
#[derive(Clone, Debug)]
pub struct Config {
    pub mongodb: ConfiguredSecret,
    /// None in a function that does not use it.
    pub pepper: Option<ConfiguredSecret>,
    /// To each node, unless the connection string says otherwise. None: as many as the driver takes.
    pub max_connections: Option<u32>,
    /// Database of the control plane: `organizations`, `admins`.
    pub master_db: String,
    /// Database that holds the tenants' collections.
    pub tenant_db: String,
    pub bcrypt_cost: u32,
    pub trusted_proxy: TrustedProxy,
    /// In characters (code points).
    pub password_min_length: usize,
    /// Tenant limit of the cluster.
    pub max_organizations: u64,
    /// Wrong guesses before growing waits begin; 0: no limit.
    pub login_attempts_per_account: u32,
    /// An hour; 0: no limit.
    pub login_attempts_per_address: u32,
    /// An hour; 0: no limit.
    pub onboardings_per_address: u32,
    /// A day; 0: no limit.
    pub organization_changes_per_day: u32,
    /// Live sessions of one admin.
    pub max_sessions: u32,
    /// From a login to the end of its session.
    pub session_ttl: Duration,
    /// How long a deleted organization can be restored.
    pub deletion_grace: Duration,
    pub api_docs: ApiDocs,
}

/// Whether the documentation is served.
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

/// A secret as it is configured.
#[derive(Clone, Debug)]
pub enum ConfiguredSecret {
    Plain(SecretString),
    /// Id of the Secrets Manager secret that holds it.
    Id(String),
}

/// A proxy in front of the service, which proves by a secret that a request comes from it.
#[derive(Clone, Debug)]
pub struct TrustedProxy {
    /// None: there is no such proxy.
    pub secret: Option<SecretString>,
    /// Proxies between the caller and the service, this one included.
    pub hops: usize,
}

/// How access tokens are made.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub issuer: String,
    pub audience: String,
    pub access_token_ttl: Duration,
}

/// The faults of a configuration, all of them.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} fault(s): {}", .0.len(), .0.join("; "))]
pub struct ConfigErrors(Vec<String>);

/// Reads settings by name and gathers what is missing or wrong, so that one message can name it all.
pub struct Settings<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl<'a> Settings<'a> {
    /// `lookup` answers a variable's name with its value, as [`std::env::var`] does.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            faults: Vec::new(),
        }
    }

    /// Ends the reading: the faults found on the way, if any.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(self.faults))
        }
    }

    /// Without white space around it. A variable that is set to nothing counts as not set: templates cannot leave one
    /// out.
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub fn required(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.fault(format!("{name} is required"));
            String::new()
        })
    }

    /// Any text, or nothing where the variable is not set.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.get(name)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// A whole number within `range`, or `default` where the variable is not set.
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
                self.fault(format!(
                    "{name} must be a whole number from {low} to {high}"
                ));
                default
            }
        }
    }

    /// As [`Self::number`], a time.
    fn seconds(&mut self, name: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, default, range))
    }

    /// A value that can be parsed; `expected` says what that is.
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
                self.fault(format!("{name} must be {expected}"));
                default()
            }
        }
    }

    /// Notes that something is wrong; `fault` names the variable, never its value.
    pub fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// The control plane's and the tenants'. MongoDB keeps no two whose names differ by letter case alone.
    fn databases(&mut self) -> (String, String) {
        let master = self.database("MASTER_DB", "master_db");
        let tenants = self.database("TENANT_DB", "tenants");
        if master != tenants && master.to_lowercase() == tenants.to_lowercase() {
            self.fault("MASTER_DB and TENANT_DB must differ by more than letter case");
        }
        (master, tenants)
    }

    /// A database's name as Atlas takes it: at most 38 bytes, none of MongoDB's reserved characters.
    fn database(&mut self, name: &str, default: &str) -> String {
        let database = self.text(name, default);
        let reserved = |c: char| "/\\. \"$*<>:|?".contains(c) || c.is_control();
        let mongodbs_own = ["admin", "config", "local"].contains(&database.to_lowercase().as_str());
        if database.len() > 38 || database.contains(reserved) || mongodbs_own {
            self.fault(format!(
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
            self.fault("TRUSTED_PROXY_SECRET must have 16 bytes or more");
        }
        TrustedProxy {
            secret: secret.map(SecretString::from),
            hops,
        }
    }

    fn mongodb_uri(&mut self) -> ConfiguredSecret {
        match (self.get("MONGODB_URI"), self.get("MONGODB_URI_SECRET_ID")) {
            (Some(uri), None) => {
                if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
                    self.fault(
                        "MONGODB_URI must begin with mongodb:// or mongodb+srv://".to_owned(),
                    );
                }
                ConfiguredSecret::Plain(uri.into())
            }
            (None, Some(id)) => ConfiguredSecret::Id(id),
            (found, _) => {
                self.fault(match found {
                    Some(_) => {
                        "MONGODB_URI and MONGODB_URI_SECRET_ID are both set: keep one".to_owned()
                    }
                    None => "one of MONGODB_URI and MONGODB_URI_SECRET_ID is required".to_owned(),
                });
                ConfiguredSecret::Plain(SecretString::default())
            }
        }
    }
}

impl Config {
    /// Faults stay in `settings`; the configuration is to be used only when it has none.
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
            // A minute is more than any request takes: nobody works on the collection when it is dropped.
            deletion_grace: settings.seconds("DELETION_GRACE_SECONDS", 7 * DAY, 60..=365 * DAY),
            api_docs: ApiDocs::read(settings),
        }
    }
}

impl TokenConfig {
    /// Faults stay in `settings`; the configuration is to be used only when it has none.
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
    fn defaults_are_those_of_the_documentation() {
        let (config, tokens, faults) = read(&[
            ("MONGODB_URI", "mongodb://h"),
            ("JWT_SECRET_ID", "s"),
            ("BCRYPT_COST", ""),
        ]);
        faults.unwrap();
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
        let (_, _, faults) = read(&[
            ("BCRYPT_COST", "9"),
            ("MASTER_DB", "a.b"),
            ("ACCESS_TOKEN_TTL_SECONDS", "soon"),
        ]);
        let message = faults.unwrap_err();
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
        let faults = |tenants| {
            let (_, _, faults) = read(&[
                ("MONGODB_URI", "mongodb://h"),
                ("JWT_SECRET_ID", "s"),
                ("TENANT_DB", tenants),
            ]);
            faults
        };
        assert!(faults("Master_DB").unwrap_err().contains("TENANT_DB"));
        faults("master_db2").unwrap();
        assert!(faults("Local").unwrap_err().contains("TENANT_DB"));
    }

    #[test]
    fn white_space_around_a_setting_is_no_part_of_it() {
        let (config, tokens, faults) = read(&[
            ("MONGODB_URI", " mongodb://h\n"),
            ("JWT_SECRET_ID", "s\r\n"),
            ("MASTER_DB", "\tcontrol "),
            ("JWT_ISSUER", "issuer\n"),
            ("BCRYPT_COST", " 11\n"),
        ]);
        faults.unwrap();
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
    fn a_fault_never_prints_the_connection_string() {
        let (_, _, faults) = read(&[("MONGODB_URI", "http://user:hunter2@host")]);
        assert!(!faults.unwrap_err().contains("hunter2"));
    }
}
