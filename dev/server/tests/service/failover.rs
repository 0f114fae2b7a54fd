//! F25: a replica set of three members loses its primary under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use shared::start::prepare;

use testkit::{PASSWORD, ReplicaSet, Response, TestService, Tokens};

/// An organization that is renamed repeatedly during the failover.
struct Renamed {
    email: String,
    token: String,
    /// The last acknowledged name, and the name of the pending rename.
    names: Vec<String>,
}

async fn create(service: &TestService, number: usize) -> Response {
    let email = format!("created-{number}@example.com");
    let body = json!({"organization_name": email, "email": email, "password": PASSWORD});
    let request = service.request("POST", "/org/create").json(&body);
    service.send(request.header("idempotency-key", "1")).await
}

/// Creates organizations until `ended`. Returns the number of calls.
async fn create_until(
    service: &TestService,
    ended: &AtomicBool,
    first: usize,
) -> Vec<(usize, u16)> {
    let mut created = Vec::new();
    for number in first.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        created.push((number, create(service, number).await.status.as_u16()));
    }
    created
}

async fn rename_until(service: &TestService, ended: &AtomicBool, renamed: &mut Renamed) {
    for number in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("{} {number}", renamed.email);
        let response = service.rename(&renamed.token, &name).await;
        if response.status == 200 {
            renamed.names.clear();
        }
        renamed.names.push(name);
    }
}

/// Logs the sessions out one after the other. Returns those with an acknowledged logout.
async fn log_out_until<'s>(
    service: &TestService,
    ended: &AtomicBool,
    sessions: &'s [Tokens],
) -> Vec<&'s Tokens> {
    let mut acknowledged = Vec::new();
    for session in sessions {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        if service.log_out(&session.access).await.status == 204 {
            acknowledged.push(session);
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_what_was_acknowledged_survives_the_loss_of_the_primary() {
    let mut set = ReplicaSet::start().await;
    let limits = [
        ("LOGIN_ATTEMPTS_PER_ACCOUNT", "0"),
        ("ORGANIZATION_CHANGES_PER_DAY", "0"),
    ];
    let service = TestService::start_on(&set.uri(), &limits).await;
    let mut renamed = Vec::new();
    for number in 0..3 {
        let email = format!("renamed-{number}@example.com");
        assert_eq!(service.create(&email, &email).await.status, 201);
        let token = service.token_of(&email).await;
        renamed.push(Renamed {
            email,
            token,
            names: Vec::new(),
        });
    }
    service.create("Sessions", "sessions@example.com").await;
    let sessions = (0..60).map(|_| service.session_of("sessions@example.com"));
    let sessions = join_all(sessions).await;
    let ended = AtomicBool::new(false);
    let losing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        set.lose_primary_after(Duration::from_millis(400)).await;
        ended.store(true, Ordering::Relaxed);
    };
    let creating = join_all([0, 1000].map(|first| create_until(&service, &ended, first)));
    let renaming = join_all(
        renamed
            .iter_mut()
            .map(|renamed| rename_until(&service, &ended, renamed)),
    );
    let (acknowledged, created, _, ()) = tokio::join!(
        log_out_until(&service, &ended, &sessions),
        creating,
        renaming,
        losing
    );
    assert!(!acknowledged.is_empty() && created.iter().all(|calls| !calls.is_empty()));
    for session in acknowledged {
        service
            .show(&session.access)
            .await
            .problem(401, "invalid_token");
        service
            .refresh(&session.refresh)
            .await
            .problem(401, "invalid_token");
    }
    for renamed in &renamed {
        let found = service.show(&renamed.token).await.body["organization_name"].clone();
        assert!(
            renamed.names.iter().any(|name| found == **name),
            "the name {found} is neither the acknowledged nor the pending one: {:?}",
            renamed.names
        );
    }
    for (number, status) in created.into_iter().flatten() {
        if status == 201 {
            let login = service
                .log_in(&format!("created-{number}@example.com"), PASSWORD)
                .await;
            assert_eq!(
                login.status, 200,
                "organization {number} was acknowledged and is lost"
            );
        }
        assert_eq!(create(&service, number).await.status, 201);
    }
    service.assert_consistent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_connection_to_a_secondary_is_refused_at_start() {
    let set = ReplicaSet::start().await;
    let service = TestService::start_on(&set.uri_of_secondary().await, &[]).await;
    let refused = prepare(&service.state).await.unwrap_err().to_string();
    assert!(refused.contains("directConnection"), "{refused}");
    service
        .create("Acme", "a@example.com")
        .await
        .problem(500, "internal_error");
    service.get("/health").await.problem(500, "internal_error");
}
