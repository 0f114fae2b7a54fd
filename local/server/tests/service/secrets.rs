//! Secrets Manager as functions meet it: good, down, slow, throttling, and with secrets that cannot be used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use serde_json::{Value, json};
use shared::tokens::{RotationEvent, SecretSource, Step, rotate};
use tempfile::TempDir;

use crate::cargo_run::{Server, refused};
use crate::harness::{PASSWORD, TestService, Tokens, mongod};
use crate::tokens::with_key_id;

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
pub struct SecretsManager {
    mood: Arc<Mutex<Mood>>,
    secrets: Arc<Mutex<BTreeMap<String, Versions>>>,
    calls: Arc<AtomicUsize>,
    url: String,
}

/// The versions of a secret, by their ids.
type Versions = BTreeMap<String, Version>;

#[derive(Clone, Default)]
struct Version {
    value: Option<String>,
    binary: bool,
    stages: BTreeSet<String>,
}

impl SecretsManager {
    pub async fn start(secrets: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let manager = Self::new(url, secrets);
        manager.serve(listener);
        manager
    }

    /// One that does not listen yet.
    fn new(url: String, secrets: &[(&str, &str)]) -> Self {
        let manager = Self {
            mood: Arc::new(Mutex::new(Mood::Good)),
            secrets: Arc::default(),
            calls: Arc::default(),
            url,
        };
        for (id, value) in secrets {
            manager.rotate(id, value);
        }
        manager
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let router = axum::Router::new()
            .route("/", post(answer))
            .with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
    }

    /// Keeps a secret of bytes instead of a string.
    fn keep_binary(&self, id: &str, bytes: &[u8]) {
        self.rotate(id, &base64::engine::general_purpose::STANDARD.encode(bytes));
        let mut secrets = self.secrets.lock().unwrap();
        for version in secrets.get_mut(id).unwrap().values_mut() {
            version.binary = true;
        }
    }

    /// Makes `value` the current version.
    fn rotate(&self, id: &str, value: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let versions = secrets.entry(id.to_owned()).or_default();
        let version = format!("version-{}", versions.len());
        versions.entry(version.clone()).or_default().value = Some(value.to_owned());
        move_stage(versions, "AWSCURRENT", &version);
    }

    /// Begins a rotation as Secrets Manager does: the new version has a label, and no value yet.
    fn begin_rotation(&self, id: &str, version: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let versions = secrets.get_mut(id).unwrap();
        let pending = versions.entry(version.to_owned()).or_default();
        pending.stages.insert("AWSPENDING".to_owned());
    }

    /// The labels of every version that has some, and the number of values.
    fn labels(&self, id: &str) -> Vec<(String, String)> {
        let secrets = self.secrets.lock().unwrap();
        let labelled = secrets[id].iter().flat_map(|(version, state)| {
            let label = |stage: &String| (stage.clone(), version.clone());
            state.stages.iter().map(label).collect::<Vec<_>>()
        });
        let mut labels: Vec<_> = labelled.collect();
        labels.sort();
        labels
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The source of a service in this process.
    async fn source(&self, id: &str) -> SecretSource {
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

/// What moving `AWSCURRENT` does to the other labels is Secrets Manager's own rule.
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

async fn answer(
    State(manager): State<SecretsManager>,
    headers: HeaderMap,
    body: String,
) -> Response {
    manager.calls.fetch_add(1, Ordering::Relaxed);
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
    let action = headers["x-amz-target"].to_str().unwrap().to_owned();
    let mut secrets = manager.secrets.lock().unwrap();
    let found = secrets.get_mut(body["SecretId"].as_str().unwrap());
    let done = found.and_then(|versions| act(versions, &action, &body));
    done.map_or_else(
        || error(400, "ResourceNotFoundException"),
        |answer| Json(answer).into_response(),
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
            Some(json!({kind: state.value.as_ref()?, "VersionId": version}))
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
        other => panic!("nobody asks for {other}"),
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
async fn f13_where_nobody_listens_a_process_answers_503_until_somebody_does() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let manager = SecretsManager::new(format!("http://{address}"), &[("jwt", GOOD)]);
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
    let started = Instant::now();
    let (status, body) = log_in(&server).await;
    assert_eq!(
        (status, &body["code"]),
        (503, &"service_unavailable".into())
    );
    assert!(started.elapsed() < Duration::from_secs(11));
    manager.serve(tokio::net::TcpListener::bind(address).await.unwrap());
    assert_eq!(log_in(&server).await.0, 200);
    server.signal("KILL");
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
    manager.keep_binary("binary", &[7; 32]);
    for (id, reason) in [
        ("binary", "it is binary, a string is expected"),
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

/// A service of this process, with an admin, whose secret is `manager`'s.
async fn service_with_admin(manager: &SecretsManager) -> TestService {
    let source = manager.source("jwt").await;
    let service = TestService::start_from(&mongod().uri(), &[], source).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    service
}

#[tokio::test]
async fn f15_a_rotation_refuses_no_valid_token() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    // Two processes on one database, as functions are.
    let one = service_with_admin(&manager).await;
    let before = one.session_of("a@example.com").await;
    assert_eq!(one.show(&before.access).await.status, 200);
    let other = one.twin(manager.source("jwt").await).await;
    assert_eq!(other.show(&before.access).await.status, 200);
    let rotated = AtomicBool::new(false);
    // All the while both are under load.
    let load = async |service: &TestService| {
        let (mut after, mut shown) = (0, 0);
        while after < 20 {
            assert_eq!(service.show(&before.access).await.status, 200);
            after += usize::from(rotated.load(Ordering::Relaxed));
            shown += 1;
        }
        shown
    };
    let rotation = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        manager.rotate("jwt", "another signing secret of 32 bytes or more");
        for service in [&one, &other] {
            service.pass(Duration::from_secs(150));
        }
        rotated.store(true, Ordering::Relaxed);
    };
    let (by_one, by_other, ()) = tokio::join!(load(&one), load(&other), rotation);
    assert!(by_one > 20 && by_other > 20, "no load before the rotation");
    // A process that starts now signs with the new secret, which the others meet in a token first.
    let third = one.twin(manager.source("jwt").await).await;
    let after = third.session_of("a@example.com").await;
    let calls = manager.calls();
    let shows = futures_util::future::join_all((0..16).map(|_| other.show(&after.access)));
    assert!(shows.await.iter().all(|answer| answer.status == 200));
    assert_eq!(manager.calls() - calls, 2, "one question for both versions");
    for service in [&one, &other, &third] {
        for tokens in [&before, &after] {
            assert_eq!(service.show(&tokens.access).await.status, 200);
        }
    }
    // Two rotations later the first secret is nobody's.
    manager.rotate("jwt", "a third signing secret of 32 bytes or more");
    one.pass(Duration::from_secs(301));
    one.show(&before.access).await.problem(401, "invalid_token");
    assert_eq!(one.show(&after.access).await.status, 200);
}

#[tokio::test]
async fn f17_a_flood_of_unknown_keys_asks_a_few_times() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let service = service_with_admin(&manager).await;
    let good = service.session_of("a@example.com").await;
    let calls = manager.calls();
    for flood in 0..10 {
        let forged: Vec<_> = (0..100)
            .map(|number| with_key_id(&format!("unknown-{flood}-{number}")))
            .collect();
        let answers = forged.iter().map(|token| service.show(token));
        for answer in futures_util::future::join_all(answers).await {
            answer.problem(401, "invalid_token");
        }
    }
    let questions = (manager.calls() - calls) / 2;
    assert!((1..=5 + 60).contains(&questions), "{questions} questions");
    assert_eq!(service.show(&good.access).await.status, 200);
    // Whoever needs it is served again right after.
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    service.pass(Duration::from_secs(5));
    let twin = service.twin(manager.source("jwt").await).await;
    let new = Tokens::of(&twin.log_in("a@example.com", PASSWORD).await);
    assert_eq!(service.show(&new.access).await.status, 200);
}

#[tokio::test]
async fn f13_known_keys_go_on_while_secrets_manager_is_away_and_are_refreshed_when_it_is_back() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    for mood in [Mood::Down, Mood::Throttling, Mood::Hanging] {
        manager.be(mood);
        service.pass(Duration::from_secs(301));
        let started = Instant::now();
        assert_eq!(service.show(&tokens.access).await.status, 200, "{mood:?}");
        assert!(started.elapsed() < Duration::from_secs(3), "{mood:?}");
        // A key that may be new cannot be told from one that is made up.
        let unknown = service.show(&with_key_id("unknown")).await;
        unknown.problem(503, "service_unavailable");
    }
    manager.be(Mood::Good);
    service.pass(Duration::from_secs(31));
    let again = service.session_of("a@example.com").await;
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&again.access), header(&tokens.access));
}

#[tokio::test]
async fn f13_a_flood_of_unknown_keys_does_not_hold_a_known_one_up() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    manager.be(Mood::Hanging);
    let forged: Vec<_> = (0..4)
        .map(|number| with_key_id(&format!("unknown-{number}")))
        .collect();
    let flood = futures_util::future::join_all(forged.iter().map(|token| service.show(token)));
    let known = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // What is known is to be asked for again now, behind those who wait for the unknown.
        service.pass(Duration::from_secs(301));
        let started = Instant::now();
        assert_eq!(service.show(&tokens.access).await.status, 200);
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{:?}",
            started.elapsed()
        );
    };
    let (flood, ()) = tokio::join!(flood, known);
    for answer in flood {
        answer.problem(503, "service_unavailable");
    }
}

fn step(version: &str, step: Step) -> RotationEvent {
    RotationEvent {
        secret_id: "jwt".to_owned(),
        client_request_token: version.to_owned(),
        step,
    }
}

const STEPS: [Step; 4] = [
    Step::CreateSecret,
    Step::SetSecret,
    Step::TestSecret,
    Step::FinishSecret,
];

#[tokio::test]
async fn a_rotation_keeps_the_version_before_and_each_step_can_be_repeated() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let service = service_with_admin(&manager).await;
    let before = service.session_of("a@example.com").await;
    let client = manager.client().await;
    manager.begin_rotation("jwt", "new");
    for done in STEPS {
        for _ in 0..3 {
            rotate(&client, &step("new", done)).await.unwrap();
        }
        // Half done, it changes nothing for anyone.
        assert_eq!(service.show(&before.access).await.status, 200);
    }
    let label = |stage: &str, version: &str| (stage.to_owned(), version.to_owned());
    assert_eq!(
        manager.labels("jwt"),
        [
            label("AWSCURRENT", "new"),
            label("AWSPREVIOUS", "version-0")
        ]
    );
    // A late delivery of an earlier step is done already.
    for late in STEPS {
        rotate(&client, &step("new", late)).await.unwrap();
    }
    service.pass(Duration::from_secs(301));
    let after = service.session_of("a@example.com").await;
    assert_eq!(service.show(&before.access).await.status, 200);
    assert_eq!(service.show(&after.access).await.status, 200);
}

#[tokio::test]
async fn a_rotation_is_not_finished_without_its_beginning() {
    let manager = SecretsManager::start(&[("jwt", GOOD)]).await;
    let client = manager.client().await;
    assert!(
        rotate(&client, &step("never", Step::TestSecret))
            .await
            .is_err()
    );
    assert!(
        rotate(&client, &step("never", Step::FinishSecret))
            .await
            .is_err()
    );
    manager.begin_rotation("jwt", "new");
    for too_soon in [Step::TestSecret, Step::FinishSecret] {
        let empty = rotate(&client, &step("new", too_soon)).await;
        assert!(empty.is_err(), "{too_soon:?} of a version without a value");
    }
    manager.be(Mood::Down);
    assert!(
        rotate(&client, &step("new", Step::CreateSecret))
            .await
            .is_err()
    );
    manager.be(Mood::Good);
    for done in STEPS {
        rotate(&client, &step("new", done)).await.unwrap();
    }
}
