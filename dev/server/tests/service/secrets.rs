//! Secrets Manager: outages, timeouts, throttling, rotation and unusable secrets.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use serde_json::{Value, json};
use shared::tokens::{RotationEvent, Step, rotate};
use tempfile::TempDir;

use crate::access_tokens::{claims_of, signed_with, with_key_id};
use crate::local_server::{Server, refused};
use testkit::{Failure, FakeSecretsManager, with_uri_in_secret};
use testkit::{PASSWORD, TestService, Tokens, shared_mongod, start_mongod};

const VALID_SECRET: &str = "a signing secret of 32 bytes or more";

pub fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = settings.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

/// Starts a server and creates an organization with an admin.
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
async fn f13_a_cold_process_responds_with_503_until_secrets_manager_recovers() {
    let failures = [Failure::Down, Failure::Throttling, Failure::Hanging];
    let recoveries = failures.map(async |failure| {
        let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
        manager.fail_with(failure);
        let folder = TempDir::new().unwrap();
        let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
        let (status, body) = log_in(&server).await;
        assert_eq!(
            (status, &body["code"]),
            (503, &"service_unavailable".into()),
            "{failure:?}"
        );
        manager.fail_with(Failure::None);
        assert_eq!(log_in(&server).await.0, 200, "{failure:?}");
        server.signal("KILL");
    });
    futures_util::future::join_all(recoveries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_cold_process_responds_with_503_until_secrets_manager_listens() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let manager = FakeSecretsManager::new(format!("http://{address}"), &[("jwt", VALID_SECRET)]);
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
    let (status, body) = log_in(&server).await;
    assert_eq!(
        (status, &body["code"]),
        (503, &"service_unavailable".into())
    );
    manager.serve(tokio::net::TcpListener::bind(address).await.unwrap());
    assert_eq!(log_in(&server).await.0, 200);
    server.signal("KILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_warm_process_works_without_secrets_manager() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &manager.settings("jwt")).await;
    for failure in [Failure::Down, Failure::Throttling, Failure::Hanging] {
        manager.fail_with(failure);
        let (status, body) = log_in(&server).await;
        assert_eq!(status, 200, "{failure:?}");
        let token = body["access_token"].as_str().unwrap();
        let show = reqwest::Client::new().get(format!("{}/org", server.base));
        let shown = show.bearer_auth(token).send().await.unwrap();
        assert_eq!(shown.status(), 200, "{failure:?}");
    }
    server.signal("KILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_f14_a_secret_that_cannot_be_used_refuses_the_start() {
    let thirty_one = "x".repeat(31);
    let secrets = [("empty", ""), ("one", "x"), ("short", thirty_one.as_str())];
    let manager = FakeSecretsManager::start(&secrets).await;
    manager.store_binary("binary", &[7; 32]);
    for (id, reason) in [
        ("binary", "it is binary, but must be a string"),
        ("empty", "0 bytes; it needs at least 32"),
        ("one", "1 bytes; it needs at least 32"),
        ("short", "31 bytes; it needs at least 32"),
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
    let malformed = [
        "mongodb://user:hunter2hunter2@[broken",
        "mongodb://user:hunter2?x@host/",
        "mongodb://user:123?hunter2@host/db",
        "mongodb://user:hunter2/x@host/",
        "mongodb://user:hunter2@x@host/",
        "mongodb+srv://user:hunter2?@host.example.com/",
        "mongodb://user:p@host/?hunter2=x",
    ];
    for uri in malformed {
        let message = refused_with_uri(Some(uri)).await;
        assert!(message.contains("connection string"), "{message}");
        assert!(
            !message.contains("hunter2") && !message.contains("123"),
            "{message}"
        );
    }
    let message = refused_with_uri(None).await;
    assert!(message.contains("secret uri"), "{message}");
}

/// The start error if the connection string secret has this value, or does not exist.
async fn refused_with_uri(uri: Option<&str>) -> String {
    let mut secrets = vec![("jwt", VALID_SECRET)];
    secrets.extend(uri.map(|uri| ("uri", uri)));
    let manager = FakeSecretsManager::start(&secrets).await;
    let settings = with_uri_in_secret(manager.settings("jwt"));
    let refused = move || refused(TempDir::new().unwrap().path(), &borrowed(&settings));
    tokio::task::spawn_blocking(refused).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_string_can_come_from_a_secret() {
    let uri = shared_mongod().uri();
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET), ("uri", &uri)]).await;
    let settings = with_uri_in_secret(manager.settings("jwt"));
    let folder = TempDir::new().unwrap();
    let mut server = server_with_admin(folder.path(), &settings).await;
    assert_eq!(log_in(&server).await.0, 200);
    server.signal("KILL");
}

#[tokio::test]
async fn f24_the_connection_string_is_refreshed_every_few_minutes() {
    let manager = FakeSecretsManager::start(&[]).await;
    let mongod = start_mongod().await;
    let service = TestService::start_with_uri_secret(&mongod.uri(), &manager).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let tokens = service.session_of("a@example.com").await;
    let calls = manager.calls();
    service.advance_clock(Duration::from_secs(290));
    for _ in 0..20 {
        assert_eq!(service.show(&tokens.access).await.status, 200);
    }
    // Fewer calls than requests. Denied commands of concurrent tests may add a call each.
    assert!(manager.calls() - calls < 5);
    // First the version is unchanged, then Secrets Manager is unreachable.
    for failure in [Failure::None, Failure::Down] {
        manager.fail_with(failure);
        service.advance_clock(Duration::from_secs(300));
        assert_eq!(
            service.show(&tokens.access).await.status,
            200,
            "{failure:?}"
        );
    }
    // Commands fail with an error that does not call the connection into question.
    let data = doc! { "failCommands": ["find"], "errorCode": 2 };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
    service
        .show(&tokens.access)
        .await
        .problem(503, "service_unavailable");
    manager.rotate("uri", &format!("{}&appName=successor", mongod.uri()));
    manager.fail_with(Failure::None);
    service.advance_clock(Duration::from_secs(31));
    assert_eq!(service.show(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn f24_denied_commands_refresh_the_connection_string_at_most_once_a_second() {
    let manager = FakeSecretsManager::start(&[]).await;
    let mongod = start_mongod().await;
    let service = TestService::start_with_uri_secret(&mongod.uri(), &manager).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let tokens = service.session_of("a@example.com").await;
    for code in [13, 18, 8000] {
        let (calls, started) = (manager.calls(), Instant::now());
        let data = doc! { "failCommands": ["find"], "errorCode": code };
        service.failpoint(doc! { "times": 1_000_000 }, data).await;
        for _ in 0..50 {
            service
                .show(&tokens.access)
                .await
                .problem(500, "internal_error");
        }
        service.failpoint_off().await;
        let read = u64::try_from(manager.calls() - calls).unwrap();
        assert!(
            (1..=2 + started.elapsed().as_secs()).contains(&read),
            "{code}: {read}"
        );
        assert_eq!(service.show(&tokens.access).await.status, 200);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Starts a service in this process with an admin and the signing secret of `manager`.
async fn service_with_admin(manager: &FakeSecretsManager) -> TestService {
    let source = manager.source("jwt").await;
    let service = TestService::start_from(&shared_mongod().uri(), &[], source).await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    service
}

#[tokio::test]
async fn f15_a_rotation_refuses_no_valid_token() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    // Two processes on one database, like two functions.
    let one = service_with_admin(&manager).await;
    let before = one.session_of("a@example.com").await;
    assert_eq!(one.show(&before.access).await.status, 200);
    let other = one.second_instance(manager.source("jwt").await).await;
    assert_eq!(other.show(&before.access).await.status, 200);
    let rotated = AtomicBool::new(false);
    // Both are under load during the rotation.
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
            service.advance_clock(Duration::from_secs(150));
        }
        rotated.store(true, Ordering::Relaxed);
    };
    let (by_one, by_other, ()) = tokio::join!(load(&one), load(&other), rotation);
    assert!(
        by_one > 20 && by_other > 20,
        "no load before the rotation: {by_one} and {by_other} requests"
    );
    // A new process signs with the new secret. The others learn about it from a token.
    let third = one.second_instance(manager.source("jwt").await).await;
    let after = third.session_of("a@example.com").await;
    let calls = manager.calls();
    let shows = futures_util::future::join_all((0..16).map(|_| other.show(&after.access)));
    assert!(shows.await.iter().all(|response| response.status == 200));
    assert_eq!(
        manager.calls() - calls,
        2,
        "16 concurrent requests must share one call for each of the two versions"
    );
    for service in [&one, &other, &third] {
        for tokens in [&before, &after] {
            assert_eq!(service.show(&tokens.access).await.status, 200);
        }
    }
    // After two rotations, the first secret is no longer valid.
    manager.rotate("jwt", "a third signing secret of 32 bytes or more");
    one.advance_clock(Duration::from_secs(301));
    one.show(&before.access).await.problem(401, "invalid_token");
    assert_eq!(one.show(&after.access).await.status, 200);
}

#[tokio::test]
async fn f17_a_flood_of_unknown_keys_causes_few_lookups() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let good = service.session_of("a@example.com").await;
    let calls = manager.calls();
    for flood in 0..10 {
        let forged: Vec<_> = (0..100)
            .map(|number| with_key_id(&format!("unknown-{flood}-{number}")))
            .collect();
        let responses = forged.iter().map(|token| service.show(token));
        for response in futures_util::future::join_all(responses).await {
            response.problem(401, "invalid_token");
        }
    }
    let questions = (manager.calls() - calls) / 2;
    assert!((1..=5 + 60).contains(&questions), "{questions} questions");
    assert_eq!(service.show(&good.access).await.status, 200);
    // Requests succeed immediately after the recovery.
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    service.advance_clock(Duration::from_secs(5));
    let second_instance = service.second_instance(manager.source("jwt").await).await;
    let new = Tokens::of(&second_instance.log_in("a@example.com", PASSWORD).await);
    assert_eq!(service.show(&new.access).await.status, 200);
}

#[tokio::test]
async fn an_unusable_previous_version_is_ignored() {
    let manager = FakeSecretsManager::start(&[]).await;
    manager.store_binary("jwt", &[7; 32]);
    manager.rotate("jwt", VALID_SECRET);
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    let unknown = service.show(&with_key_id("unknown")).await;
    unknown.problem(401, "invalid_token");
    assert_eq!(service.show(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn f13_known_keys_work_during_an_outage_and_are_refreshed_after_it() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    let service = service.with_timeout(Duration::from_secs(3)).await;
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    for failure in [Failure::Down, Failure::Throttling, Failure::Hanging] {
        manager.fail_with(failure);
        service.advance_clock(Duration::from_secs(301));
        assert_eq!(
            service.show(&tokens.access).await.status,
            200,
            "{failure:?}"
        );
        // A new key cannot be distinguished from an invented one.
        let unknown = service.show(&with_key_id("unknown")).await;
        unknown.problem(503, "service_unavailable");
    }
    manager.fail_with(Failure::None);
    service.advance_clock(Duration::from_secs(31));
    let again = service.session_of("a@example.com").await;
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&again.access), header(&tokens.access));
}

#[tokio::test]
async fn f13_a_flood_of_unknown_keys_does_not_delay_a_known_one() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    let service = service.with_timeout(Duration::from_secs(3)).await;
    manager.fail_with(Failure::Hanging);
    let forged: Vec<_> = (0..4)
        .map(|number| with_key_id(&format!("unknown-{number}")))
        .collect();
    let flood = futures_util::future::join_all(forged.iter().map(|token| service.show(token)));
    let known = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // The known key is due for a reload now, queued behind the requests with unknown keys.
        service.advance_clock(Duration::from_secs(301));
        // A request that waited for the unknown keys would get 503.
        assert_eq!(service.show(&tokens.access).await.status, 200);
    };
    let (flood, ()) = tokio::join!(flood, known);
    for response in flood {
        response.problem(503, "service_unavailable");
    }
}

#[tokio::test]
async fn t_a_leaked_key_is_useless_after_the_rotation() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let before = service.session_of("a@example.com").await;
    let claims = claims_of(&before.access);
    let issued_at = claims["iat"].as_i64().unwrap();
    let forged = |age: i64, lifetime: i64| {
        let mut claims = claims.clone();
        for (name, moment) in [("iat", age), ("nbf", age), ("exp", age + lifetime)] {
            claims[name] = (issued_at + moment).into();
        }
        signed_with("version-0", VALID_SECRET, &claims)
    };
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    service.advance_clock(Duration::from_secs(420));
    assert_eq!(service.show(&forged(300, 1800)).await.status, 200);
    for (age, lifetime) in [(400, 1800), (415, 60), (300, 86_400), (-10, 1801)] {
        let refused = service.show(&forged(age, lifetime)).await;
        refused.problem(401, "invalid_token");
    }
    assert_eq!(service.show(&before.access).await.status, 200);
    let after = service.session_of("a@example.com").await;
    assert_eq!(service.show(&after.access).await.status, 200);
}

#[tokio::test]
async fn t_a_version_that_was_pending_too_long_does_not_become_current() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let client = manager.client().await;
    manager.begin_rotation("jwt", "slow");
    for done in &STEPS[..3] {
        rotate(&client, &step("slow", *done)).await.unwrap();
    }
    manager.age("jwt", "slow", Duration::from_secs(60));
    let late = rotate(&client, &step("slow", Step::FinishSecret))
        .await
        .unwrap_err();
    assert!(late.to_string().contains("rotate-secret"), "{late}");
    assert_eq!(
        manager.labels("jwt"),
        [("AWSCURRENT".to_owned(), "version-0".to_owned())]
    );
    // The next rotation starts from the first step.
    manager.begin_rotation("jwt", "next");
    for done in STEPS {
        rotate(&client, &step("next", done)).await.unwrap();
    }
}

#[tokio::test]
async fn t_steps_for_a_version_that_is_not_pending_are_refused() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let client = manager.client().await;
    for not_pending in STEPS {
        let refused = rotate(&client, &step("made-up", not_pending)).await;
        assert!(refused.is_err(), "{not_pending:?}");
    }
    manager.rotate("jwt", "another signing secret of 32 bytes or more");
    for not_pending in STEPS {
        let refused = rotate(&client, &step("version-0", not_pending)).await;
        assert!(refused.is_err(), "{not_pending:?} of the version before");
        // For the current version, the step is already complete.
        rotate(&client, &step("version-1", not_pending))
            .await
            .unwrap();
    }
    assert_eq!(manager.labels("jwt").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_around_secrets_is_ignored() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let tokens = service.session_of("a@example.com").await;
    manager.rotate("jwt", &format!("\n {VALID_SECRET}\t\r\n"));
    service.advance_clock(Duration::from_secs(301));
    let claims = claims_of(&tokens.access);
    assert_eq!(
        service
            .show(&signed_with("version-1", VALID_SECRET, &claims))
            .await
            .status,
        200
    );
    let secrets = [
        ("jwt", " \n"),
        ("uri", &*format!(" {}\r\n", shared_mongod().uri())),
    ];
    let manager = FakeSecretsManager::start(&secrets).await;
    let settings = with_uri_in_secret(manager.settings("jwt"));
    let refused = move || refused(TempDir::new().unwrap().path(), &borrowed(&settings));
    let message = tokio::task::spawn_blocking(refused).await.unwrap();
    assert!(
        message.contains("0 bytes; it needs at least 32"),
        "{message}"
    );
    manager.rotate("jwt", VALID_SECRET);
    let folder = TempDir::new().unwrap();
    let settings = with_uri_in_secret(manager.settings("jwt"));
    let mut server = server_with_admin(folder.path(), &settings).await;
    assert_eq!(log_in(&server).await.0, 200);
    server.signal("KILL");
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
async fn each_step_of_a_rotation_can_be_repeated() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
    let service = service_with_admin(&manager).await;
    let before = service.session_of("a@example.com").await;
    let client = manager.client().await;
    manager.begin_rotation("jwt", "new");
    for done in STEPS {
        for _ in 0..3 {
            rotate(&client, &step("new", done)).await.unwrap();
        }
        // An incomplete rotation does not affect requests.
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
    // A late delivery of an earlier step succeeds without a change.
    for late in STEPS {
        rotate(&client, &step("new", late)).await.unwrap();
    }
    service.advance_clock(Duration::from_secs(301));
    let after = service.session_of("a@example.com").await;
    assert_eq!(service.show(&before.access).await.status, 200);
    assert_eq!(service.show(&after.access).await.status, 200);
}

#[tokio::test]
async fn a_rotation_does_not_finish_without_its_first_step() {
    let manager = FakeSecretsManager::start(&[("jwt", VALID_SECRET)]).await;
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
    manager.fail_with(Failure::Down);
    assert!(
        rotate(&client, &step("new", Step::CreateSecret))
            .await
            .is_err()
    );
    manager.fail_with(Failure::None);
    for done in STEPS {
        rotate(&client, &step("new", done)).await.unwrap();
    }
}
