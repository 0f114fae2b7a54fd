//! Secrets Manager as functions meet it: good, down, slow, throttling, and with secrets that cannot be used.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cargo_run::{Server, refused};
use crate::harness::{PASSWORD, mongod};

const GOOD: &str = "a signing secret of 32 bytes or more";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Good,
    Down,
    Throttling,
    Hanging,
}

/// Speaks Secrets Manager's protocol (AWS JSON 1.1), in whatever mood it is told to be.
#[derive(Clone)]
struct SecretsManager {
    mood: Arc<Mutex<Mood>>,
    secrets: Arc<HashMap<&'static str, String>>,
    url: String,
}

impl SecretsManager {
    async fn start(secrets: &[(&'static str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secrets = secrets.iter().map(|(id, value)| (*id, (*value).to_owned()));
        let manager = Self {
            mood: Arc::new(Mutex::new(Mood::Good)),
            secrets: Arc::new(secrets.collect()),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = axum::Router::new()
            .route("/", post(answer))
            .with_state(manager.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        manager
    }

    fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What a process needs to find it, and the shared MongoDB in databases of its own.
    fn settings(&self, secret: &str) -> Vec<(&'static str, String)> {
        let name = format!("s{:016x}", fastrand::u64(..));
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("JWT_SECRET_ID", secret.to_owned()),
            ("MONGODB_URI", mongod().uri()),
            ("MASTER_DB", name.clone()),
            ("TENANT_DB", format!("{name}_tenants")),
        ]
    }
}

async fn answer(State(manager): State<SecretsManager>, body: String) -> Response {
    let mood = *manager.mood.lock().unwrap();
    let error = |status: u16, name: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        (status, Json(json!({"__type": name, "message": name}))).into_response()
    };
    match mood {
        Mood::Good => {}
        Mood::Down => return error(500, "InternalServiceError"),
        Mood::Throttling => return error(400, "ThrottlingException"),
        Mood::Hanging => tokio::time::sleep(Duration::from_secs(60)).await,
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    match manager.secrets.get(body["SecretId"].as_str().unwrap()) {
        Some(value) => Json(json!({"SecretString": value, "VersionId": "v1"})).into_response(),
        None => error(400, "ResourceNotFoundException"),
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = settings.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

/// A server that has an admin already.
async fn server_with_admin(folder: &Path, settings: &[(&'static str, String)]) -> Server {
    let server = Server::start_with(folder, &borrowed(settings));
    let body = json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD});
    let url = format!("{}/org/create", server.base);
    let created = reqwest::Client::new().post(url).json(&body).send().await;
    assert_eq!(created.unwrap().status(), 201);
    server
}

async fn log_in(server: &Server) -> (u16, Value) {
    let body = json!({"email": "a@example.com", "password": PASSWORD});
    let url = format!("{}/admin/login", server.base);
    let login = reqwest::Client::new().post(url).json(&body).send().await;
    let login = login.unwrap();
    (login.status().as_u16(), login.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_cold_process_answers_503_until_secrets_manager_is_back() {
    for mood in [Mood::Down, Mood::Throttling, Mood::Hanging] {
        let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
        manager.be(mood);
        let folder = TempDir::new().unwrap();
        let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
        let started = Instant::now();
        let (status, body) = log_in(&server).await;
        assert_eq!(
            (status, &body["code"]),
            (503, &"service_unavailable".into()),
            "{mood:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(11), "{mood:?}");
        manager.be(Mood::Good);
        assert_eq!(log_in(&server).await.0, 200, "{mood:?}");
        server.signal("KILL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_warm_process_carries_on_with_what_it_knows() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
    for mood in [Mood::Down, Mood::Throttling, Mood::Hanging] {
        manager.be(mood);
        let (status, body) = log_in(&server).await;
        assert_eq!(status, 200, "{mood:?}");
        let token = body["access_token"].as_str().unwrap();
        let show = reqwest::Client::new().get(format!("{}/org", server.base));
        let shown = show.bearer_auth(token).send().await.unwrap();
        assert_eq!(shown.status(), 200, "{mood:?}");
    }
    server.signal("KILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_f14_a_secret_that_cannot_be_used_refuses_the_start() {
    let thirty_one = "x".repeat(31);
    let secrets = [("empty", ""), ("one", "x"), ("short", thirty_one.as_str())];
    let manager = SecretsManager::start(&secrets).await;
    for (id, reason) in [
        ("empty", "0 bytes, 32 are the least"),
        ("one", "1 bytes, 32 are the least"),
        ("short", "31 bytes, 32 are the least"),
        ("missing", "secret missing cannot be used"),
    ] {
        let settings = manager.settings(id);
        let message = tokio::task::spawn_blocking(move || {
            refused(TempDir::new().unwrap().path(), &borrowed(&settings))
        });
        let message = message.await.unwrap();
        assert!(message.contains(reason), "{id}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_connection_string_that_cannot_be_used_refuses_the_start() {
    let secret = "mongodb://user:hunter2hunter2@[broken";
    let manager = SecretsManager::start(&[("jwt", GOOD), ("uri", secret)]).await;
    for id in ["uri", "missing"] {
        let mut settings = manager.settings("jwt");
        settings.retain(|(name, _)| *name != "MONGODB_URI");
        settings.push(("MONGODB_URI_SECRET_ID", id.to_owned()));
        let message = tokio::task::spawn_blocking(move || {
            refused(TempDir::new().unwrap().path(), &borrowed(&settings))
        });
        let message = message.await.unwrap();
        assert!(
            message.contains(if id == "uri" {
                "connection string"
            } else {
                "secret missing"
            }),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_string_can_come_from_a_secret() {
    let uri = mongod().uri();
    let manager = SecretsManager::start(&[("jwt", GOOD), ("uri", &uri)]).await;
    let mut settings = manager.settings("jwt");
    settings.retain(|(name, _)| *name != "MONGODB_URI");
    settings.push(("MONGODB_URI_SECRET_ID", "uri".to_owned()));
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &settings).await;
    assert_eq!(log_in(&server).await.0, 200);
    server.signal("KILL");
}
