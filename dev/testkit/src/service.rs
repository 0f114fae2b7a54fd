//! The service of a test: the real router on a free port, on databases of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mongod::Mongod;
use mongodb::Client;
use mongodb::bson::DateTime;
use shared::clock::Clock;
use shared::config::{Config, ConfiguredSecret, Settings, TokenConfig};
use shared::http::REQUEST_TIMEOUT;
use shared::secrets::{SecretVersion, SecretsManager};
use shared::state::AppState;
use shared::tokens::{self, SecretSource};

use crate::log_capture;
use crate::{FakeSecretsManager, PEPPER, SIGNING_SECRET, shared_mongod, start_mongod};

pub fn local_secret() -> SecretSource {
    SecretSource::Local(SecretVersion {
        value: SIGNING_SECRET.into(),
        version_id: "test".to_owned(),
        created_at: None,
    })
}

pub struct TestService {
    pub state: Arc<AppState>,
    /// A name that no other test has: of the databases, and of the service as MongoDB sees it.
    pub(crate) name: String,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) mongo: Client,
    /// Milliseconds by which the service's clock is ahead of the system's.
    ahead: Arc<AtomicI64>,
    /// How often failpoints had met a command when the last one was set.
    pub(crate) met: AtomicI64,
}

impl TestService {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With `settings` instead of those that tests usually have.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(&shared_mongod().uri(), settings).await
    }

    /// `uri` must have a query.
    pub async fn start_on(uri: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_from(uri, settings, local_secret()).await
    }

    /// On a mongod that no other test uses, because a failpoint applies to the whole server.
    pub async fn start_on_own_mongod() -> (Self, Mongod) {
        Self::start_with_timeout(REQUEST_TIMEOUT).await
    }

    /// On a mongod of its own, with another timeout of requests than ten seconds.
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

    /// A service whose connection string is the secret `uri` of `manager`.
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
        // `RUST_LOG=1 cargo test` shows what the services of the tests log.
        log_capture::start();
        let ahead: Arc<AtomicI64> = Arc::default();
        let clock = clock(Arc::clone(&ahead));
        let state = Arc::new(AppState::with_clock(config, tokens, secrets, clock));
        let base = serve(server::routes(&state), REQUEST_TIMEOUT).await;
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

    /// The same service with these routes instead of its own.
    pub async fn with_routes(self, router: axum::Router) -> Self {
        let base = serve(router, REQUEST_TIMEOUT).await;
        Self { base, ..self }
    }

    /// The same service with another timeout of requests.
    pub async fn with_timeout(self, timeout: Duration) -> Self {
        let base = serve(server::routes(&self.state), timeout).await;
        Self { base, ..self }
    }

    /// The same service, called from another address of this machine, such as 127.0.0.2.
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

    /// Another process of the same service, on the same databases, and with the clock as it is now.
    pub async fn second_instance(&self, secret: SecretSource) -> Self {
        let settings = [
            ("MASTER_DB", self.state.config.master_db.as_str()),
            ("TENANT_DB", &self.state.config.tenant_db),
        ];
        let second_instance = Self::start_from(&shared_mongod().uri(), &settings, secret).await;
        let ahead = self.ahead.load(Ordering::Relaxed);
        second_instance.ahead.store(ahead, Ordering::Relaxed);
        second_instance
    }

    /// Advances the service's clock.
    pub fn advance_clock(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    /// How many passwords were hashed or compared.
    pub fn hashes(&self) -> u64 {
        self.state.hasher.computed()
    }
}

fn new_name() -> String {
    format!("t{:016x}", fastrand::u64(..))
}

/// Serves these routes, and returns the URL.
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
