//! The service under test: the real router on a free port with its own databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mongod::Mongod;
use mongodb::Client;
use mongodb::bson::DateTime;
use shared::clock::Clock;
use shared::config::{Config, ConfiguredSecret, Settings, TokenConfig};
use shared::secrets::{SecretVersion, SecretsManager};
use shared::state::AppState;
use shared::tokens::{self, SecretSource};

use crate::log_capture;
use crate::{FakeSecretsManager, PEPPER, SIGNING_SECRET, shared_mongod, start_mongod};

/// Longer than `shared::http::REQUEST_TIMEOUT`, because many hashes at a time take long on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

pub fn local_secret() -> SecretSource {
    SecretSource::Local(SecretVersion {
        value: SIGNING_SECRET.into(),
        version_id: "test".to_owned(),
        created_at: None,
    })
}

pub struct TestService {
    pub state: Arc<AppState>,
    /// Unique name of the databases and of the MongoDB client (`appName`).
    pub(crate) name: String,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) mongo: Client,
    /// Milliseconds by which the service's clock is ahead of the system clock.
    ahead: Arc<AtomicI64>,
    /// Failpoint counter at the time when the last failpoint was set.
    pub(crate) met: AtomicI64,
}

impl TestService {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a service with `settings` over the test defaults.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(&shared_mongod().uri(), settings).await
    }

    /// Starts a service on this MongoDB. `uri` must have a query string.
    pub async fn start_on(uri: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_from(uri, settings, local_secret()).await
    }

    /// Starts a service on a dedicated mongod, for failpoints that apply to the whole server.
    pub async fn start_on_own_mongod() -> (Self, Mongod) {
        Self::start_with_timeout(TEST_TIMEOUT).await
    }

    /// Starts a service on a dedicated mongod with a custom request timeout.
    pub async fn start_with_timeout(timeout: Duration) -> (Self, Mongod) {
        let mongod = start_mongod().await;
        let service = Self::start_on(&mongod.uri(), &[]).await;
        let service = service.with_timeout(timeout).await;
        assert_eq!(service.get("/health").await.status, 200);
        (service, mongod)
    }

    pub async fn start_from(uri: &str, settings: &[(&str, &str)], secret: SecretSource) -> Self {
        let name = new_name();
        let (config, token_config) = config(&format!("{uri}&appName={name}"), &name, settings);
        let tokens = tokens::Tokens::new(token_config, secret);
        Self::start_named(name, uri, config, Arc::default(), tokens).await
    }

    /// Starts a service that reads its connection string from the secret `uri` of `manager`.
    pub async fn start_with_uri_secret(uri: &str, manager: &FakeSecretsManager) -> Self {
        let name = new_name();
        manager.rotate("uri", &format!("{uri}&appName={name}"));
        let (mut config, token_config) = config(uri, &name, &[]);
        config.mongodb = ConfiguredSecret::Id("uri".to_owned());
        let secrets = Arc::new(manager.client().await);
        let tokens = tokens::Tokens::new(token_config, local_secret());
        Self::start_named(name, uri, config, secrets, tokens).await
    }

    async fn start_named(
        name: String,
        uri: &str,
        config: Config,
        secrets: Arc<SecretsManager>,
        tokens: tokens::Tokens,
    ) -> Self {
        // `RUST_LOG=1 cargo test` prints the services' logs.
        log_capture::start();
        let ahead: Arc<AtomicI64> = Arc::default();
        let clock = clock(Arc::clone(&ahead));
        let state = Arc::new(AppState::with_clock(config, tokens, secrets, clock));
        let base = serve(server::routes(&state), TEST_TIMEOUT).await;
        let mongo = Client::with_uri_str(uri).await.unwrap();
        let http = reqwest::Client::new();
        Self {
            state,
            name,
            base,
            http,
            mongo,
            ahead,
            met: AtomicI64::new(0),
        }
    }

    /// Serves `router` instead of the service's routes.
    pub async fn with_routes(self, router: axum::Router) -> Self {
        let base = serve(router, TEST_TIMEOUT).await;
        Self { base, ..self }
    }

    /// The same databases with another pepper.
    pub async fn with_pepper(&self, pepper: &str) -> Self {
        let mut config = self.state.config.clone();
        config.pepper = Some(ConfiguredSecret::Plain(pepper.into()));
        let (_, tokens) = self::config("mongodb://unused", &self.name, &[]);
        let tokens = tokens::Tokens::new(tokens, local_secret());
        let uri = shared_mongod().uri();
        Self::start_named(self.name.clone(), &uri, config, Arc::default(), tokens).await
    }

    /// Serves the same service with another request timeout.
    pub async fn with_timeout(self, timeout: Duration) -> Self {
        let base = serve(server::routes(&self.state), timeout).await;
        Self { base, ..self }
    }

    /// The same service, called from another local address such as 127.0.0.2.
    pub fn at(&self, address: &str) -> Self {
        let address: std::net::IpAddr = address.parse().unwrap();
        let http = reqwest::Client::builder().local_address(address);
        Self {
            state: Arc::clone(&self.state),
            name: self.name.clone(),
            base: self.base.clone(),
            http: http.build().unwrap(),
            mongo: self.mongo.clone(),
            ahead: Arc::clone(&self.ahead),
            met: AtomicI64::new(0),
        }
    }

    /// Starts a second instance on the same databases with the same clock.
    pub async fn second_instance(&self, secret: SecretSource) -> Self {
        let settings = [
            ("MASTER_DB", self.state.config.master_db.as_str()),
            ("TENANT_DB", &self.state.config.tenant_db),
        ];
        let second_instance = Self::start_from(&shared_mongod().uri(), &settings, secret).await;
        second_instance.set_clock_of(self);
        second_instance
    }

    /// Sets the clock to that of another instance.
    pub fn set_clock_of(&self, other: &Self) {
        let ahead = other.ahead.load(Ordering::Relaxed);
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Advances the service's clock.
    pub fn advance_clock(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    /// Number of computed password hashes, comparisons included.
    pub fn hashes(&self) -> u64 {
        self.state.hasher.computed()
    }
}

fn new_name() -> String {
    format!("t{:016x}", fastrand::u64(..))
}

/// Serves `router` and returns its URL.
async fn serve(router: axum::Router, timeout: Duration) -> String {
    let router = shared::http::service(router, timeout);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, server::connected(router)).into_future());
    base
}

fn clock(ahead: Arc<AtomicI64>) -> Clock {
    Clock::new(move || {
        let now = DateTime::now().timestamp_millis();
        DateTime::from_millis(now + ahead.load(Ordering::Relaxed))
    })
}

fn config(uri: &str, name: &str, settings: &[(&str, &str)]) -> (Config, TokenConfig) {
    let tenants = format!("{name}_tenants");
    let usual = [
        ("MONGODB_URI", uri),
        ("MASTER_DB", name),
        ("TENANT_DB", &tenants),
        ("BCRYPT_COST", "10"),
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "0"),
        ("ONBOARDINGS_PER_ADDRESS", "0"),
    ];
    let lookup = |name: &str| {
        let mut found = settings.iter().chain(&usual);
        found
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let mut settings = Settings::new(&lookup);
    let config = Config {
        pepper: Some(ConfiguredSecret::Plain(PEPPER.into())),
        max_connections: Some(server::CONNECTIONS),
        ..Config::read(&mut settings)
    };
    let tokens = TokenConfig::read(&mut settings);
    settings.finish().unwrap();
    (config, tokens)
}
