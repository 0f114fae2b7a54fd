//! The local server's settings: those of the functions, with a default for each, and its own.

use std::cell::RefCell;
use std::collections::BTreeSet;

use axum::http::HeaderValue;
use relay::MailSettings;
use shared::config::{Config, ConfigErrors, Settings, TokenConfig};
use tracing_subscriber::filter::Targets;

use crate::CONNECTIONS;

pub struct LocalSettings {
    pub config: Config,
    pub tokens: TokenConfig,
    pub log_filter: Targets,
    /// Without one the server makes a signing secret of its own.
    pub jwt_secret_id: Option<String>,
    /// Without one the server makes a pepper of its own.
    pub pepper_secret_id: Option<String>,
    /// Whether no MongoDB is configured.
    pub own_mongod: bool,
    /// The address to listen on, or a name such as localhost.
    pub host: String,
    pub port: u16,
    pub cors_allowed_origins: Vec<HeaderValue>,
    pub mail: Option<MailSettings>,
}

impl LocalSettings {
    /// From the environment.
    pub fn read() -> Result<Self, ConfigErrors> {
        Self::read_from(|name| std::env::var(name).ok())
    }

    /// The names of all settings.
    pub fn names() -> BTreeSet<String> {
        let names = RefCell::default();
        let _ = Self::read_from(|name| {
            BTreeSet::insert(&mut names.borrow_mut(), name.to_owned());
            None
        });
        names.into_inner()
    }

    /// `lookup` returns the value of a variable by its name.
    pub fn read_from(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let environment = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let own_mongod =
            environment("MONGODB_URI").is_none() && environment("MONGODB_URI_SECRET_ID").is_none();
        let lookup = |name: &str| match name {
            // Here all callers have one address.
            "LOGIN_ATTEMPTS_PER_ADDRESS"
            | "ONBOARDINGS_PER_ADDRESS"
            | "PASSWORD_RESETS_PER_ADDRESS" => environment(name).or_else(|| Some("0".to_owned())),
            // Printed, and kept in files.
            "MAIL_TRANSPORT" => environment(name).or_else(|| Some("log".to_owned())),
            "MAIL_FROM" => environment(name).or_else(|| Some("no-reply@localhost".to_owned())),
            // Until it runs and its port is known.
            "MONGODB_URI" if own_mongod => Some("mongodb://127.0.0.1".to_owned()),
            _ => environment(name),
        };
        let mut settings = Settings::new(&lookup);
        let read = Self {
            log_filter: shared::log::filter(&mut settings),
            config: Config {
                max_connections: Some(CONNECTIONS),
                ..Config::read(&mut settings)
            },
            tokens: TokenConfig::read(&mut settings),
            jwt_secret_id: settings.optional("JWT_SECRET_ID"),
            pepper_secret_id: settings.optional("PEPPER_SECRET_ID"),
            own_mongod,
            host: settings.text("HOST", "127.0.0.1"),
            port: settings.number("PORT", 8000, 0..=u16::MAX),
            cors_allowed_origins: cors_allowed_origins(&mut settings),
            mail: MailSettings::read(&mut settings),
        };
        settings.finish().map(|()| read)
    }
}

fn cors_allowed_origins(settings: &mut Settings<'_>) -> Vec<HeaderValue> {
    let list = settings
        .optional("CORS_ALLOWED_ORIGINS")
        .unwrap_or_default();
    let mut origins = Vec::new();
    for origin in list
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
    {
        let scheme = origin.starts_with("http://") || origin.starts_with("https://");
        match HeaderValue::from_str(origin) {
            Ok(value) if scheme && !origin.ends_with('/') => origins.push(value),
            _ => settings.error(
                "CORS_ALLOWED_ORIGINS must be origins such as https://app.example.com, separated by commas",
            ),
        }
    }
    origins
}
