//! Sessions: refresh tokens, logout and password changes, and the sessions that each of them ends.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::access_tokens::claims_of;
use testkit::{PASSWORD, TestService, Tokens};

const EMAIL: &str = "admin@example.com";
const NEW_PASSWORD: &str = "correct horse battery staple";

async fn service_with_admin() -> TestService {
    let service = TestService::start().await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    service
}

/// Asserts that the access token and the refresh token are revoked.
pub async fn assert_revoked(service: &TestService, tokens: &Tokens) {
    service
        .show(&tokens.access)
        .await
        .problem(401, "invalid_token");
    service
        .refresh(&tokens.refresh)
        .await
        .problem(401, "invalid_token");
}

pub async fn assert_live(service: &TestService, tokens: &Tokens) {
    assert_eq!(service.show(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn a_refresh_returns_new_tokens_of_the_same_session() {
    let service = service_with_admin().await;
    let login = service.log_in(EMAIL, PASSWORD).await;
    assert_eq!(login.body["refresh_expires_in"], 2_592_000);
    let first = Tokens::of(&login);
    let response = service.refresh(&first.refresh).await;
    assert_eq!(response.body["token_type"], "bearer");
    assert_eq!(response.body["expires_in"], 1800);
    let left = response.body["refresh_expires_in"].as_u64().unwrap();
    assert!((2_591_900..=2_592_000).contains(&left), "{left}");
    let second = Tokens::of(&response);
    assert!(second.access != first.access && second.refresh != first.refresh);
    assert_live(&service, &first).await;
    assert_live(&service, &second).await;
    let third = Tokens::of(&service.refresh(&second.refresh).await);
    assert_live(&service, &third).await;
    assert_eq!(
        service.sessions().count_documents(doc! {}).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn only_a_hash_of_a_refresh_token_is_stored() {
    let service = service_with_admin().await;
    let first = service.session_of(EMAIL).await;
    let second = Tokens::of(&service.refresh(&first.refresh).await);
    let stored = service.sessions().find_one(doc! {}).await.unwrap().unwrap();
    let stored = format!("{stored:?}");
    for token in [&first.refresh, &second.refresh] {
        assert_eq!(token.len(), 80);
        assert!(!stored.contains(token.as_str()));
        assert!(!stored.contains(&token[16..59]));
    }
}

#[tokio::test]
async fn a_lost_response_is_repeated_within_the_replay_window() {
    let service = service_with_admin().await;
    let first = service.session_of(EMAIL).await;
    let second = Tokens::of(&service.refresh(&first.refresh).await);
    service.advance_clock(Duration::from_secs(25));
    let again = Tokens::of(&service.refresh(&first.refresh).await);
    assert_eq!(again.refresh, second.refresh);
    assert_live(&service, &again).await;
}

#[tokio::test]
async fn reuse_of_a_replaced_token_ends_the_session() {
    let service = service_with_admin().await;
    let other = service.session_of(EMAIL).await;
    let first = service.session_of(EMAIL).await;
    let second = Tokens::of(&service.refresh(&first.refresh).await);
    service.advance_clock(Duration::from_secs(31));
    assert_revoked(
        &service,
        &Tokens {
            access: String::new(),
            refresh: first.refresh.clone(),
        },
    )
    .await;
    assert_revoked(&service, &first).await;
    assert_revoked(&service, &second).await;
    assert_live(&service, &other).await;
    let ended = service.trail(&other.access).await;
    assert_eq!(
        ended
            .iter()
            .filter(|action| *action == "session_ended")
            .count(),
        1
    );
}

#[tokio::test]
async fn reuse_of_an_older_token_ends_the_session_immediately() {
    let service = service_with_admin().await;
    let first = service.session_of(EMAIL).await;
    let second = Tokens::of(&service.refresh(&first.refresh).await);
    let third = Tokens::of(&service.refresh(&second.refresh).await);
    let refused = service.refresh(&first.refresh).await;
    refused.problem(401, "invalid_token");
    assert_eq!(
        refused.headers["www-authenticate"],
        "Bearer realm=\"org-management\", error=\"invalid_token\""
    );
    assert_revoked(&service, &third).await;
}

#[tokio::test]
async fn an_invented_refresh_token_ends_no_session() {
    let service = service_with_admin().await;
    let tokens = service.session_of(EMAIL).await;
    let mut changed = tokens.refresh.clone();
    changed.replace_range(40..41, if &changed[40..41] == "A" { "B" } else { "A" });
    for text in [
        "",
        "x",
        "💥",
        &changed,
        &tokens.refresh[1..],
        &tokens.access,
    ] {
        let refused = service.refresh(text).await;
        refused.problem(401, "invalid_token");
    }
    assert_live(&service, &tokens).await;
    assert_eq!(service.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn parallel_refreshes_get_the_same_successor() {
    let service = service_with_admin().await;
    let first = service.session_of(EMAIL).await;
    let responses = join_all((0..16).map(|_| service.refresh(&first.refresh))).await;
    let tokens: Vec<_> = responses.iter().map(Tokens::of).collect();
    for token in &tokens {
        assert_eq!(token.refresh, tokens[0].refresh);
        assert_live(&service, token).await;
    }
    assert_eq!(service.refresh(&tokens[0].refresh).await.status, 200);
}

#[tokio::test]
async fn an_expired_session_is_dead_before_its_document_is_removed() {
    let service = service_with_admin().await;
    let tokens = service.session_of(EMAIL).await;
    let day = Duration::from_secs(24 * 3600);
    service.advance_clock(29 * day);
    let tokens = Tokens::of(&service.refresh(&tokens.refresh).await);
    assert_live(&service, &tokens).await;
    service.advance_clock(day);
    assert_revoked(&service, &tokens).await;
}

#[tokio::test]
async fn an_access_token_does_not_outlive_its_session() {
    let service = TestService::start_with(&[("SESSION_TTL_SECONDS", "600")]).await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let login = service.log_in(EMAIL, PASSWORD).await;
    assert_eq!(login.body["expires_in"], 600);
    service.advance_clock(Duration::from_secs(500));
    let response = service.refresh(&Tokens::of(&login).refresh).await;
    let left = response.body["expires_in"].as_u64().unwrap();
    assert!((90..=100).contains(&left), "{left}");
    assert_eq!(response.body["refresh_expires_in"], left);
    let claims = claims_of(&Tokens::of(&response).access);
    let claim = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(claim("exp") - claim("iat"), left);
}

#[tokio::test]
async fn a_logout_ends_only_its_session() {
    let service = service_with_admin().await;
    let (one, other) = (
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    );
    assert_eq!(service.log_out(&one.access).await.status, 204);
    assert_revoked(&service, &one).await;
    assert_live(&service, &other).await;
    service
        .log_out(&one.access)
        .await
        .problem(401, "invalid_token");
}

#[tokio::test]
async fn a_logout_everywhere_ends_only_the_admins_sessions() {
    let service = service_with_admin().await;
    service.create("Other", "other@example.com").await;
    let foreign = service.session_of("other@example.com").await;
    let sessions = [
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    ];
    for query in [
        "everywhere=yes",
        "everywhere",
        "everywhere=true&everywhere=true",
        "all=1",
    ] {
        let path = format!("/admin/logout?{query}");
        let response = service
            .call("POST", &path, &sessions[0].access, &Value::Null)
            .await;
        response.problem(400, "malformed_request");
    }
    let path = "/admin/logout?everywhere=true";
    let response = service
        .call("POST", path, &sessions[0].access, &Value::Null)
        .await;
    assert_eq!(response.status, 204);
    for session in &sessions {
        assert_revoked(&service, session).await;
    }
    assert_live(&service, &foreign).await;
    assert_live(&service, &service.session_of(EMAIL).await).await;
}

#[tokio::test]
async fn t9_a_password_change_ends_all_other_sessions() {
    let service = service_with_admin().await;
    let (own, other) = (
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    );
    let response = service
        .change_password(&own.access, PASSWORD, NEW_PASSWORD)
        .await;
    assert_eq!(response.status, 204, "{response:?}");
    assert_revoked(&service, &other).await;
    assert_live(&service, &own).await;
    assert_live(&service, &Tokens::of(&service.refresh(&own.refresh).await)).await;
    service
        .log_in(EMAIL, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    assert_live(
        &service,
        &Tokens::of(&service.log_in(EMAIL, NEW_PASSWORD).await),
    )
    .await;
}

#[tokio::test]
async fn a_password_change_requires_the_current_password_and_a_valid_new_one() {
    let service = service_with_admin().await;
    let tokens = service.session_of(EMAIL).await;
    for (new, code) in [
        ("short", "too_short"),
        ("password123", "too_common"),
        ("Akshay Pvt Ltd", "too_guessable"),
        ("ADMIN@example.com", "too_guessable"),
    ] {
        let response = service.change_password(&tokens.access, PASSWORD, new).await;
        let errors = response.problem(422, "validation_failed");
        assert_eq!(errors, [("new_password".to_owned(), code.to_owned())]);
    }
    let path = "/admin/password";
    let unknown =
        json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "email": EMAIL});
    let response = service.call("POST", path, &tokens.access, &unknown).await;
    response.problem(400, "malformed_request");
    service
        .change_password(&tokens.access, "not this one", NEW_PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    assert_live(&service, &tokens).await;
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stolen_token_does_not_help_to_guess_the_password() {
    let service = service_with_admin().await;
    let tokens = service.session_of(EMAIL).await;
    for _ in 0..5 {
        let response = service
            .change_password(&tokens.access, "a guess", NEW_PASSWORD)
            .await;
        response.problem(401, "invalid_credentials");
    }
    let attempts = [
        service
            .change_password(&tokens.access, PASSWORD, NEW_PASSWORD)
            .await,
        service.delete(&tokens.access, PASSWORD).await,
    ];
    for response in attempts {
        response.problem(429, "too_many_attempts");
    }
    // The token's owner can still log in, and the new session is not restricted.
    let own = service.session_of(EMAIL).await;
    let changed = service.change_password(&own.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
}

#[tokio::test]
async fn a4_failed_logins_do_not_block_reauthentication() {
    let service = service_with_admin().await;
    let own = service.session_of(EMAIL).await;
    for _ in 0..6 {
        service.log_in(EMAIL, "a guess").await;
    }
    let refused = service.log_in(EMAIL, PASSWORD).await;
    refused.problem(429, "too_many_attempts");
    let changed = service.change_password(&own.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    assert_eq!(service.delete(&own.access, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn no_session_of_the_old_password_survives_a_concurrent_login() {
    let service = service_with_admin().await;
    let own = service.session_of(EMAIL).await;
    let logins = join_all((0..8).map(|_| service.log_in(EMAIL, PASSWORD)));
    let change = service.change_password(&own.access, PASSWORD, NEW_PASSWORD);
    let (logins, changed) = tokio::join!(logins, change);
    assert_eq!(changed.status, 204, "{changed:?}");
    for login in logins.iter().filter(|login| login.status == 200) {
        assert_revoked(&service, &Tokens::of(login)).await;
    }
    assert_live(&service, &own).await;
}

#[tokio::test]
async fn refresh_cannot_survive_logout_everywhere() {
    let service = service_with_admin().await;
    let (own, other) = (
        service.session_of(EMAIL).await,
        service.session_of(EMAIL).await,
    );
    let everywhere = service.call(
        "POST",
        "/admin/logout?everywhere=true",
        &own.access,
        &Value::Null,
    );
    let refreshes = join_all((0..16).map(|_| service.refresh(&other.refresh)));
    let (everywhere, refreshes) = tokio::join!(everywhere, refreshes);
    assert_eq!(everywhere.status, 204);
    for response in refreshes.iter().filter(|response| response.status == 200) {
        assert_revoked(&service, &Tokens::of(response)).await;
    }
    assert_revoked(&service, &other).await;
}

/// Inserts 12,000 copies of the newest session. An action counts at most 10,000.
async fn insert_many_sessions(service: &TestService) {
    let copies = [
        doc! { "$sort": { "account_epoch": -1, "_id": -1 } },
        doc! { "$limit": 1 },
        doc! { "$project": { "session": "$$ROOT", "copy": { "$range": [0, 12_000] } } },
        doc! { "$unwind": "$copy" },
        doc! { "$replaceWith": { "$unsetField": { "field": "_id", "input": "$session" } } },
        doc! { "$merge": service.sessions().name() },
    ];
    service.sessions().aggregate(copies).await.unwrap();
}

#[tokio::test]
async fn ten_thousand_sessions_end_with_one_logout() {
    let service = service_with_admin().await;
    let own = service.session_of(EMAIL).await;
    insert_many_sessions(&service).await;
    let changed = service.change_password(&own.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    assert_live(&service, &own).await;
    insert_many_sessions(&service).await;
    let path = "/admin/logout?everywhere=true";
    let response = service.call("POST", path, &own.access, &Value::Null).await;
    assert_eq!(response.status, 204);
    assert_revoked(&service, &own).await;
    let own = Tokens::of(&service.log_in(EMAIL, NEW_PASSWORD).await);
    insert_many_sessions(&service).await;
    let page = service
        .call("GET", "/org/audit", &own.access, &Value::Null)
        .await;
    let events = page.body["events"].as_array().unwrap();
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| event["sessions_ended"].as_u64())
        .collect();
    assert_eq!(ended, [10_000, 10_000]);
    // The admin's epoch revokes them. No request deletes the documents.
    let documents = service.sessions().count_documents(doc! {}).await.unwrap();
    assert!(documents > 3 * 12_000, "{documents}");
    assert_eq!(service.delete(&own.access, NEW_PASSWORD).await.status, 200);
    assert_revoked(&service, &own).await;
}

#[tokio::test]
async fn d1_a_session_of_a_disabled_account_or_suspended_organization_stays_ended() {
    let service = service_with_admin().await;
    let of_disabled = service.session_of(EMAIL).await;
    service.disable(doc! {}).await;
    assert_revoked(&service, &of_disabled).await;
    service.enable(doc! {}).await;
    let of_suspended = service.session_of(EMAIL).await;
    service.suspend(doc! {}).await;
    assert_revoked(&service, &of_suspended).await;
    service.resume(doc! {}).await;
    for ended in [&of_disabled, &of_suspended] {
        assert_revoked(&service, ended).await;
    }
    assert_live(&service, &service.session_of(EMAIL).await).await;
}

#[tokio::test]
async fn q1_a_login_beyond_the_limit_of_sessions_ends_the_least_recently_refreshed() {
    let service = TestService::start_with(&[("MAX_SESSIONS", "3")]).await;
    for (name, email) in [("Acme", EMAIL), ("Other", "other@example.com")] {
        assert_eq!(service.create(name, email).await.status, 201);
    }
    let others = service.session_of("other@example.com").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        service.advance_clock(Duration::from_secs(10));
        sessions.push(service.session_of(EMAIL).await);
    }
    service.advance_clock(Duration::from_secs(10));
    let refreshed = Tokens::of(&service.refresh(&sessions[0].refresh).await);
    let newest = service.session_of(EMAIL).await;
    assert_revoked(&service, &sessions[1]).await;
    for session in [&refreshed, &sessions[2], &newest, &others] {
        assert_live(&service, session).await;
    }
    let page = service
        .call("GET", "/org/audit", &newest.access, &Value::Null)
        .await;
    let ended: Vec<_> = page.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "session_ended")
        .map(|event| {
            (
                event["details"]["reason"].clone(),
                event["sessions_ended"].clone(),
            )
        })
        .collect();
    assert_eq!(ended, [("session_limit".into(), 1.into())]);
}

#[tokio::test]
async fn q1_after_a_lower_limit_the_next_logins_end_the_excess() {
    let service = service_with_admin().await;
    service.session_of(EMAIL).await;
    insert_many_sessions(&service).await;
    let sessions = service.sessions();
    let before = sessions.count_documents(doc! {}).await.unwrap();
    for _ in 0..3 {
        service.session_of(EMAIL).await;
    }
    assert!(sessions.count_documents(doc! {}).await.unwrap() <= before - 3 * 49);
}

#[tokio::test]
async fn q1_parallel_logins_exceed_the_limit_only_until_the_next_login() {
    let service =
        TestService::start_with(&[("MAX_SESSIONS", "5"), ("LOGIN_ATTEMPTS_PER_ACCOUNT", "0")])
            .await;
    assert_eq!(service.create("Acme", EMAIL).await.status, 201);
    let logins = (0..32).map(|_| service.log_in(EMAIL, PASSWORD));
    for login in futures_util::future::join_all(logins).await {
        assert_eq!(login.status, 200);
    }
    service.session_of(EMAIL).await;
    let left = service.sessions().count_documents(doc! {}).await.unwrap();
    assert_eq!(left, 5);
}
