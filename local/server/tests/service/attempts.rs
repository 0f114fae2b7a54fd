//! Guesses at passwords, and calls from one address, are limited before they cost anything.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use crate::harness::{Answer, PASSWORD, TestService};

const EMAIL: &str = "admin@example.com";

async fn service_with_admin(settings: &[(&str, &str)]) -> TestService {
    let service = TestService::start_with(settings).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    service
}

/// Seconds that the answer asks to wait.
fn wait(answer: &Answer) -> u64 {
    answer.problem(429, "too_many_attempts");
    answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

async fn guesses(service: &TestService, count: usize) -> Vec<Answer> {
    let guess = |_| service.log_in(EMAIL, "Admin@124");
    futures_util::future::join_all((0..count).map(guess)).await
}

#[tokio::test]
async fn a3_of_50_parallel_guesses_at_most_the_limit_reach_the_hash() {
    let service = service_with_admin(&[]).await;
    let answers = guesses(&service, 50).await;
    let decided = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(decided, 5, "{answers:?}");
    answers
        .iter()
        .filter(|answer| answer.status != 401)
        .for_each(|answer| assert!(wait(answer) > 0));
}

#[tokio::test]
async fn a4_waits_grow_and_end_and_the_right_password_ends_them() {
    let service = service_with_admin(&[]).await;
    guesses(&service, 5).await;
    let mut last = 0;
    for _ in 0..8 {
        let blocked = wait(&service.log_in(EMAIL, PASSWORD).await);
        assert!(
            blocked >= last && blocked <= 15 * 60 + 1,
            "{last} and then {blocked}"
        );
        last = blocked;
        service.pass(Duration::from_secs(blocked));
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert!(last > 14 * 60, "the waits grew to {last} seconds only");
    service.pass(Duration::from_secs(15 * 60 + 1));
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    for _ in 0..4 {
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a4_guesses_at_unknown_accounts_are_limited_just_the_same() {
    let service = service_with_admin(&[]).await;
    for email in ["nobody@example.com", "no email at all"] {
        for _ in 0..5 {
            service
                .log_in(email, PASSWORD)
                .await
                .problem(401, "invalid_credentials");
        }
        assert!(wait(&service.log_in(email, PASSWORD).await) > 0);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_admin_who_knows_the_password_may_log_in_many_times_at_once() {
    let service = service_with_admin(&[]).await;
    let logins = (0..20).map(|_| service.log_in(EMAIL, PASSWORD));
    for answer in futures_util::future::join_all(logins).await {
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn a3_an_abandoned_guess_counts_as_a_wrong_one_and_an_old_one_is_forgotten() {
    let service = service_with_admin(&[]).await;
    guesses(&service, 4).await;
    // Its function is killed while the hash is computed.
    let killed = service.log_in(EMAIL, "Admin@124");
    let _ = tokio::time::timeout(Duration::from_millis(25), killed).await;
    service.pass(Duration::from_secs(16));
    assert!(wait(&service.log_in(EMAIL, PASSWORD).await) > 0);
    service.pass(Duration::from_secs(24 * 3600));
    for _ in 0..4 {
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a2_n1_an_address_has_a_limit_of_its_own() {
    let settings = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "3"),
        ("ONBOARDINGS_PER_ADDRESS", "2"),
    ];
    let service = service_with_admin(&settings).await;
    for _ in 0..5 {
        assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    }
    for number in 0..3 {
        assert_eq!(
            service
                .log_in(&format!("a{number}@example.com"), PASSWORD)
                .await
                .status,
            401
        );
    }
    let forged = service
        .request("POST", "/admin/login")
        .header("x-forwarded-for", "198.51.100.1");
    let body = doc! { "email": EMAIL, "password": PASSWORD };
    let refused = service.send(forged.json(&body)).await;
    assert!(wait(&refused) > 3500);
    assert_eq!(service.create("Second", "b@example.com").await.status, 201);
    assert!(wait(&service.create("Third", "c@example.com").await) > 3500);
    service.pass(Duration::from_secs(3600));
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn what_is_kept_names_nobody() {
    let service = service_with_admin(&[("LOGIN_ATTEMPTS_PER_ADDRESS", "9")]).await;
    service.log_in(EMAIL, "Admin@124").await;
    let mut kept = service.attempts().find(doc! {}).await.unwrap();
    let mut documents = 0;
    while kept.advance().await.unwrap() {
        let document: Document = kept.deserialize_current().unwrap();
        let text = document.to_string();
        assert!(
            !text.contains("admin") && !text.contains("127.0.0.1"),
            "{text}"
        );
        assert!(document.get_datetime("expires_at").is_ok());
        documents += 1;
    }
    assert_eq!(documents, 2);
}
