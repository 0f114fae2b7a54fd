//! Starts the service for a test, and speaks to it as its callers do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::logs;
use mongod::{Mongod, Purpose};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Collection, Database};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::app::App;
use shared::clock::Clock;
use shared::config::{Config, Settings, TokenConfig};
use shared::organizations::{Purge, purge_deleted};
use shared::problem::Problem;
use shared::secrets::{SecretVersion, SecretsManager};
use shared::tokens::{self, SecretSource};

pub const PASSWORD: &str = "Admin@123";
pub const SIGNING_SECRET: &str = "a signing secret of 32 bytes or more";

/// One mongod for all tests of this process, ended with it.
pub fn mongod() -> &'static Mongod {
    static MONGOD: OnceLock<Mongod> = OnceLock::new();
    MONGOD.get_or_init(|| {
        let start = || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(start_mongod())
        };
        std::thread::spawn(start).join().unwrap()
    })
}

/// A mongod for one test, for those that take it away.
pub async fn start_mongod() -> Mongod {
    let folder = tempfile::tempdir().unwrap().keep();
    Mongod::start(&mongod_binary(), &folder, Purpose::Test)
        .await
        .unwrap()
}

pub fn mongod_binary() -> PathBuf {
    mongod::find().unwrap()
}

pub fn local_secret() -> SecretSource {
    SecretSource::Local(SecretVersion {
        value: SIGNING_SECRET.into(),
        version_id: "test".to_owned(),
    })
}

pub struct TestService {
    pub app: Arc<App>,
    pub tokens: Arc<tokens::Tokens>,
    /// A name that no other test has: of the databases, and of the service as MongoDB sees it.
    name: String,
    base: String,
    http: reqwest::Client,
    mongo: Client,
    /// Milliseconds by which the service's clock is ahead of the system's.
    ahead: Arc<AtomicI64>,
    /// How often failpoints had met a command when the last one was set.
    met: AtomicI64,
}

/// What a login or a refresh gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// Asserts that this is the problem `code`, in the form of RFC 9457, and gives its `errors`.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Vec<(String, String)> {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &json!(code)),
            "{self:?}"
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(
            self.body["type"],
            format!("urn:problem-type:org-management:{code}")
        );
        assert_eq!(
            self.body["request_id"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
        assert_eq!(
            self.headers.contains_key("retry-after"),
            [429, 503].contains(&status)
        );
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| (text(error, "field"), text(error, "code")))
            .collect()
    }
}

impl TestService {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `settings` win over what tests usually set.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_on(&mongod().uri(), settings).await
    }

    /// `uri` must have a query.
    pub async fn start_on(uri: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_from(uri, settings, local_secret()).await
    }

    pub async fn start_from(uri: &str, settings: &[(&str, &str)], secret: SecretSource) -> Self {
        // `RUST_LOG=1 cargo test` shows what the services of the tests log.
        logs::watch();
        let name = format!("t{:016x}", fastrand::u64(..));
        let (config, token_config) = config(&format!("{uri}&appName={name}"), &name, settings);
        let secrets: Arc<SecretsManager> = Arc::default();
        let ahead: Arc<AtomicI64> = Arc::default();
        let app = Arc::new(App::with_clock(config, secrets, clock(Arc::clone(&ahead))));
        let tokens = Arc::new(tokens::Tokens::new(token_config, secret));
        let base = serve(server::api(&app, &tokens).into()).await;
        let mongo = Client::with_uri_str(uri).await.unwrap();
        let http = reqwest::Client::new();
        Self {
            app,
            tokens,
            name,
            base,
            http,
            mongo,
            ahead,
            met: AtomicI64::new(0),
        }
    }

    /// The service that has these routes instead of its own.
    pub async fn with_routes(self, router: axum::Router) -> Self {
        let base = serve(router).await;
        Self { base, ..self }
    }

    /// The same service, called from another address of this machine, such as 127.0.0.2.
    pub fn at(&self, address: &str) -> Self {
        let address: std::net::IpAddr = address.parse().unwrap();
        let http = reqwest::Client::builder().local_address(address);
        Self {
            app: Arc::clone(&self.app),
            tokens: Arc::clone(&self.tokens),
            name: self.name.clone(),
            base: self.base.clone(),
            http: http.build().unwrap(),
            mongo: self.mongo.clone(),
            ahead: Arc::clone(&self.ahead),
            met: AtomicI64::new(0),
        }
    }

    /// Another process of the same service, on the same databases, and with the clock as it is now.
    pub async fn twin(&self, secret: SecretSource) -> Self {
        let settings = [
            ("MASTER_DB", self.app.config.master_db.as_str()),
            ("TENANT_DB", &self.app.config.tenant_db),
        ];
        let twin = Self::start_from(&mongod().uri(), &settings, secret).await;
        let ahead = self.ahead.load(Ordering::Relaxed);
        twin.ahead.store(ahead, Ordering::Relaxed);
        twin
    }

    /// Lets time pass for the service.
    pub fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        if status.as_u16() >= 400 {
            shows_no_internals(&String::from_utf8_lossy(&body));
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    pub async fn create(&self, name: &str, email: &str) -> Answer {
        let body = json!({"organization_name": name, "email": email, "password": PASSWORD});
        self.post("/org/create", &body).await
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post(
            "/admin/login",
            &json!({"email": email, "password": password}),
        )
        .await
    }

    /// The tokens of a new session.
    pub async fn session_of(&self, email: &str) -> Tokens {
        Tokens::of(&self.log_in(email, PASSWORD).await)
    }

    /// Passwords that were hashed or compared so far.
    pub fn hashes(&self) -> u64 {
        self.app.hasher.computed()
    }

    pub async fn token_of(&self, email: &str) -> String {
        self.session_of(email).await.access
    }

    /// A request with a bearer token, and with a body unless that is null.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(match body {
            Value::Null => request,
            body => request.json(body),
        })
        .await
    }

    pub async fn show(&self, token: &str) -> Answer {
        self.call("GET", "/org", token, &Value::Null).await
    }

    pub async fn rename(&self, token: &str, name: &str) -> Answer {
        let body = json!({"organization_name": name});
        self.call("PATCH", "/org", token, &body).await
    }

    pub async fn delete(&self, token: &str, password: &str) -> Answer {
        let body = json!({"password": password});
        self.call("DELETE", "/org", token, &body).await
    }

    pub async fn restore(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.post("/org/restore", &body).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        let body = json!({"refresh_token": refresh_token});
        self.post("/admin/refresh", &body).await
    }

    pub async fn log_out(&self, token: &str) -> Answer {
        self.call("POST", "/admin/logout", token, &Value::Null)
            .await
    }

    pub async fn change_password(&self, token: &str, current: &str, new: &str) -> Answer {
        let body = json!({"current_password": current, "new_password": new});
        self.call("POST", "/admin/password", token, &body).await
    }

    /// The actions of the organization's trail, newest first.
    pub async fn trail(&self, token: &str) -> Vec<String> {
        let page = self
            .call("GET", "/org/audit?limit=100", token, &Value::Null)
            .await;
        let events = page.body["events"].as_array().unwrap();
        let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
        events.iter().map(action).collect()
    }

    /// As the schedule does.
    pub async fn purge(&self) -> Result<Purge, Problem> {
        let soon = tokio::time::Instant::now() + Duration::from_secs(10);
        purge_deleted(&self.app, soon).await
    }

    pub fn organizations(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("organizations")
    }

    pub fn admins(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("admins")
    }

    pub fn attempts(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("attempts")
    }

    pub fn onboardings(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("onboardings")
    }

    pub fn sessions(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("sessions")
    }

    pub fn audit_events(&self) -> Collection<Document> {
        self.mongo.database(&self.name).collection("audit_events")
    }

    pub fn tenants(&self) -> Database {
        self.mongo.database(&format!("{}_tenants", self.name))
    }

    /// A connection string for clients whose commands count as the service's.
    pub fn uri(&self, mongod: &Mongod) -> String {
        format!("{}&appName={}", mongod.uri(), self.name)
    }

    /// Makes the service's commands, and no others, fail, delay or lose their connection, as `data` says.
    pub async fn failpoint(&self, mode: Document, mut data: Document) {
        data.insert("appName", &self.name);
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        let met = self.configure_failpoint(command).await;
        self.met.store(met, Ordering::Relaxed);
    }

    /// Ends it, and tells how many commands it has met.
    pub async fn failpoint_off(&self) -> i64 {
        let command = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        self.configure_failpoint(command).await - self.met.load(Ordering::Relaxed)
    }

    async fn configure_failpoint(&self, command: Document) -> i64 {
        let done = self.mongo.database("admin").run_command(command).await;
        let count = done.unwrap().get("count").cloned().unwrap();
        count
            .as_i64()
            .or_else(|| count.as_i32().map(i64::from))
            .unwrap()
    }

    /// Asserts that organizations, admins and collections match one to one, and gives their number.
    #[track_caller]
    pub fn whole(&self) -> impl Future<Output = usize> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let mut organizations: Vec<(String, String)> = Vec::new();
            for document in all(self.organizations()).await {
                let id = document.get_object_id("_id").unwrap().to_hex();
                organizations.push((id, document.get_str("collection_name").unwrap().to_owned()));
            }
            let of_admin =
                |admin: &Document| admin.get_object_id("organization_id").unwrap().to_hex();
            let mut admins: Vec<_> = all(self.admins()).await.iter().map(of_admin).collect();
            let mut collections = self.tenants().list_collection_names().await.unwrap();
            let mut ids: Vec<_> = organizations.iter().map(|(id, _)| id.clone()).collect();
            let mut named: Vec<_> = organizations.into_iter().map(|(_, name)| name).collect();
            for list in [&mut admins, &mut collections, &mut ids, &mut named] {
                list.sort();
            }
            assert_eq!(
                (&ids, &named),
                (&admins, &collections),
                "something partial at {caller}"
            );
            ids.len()
        }
    }
}

/// The URL of a server with these routes, in front of which is what every request goes through.
async fn serve(router: axum::Router) -> String {
    let router = shared::http::service(router);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, server::connected(router)).into_future());
    base
}

/// E1: asserted on every refusal that any test gets.
fn shows_no_internals(body: &str) {
    for internal in [
        "E11000",
        "dup key",
        "mongodb",
        "127.0.0.1",
        "localhost",
        "src/",
        ".rs",
        "panicked",
        "bcrypt",
        "org_",
        "$set",
        "WriteConflict",
    ] {
        assert!(!body.contains(internal), "{internal} is in {body}");
    }
}

/// All documents of `collection`.
pub async fn all(collection: Collection<Document>) -> Vec<Document> {
    let mut cursor = collection.find(doc! {}).await.unwrap();
    let mut documents = Vec::new();
    while cursor.advance().await.unwrap() {
        documents.push(cursor.deserialize_current().unwrap());
    }
    documents
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
    let config = Config::read(&mut settings);
    let tokens = TokenConfig::read(&mut settings);
    settings.finish().unwrap();
    (config, tokens)
}
