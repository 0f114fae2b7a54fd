//! A fake Secrets Manager (AWS JSON 1.1) with configurable failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use serde_json::{Value, json};
use shared::tokens::SecretSource;

use crate::shared_mongod;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    None,
    Down,
    Throttling,
    Hanging,
}

/// Implements the Secrets Manager protocol and simulates failures.
#[derive(Clone)]
pub struct FakeSecretsManager {
    failure: Arc<Mutex<Failure>>,
    secrets: Arc<Mutex<BTreeMap<String, Versions>>>,
    calls: Arc<AtomicUsize>,
    url: String,
}

/// The versions of a secret by version id.
type Versions = BTreeMap<String, Version>;

#[derive(Clone, Default)]
struct Version {
    value: Option<String>,
    /// Unix time in seconds.
    created: f64,
    binary: bool,
    stages: BTreeSet<String>,
}

impl FakeSecretsManager {
    pub async fn start(secrets: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let manager = Self::new(url, secrets);
        manager.serve(listener);
        manager
    }

    /// Creates a fake that does not listen yet.
    pub fn new(url: String, secrets: &[(&str, &str)]) -> Self {
        let manager = Self {
            failure: Arc::new(Mutex::new(Failure::None)),
            secrets: Arc::default(),
            calls: Arc::default(),
            url,
        };
        for (id, value) in secrets {
            manager.rotate(id, value);
        }
        manager
    }

    pub fn serve(&self, listener: tokio::net::TcpListener) {
        let router = axum::Router::new()
            .route("/", post(respond))
            .with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
    }

    /// Stores a binary secret.
    pub fn store_binary(&self, id: &str, bytes: &[u8]) {
        self.rotate(id, &base64::engine::general_purpose::STANDARD.encode(bytes));
        let mut secrets = self.secrets.lock().unwrap();
        for version in secrets.get_mut(id).unwrap().values_mut() {
            version.binary = true;
        }
    }

    /// Stores `value` as the current version.
    pub fn rotate(&self, id: &str, value: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let versions = secrets.entry(id.to_owned()).or_default();
        let version = format!("version-{}", versions.len());
        let made = versions.entry(version.clone()).or_default();
        (made.value, made.created) = (Some(value.to_owned()), now());
        move_stage(versions, "AWSCURRENT", &version);
    }

    /// Begins a rotation as Secrets Manager does: the new version has a staging label but no value.
    pub fn begin_rotation(&self, id: &str, version: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let versions = secrets.get_mut(id).unwrap();
        let pending = versions.entry(version.to_owned()).or_default();
        pending.created = now();
        pending.stages.insert("AWSPENDING".to_owned());
    }

    /// Sets the age of a version.
    pub fn age(&self, id: &str, version: &str, age: Duration) {
        let mut secrets = self.secrets.lock().unwrap();
        let versions = secrets.get_mut(id).unwrap();
        versions.get_mut(version).unwrap().created = now() - age.as_secs_f64();
    }

    /// Returns each staging label with its version id, sorted.
    pub fn labels(&self, id: &str) -> Vec<(String, String)> {
        let secrets = self.secrets.lock().unwrap();
        let labelled = secrets[id].iter().flat_map(|(version, state)| {
            let label = |stage: &String| (stage.clone(), version.clone());
            state.stages.iter().map(label).collect::<Vec<_>>()
        });
        let mut labels: Vec<_> = labelled.collect();
        labels.sort();
        labels
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The signing secret `id` as the source for a service in this process.
    pub async fn source(&self, id: &str) -> SecretSource {
        SecretSource::SecretsManager {
            client: Arc::new(self.client().await),
            id: id.to_owned(),
        }
    }

    pub async fn client(&self) -> shared::secrets::SecretsManager {
        use aws_sdk_secretsmanager::config::{Credentials, Region};
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::for_tests());
        let client = aws_sdk_secretsmanager::Client::new(&config.load().await);
        shared::secrets::SecretsManager::with_client(client)
    }

    /// Applies `failure` to all further requests.
    pub fn fail_with(&self, failure: Failure) {
        *self.failure.lock().unwrap() = failure;
    }

    /// Settings of a process that uses this Secrets Manager and its own databases on the shared mongod.
    pub fn settings(&self, secret: &str) -> Vec<(&'static str, String)> {
        let name = format!("s{:016x}", fastrand::u64(..));
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("JWT_SECRET_ID", secret.to_owned()),
            ("MONGODB_URI", shared_mongod().uri()),
            ("MASTER_DB", name.clone()),
            ("TENANT_DB", format!("{name}_tenants")),
        ]
    }
}

fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// Replaces the connection string in `settings` with the secret `uri`.
pub fn with_uri_in_secret(
    mut settings: Vec<(&'static str, String)>,
) -> Vec<(&'static str, String)> {
    settings.retain(|(name, _)| *name != "MONGODB_URI");
    settings.push(("MONGODB_URI_SECRET_ID", "uri".to_owned()));
    settings
}

/// Moves a staging label. Moving `AWSCURRENT` changes the other labels as in Secrets Manager.
fn move_stage(versions: &mut Versions, stage: &str, to: &str) {
    let mut before = None;
    for (version, state) in versions.iter_mut() {
        if state.stages.remove(stage) {
            before = Some(version.clone());
        }
    }
    versions
        .entry(to.to_owned())
        .or_default()
        .stages
        .insert(stage.to_owned());
    if let Some(before) = before.filter(|before| stage == "AWSCURRENT" && before != to) {
        move_stage(versions, "AWSPREVIOUS", &before);
    }
}

async fn respond(
    State(manager): State<FakeSecretsManager>,
    headers: HeaderMap,
    body: String,
) -> Response {
    manager.calls.fetch_add(1, Ordering::Relaxed);
    let failure = *manager.failure.lock().unwrap();
    let error = |status: u16, name: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        (status, Json(json!({"__type": name, "message": name}))).into_response()
    };
    match failure {
        Failure::None => {}
        Failure::Down => return error(500, "InternalServiceError"),
        Failure::Throttling => return error(400, "ThrottlingException"),
        Failure::Hanging => tokio::time::sleep(Duration::from_secs(60)).await,
    }
    let body: Value = serde_json::from_str(&body).unwrap();
    let action = headers["x-amz-target"].to_str().unwrap().to_owned();
    let mut secrets = manager.secrets.lock().unwrap();
    let found = secrets.get_mut(body["SecretId"].as_str().unwrap());
    let done = found.and_then(|versions| act(versions, &action, &body));
    done.map_or_else(
        || error(400, "ResourceNotFoundException"),
        |output| Json(output).into_response(),
    )
}

fn act(versions: &mut Versions, action: &str, body: &Value) -> Option<Value> {
    let text = |name: &str| body[name].as_str();
    match action.trim_start_matches("secretsmanager.") {
        "GetSecretValue" => {
            let (version, state) = versions.iter().find(|(version, state)| {
                text("VersionId").is_none_or(|id| id == *version)
                    && text("VersionStage").is_none_or(|stage| state.stages.contains(stage))
            })?;
            let kind = if state.binary {
                "SecretBinary"
            } else {
                "SecretString"
            };
            let value = state.value.as_ref()?;
            Some(json!({kind: value, "VersionId": version, "CreatedDate": state.created}))
        }
        "DescribeSecret" => {
            let stages = versions
                .iter()
                .map(|(version, state)| (version.clone(), json!(state.stages)));
            Some(json!({"VersionIdsToStages": stages.collect::<serde_json::Map<_, _>>()}))
        }
        "PutSecretValue" => {
            let version = text("ClientRequestToken")?.to_owned();
            versions.entry(version.clone()).or_default().value =
                Some(text("SecretString")?.to_owned());
            for stage in body["VersionStages"].as_array()? {
                move_stage(versions, stage.as_str()?, &version);
            }
            Some(json!({"VersionId": version}))
        }
        "UpdateSecretVersionStage" => {
            let stage = text("VersionStage")?;
            match (text("RemoveFromVersionId"), text("MoveToVersionId")) {
                (_, Some(to)) => move_stage(versions, stage, to),
                (Some(from), None) => drop(versions.get_mut(from)?.stages.remove(stage)),
                (None, None) => return None,
            }
            Some(json!({}))
        }
        other => panic!("{other} is not implemented"),
    }
}
