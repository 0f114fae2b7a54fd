//! Verification and change of the email, and its undo: `/admin/email`.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Owner, PASSWORD, SentMail, TestService, WITH_MAIL};

use crate::sessions::assert_revoked;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NEW: &str = "new@example.com";
const NEW_PASSWORD: &str = "correct horse battery staple";
const THIEFS_PASSWORD: &str = "another battery staple";

async fn service_with_owner() -> (TestService, Owner) {
    let service = TestService::start_with(WITH_MAIL).await;
    let owner = service.owner("Acme").await;
    (service, owner)
}

/// The mail that is due to this address, which must be the only one.
async fn mail_to(service: &TestService, email: &str) -> SentMail {
    let mut mails = service.sent_mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("To"), email);
    mails.remove(0)
}

/// Requests a link to this address with the owner's session, and returns its token.
async fn link_to(service: &TestService, owner: &Owner, email: &str) -> String {
    let requested = service
        .request_email(&owner.tokens.access, email, PASSWORD)
        .await;
    assert_eq!(requested.status, 202, "{requested:?}");
    let mail = mail_to(service, email).await;
    assert!(mail.link().contains("/verify-email#token="));
    mail.token()
}

/// Changes the verified address of the owner to [`NEW`], and returns the token that undoes it.
async fn change(service: &TestService, owner: &Owner) -> String {
    let token = link_to(service, owner, &owner.email).await;
    assert_eq!(service.verify_email(&token, PASSWORD).await.status, 200);
    let token = link_to(service, owner, NEW).await;
    assert_eq!(service.verify_email(&token, PASSWORD).await.status, 200);
    let mail = mail_to(service, &owner.email).await;
    assert!(mail.link().contains("/undo-email-change#token="));
    mail.token()
}

async fn admin(service: &TestService, token: &str) -> Value {
    service
        .call("GET", "/admin", token, &Value::Null)
        .await
        .body
}

#[tokio::test]
async fn a_link_and_the_password_verify_the_current_email() {
    let (service, owner) = service_with_owner().await;
    let token = link_to(&service, &owner, &owner.email).await;
    assert_eq!(
        admin(&service, &owner.tokens.access).await["email_verified"],
        false
    );
    let verified = service.verify_email(&token, PASSWORD).await;
    assert_eq!(verified.status, 200);
    assert_eq!(verified.body["email"], owner.email);
    // The session continues.
    assert_eq!(
        admin(&service, &owner.tokens.access).await["email_verified"],
        true
    );
    assert_eq!(service.sent_mails().await.len(), 0);
    assert_eq!(
        service.trail(&owner.tokens.access).await[0],
        "email_verified"
    );
    let again = service.verify_email(&token, PASSWORD).await;
    again.problem(400, "invalid_one_time_token");
}

#[tokio::test]
async fn a_new_email_replaces_the_one_before() {
    let (service, owner) = service_with_owner().await;
    change(&service, &owner).await;
    assert_revoked(&service, &owner.tokens).await;
    let refused = service.log_in(&owner.email, PASSWORD).await;
    refused.problem(401, "invalid_credentials");
    let token = service.token_of(NEW).await;
    let shown = admin(&service, &token).await;
    assert_eq!(
        [&shown["email"], &shown["email_verified"]],
        [&NEW.into(), &Value::from(true)]
    );
    assert!(
        service
            .trail(&token)
            .await
            .contains(&"email_changed".to_owned())
    );
    // The earlier address is reserved, and gets no reset link.
    let taken = service.create("Other", &owner.email).await;
    taken.problem(409, "email_taken");
    service.forgot_password(&owner.email).await;
    assert_eq!(service.sent_mails().await.len(), 0);
    let refused = service
        .request_email(&token, "third@example.com", PASSWORD)
        .await;
    refused.problem(409, "email_recently_changed");
}

#[tokio::test]
async fn the_earlier_email_is_free_after_7_days() {
    let (service, owner) = service_with_owner().await;
    let undo = change(&service, &owner).await;
    service.advance_clock(7 * DAY);
    service.purge().await.unwrap();
    let refused = service.undo_email_change(&undo, NEW_PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
    assert_eq!(service.create("Other", &owner.email).await.status, 201);
    let token = service.token_of(NEW).await;
    let requested = service
        .request_email(&token, "third@example.com", PASSWORD)
        .await;
    assert_eq!(requested.status, 202);
}

#[tokio::test]
async fn an_unverified_email_is_replaced_without_an_undo() {
    let (service, owner) = service_with_owner().await;
    let token = link_to(&service, &owner, NEW).await;
    assert_eq!(service.verify_email(&token, PASSWORD).await.status, 200);
    assert_eq!(service.sent_mails().await.len(), 0);
    assert_eq!(service.create("Other", &owner.email).await.status, 201);
}

#[tokio::test]
async fn r5_a_link_without_the_password_verifies_nothing() {
    let (service, owner) = service_with_owner().await;
    let token = link_to(&service, &owner, NEW).await;
    let refused = service.verify_email(&token, "wrong password").await;
    refused.problem(401, "invalid_credentials");
    assert_eq!(
        admin(&service, &owner.tokens.access).await["email"],
        owner.email
    );
    // It counts as a guess.
    for _ in 0..4 {
        service.verify_email(&token, "wrong password").await;
    }
    let refused = service.verify_email(&token, PASSWORD).await;
    refused.problem(429, "too_many_attempts");
}

/// A stranger registered with the victim's address. The victim gets in by a reset, and the stranger does not.
#[tokio::test]
async fn r5_a_strangers_registration_does_not_open_after_a_reset() {
    let (service, stranger) = service_with_owner().await;
    let link = link_to(&service, &stranger, &stranger.email).await;
    let victim = &stranger.email;
    assert_eq!(service.forgot_password(victim).await.status, 202);
    let reset = mail_to(&service, victim).await.token();
    assert_eq!(
        service.reset_password(&reset, NEW_PASSWORD).await.status,
        204
    );
    assert_revoked(&service, &stranger.tokens).await;
    let refused = service.verify_email(&link, PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
    service
        .log_in(victim, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    assert_eq!(service.log_in(victim, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn r6_a_change_is_undone_after_a_thief_changed_the_password() {
    let (service, owner) = service_with_owner().await;
    let undo = change(&service, &owner).await;
    let thief = service.session_of(NEW).await;
    let changed = service
        .change_password(&thief.access, PASSWORD, THIEFS_PASSWORD)
        .await;
    assert_eq!(changed.status, 204);
    service.sent_mails().await;
    service.advance_clock(6 * DAY);
    let thief = service.log_in(NEW, THIEFS_PASSWORD).await;
    let thief = testkit::Tokens::of(&thief);
    let short = service.undo_email_change(&undo, "short").await;
    short.problem(422, "validation_failed");
    let uses = join_all((0..20).map(|_| service.undo_email_change(&undo, NEW_PASSWORD))).await;
    let done = uses.iter().filter(|used| used.status == 204);
    assert_eq!(done.count(), 1);
    assert_revoked(&service, &thief).await;
    service
        .log_in(NEW, THIEFS_PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    let login = service.log_in(&owner.email, NEW_PASSWORD).await;
    assert_eq!(login.status, 200);
    let token = login.body["access_token"].as_str().unwrap();
    assert!(
        service
            .trail(token)
            .await
            .contains(&"email_change_undone".to_owned())
    );
    // The thief's address is free again, and the owner's can change again.
    let requested = service.request_email(token, NEW, NEW_PASSWORD).await;
    assert_eq!(requested.status, 202);
}

#[tokio::test]
async fn r6_unused_links_die_with_a_reset() {
    let (service, owner) = service_with_owner().await;
    let unused = link_to(&service, &owner, NEW).await;
    service.forgot_password(&owner.email).await;
    let reset = mail_to(&service, &owner.email).await.token();
    assert_eq!(
        service.reset_password(&reset, NEW_PASSWORD).await.status,
        204
    );
    for password in [PASSWORD, NEW_PASSWORD] {
        let refused = service.verify_email(&unused, password).await;
        refused.problem(400, "invalid_one_time_token");
    }
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_changes_nothing() {
    let (service, owner) = service_with_owner().await;
    let token = link_to(&service, &owner, NEW).await;
    assert_eq!(service.create("Other", NEW).await.status, 201);
    let refused = service.verify_email(&token, PASSWORD).await;
    refused.problem(409, "email_taken");
    assert_eq!(
        admin(&service, &owner.tokens.access).await["email"],
        owner.email
    );
    let refused = service
        .request_email(&owner.tokens.access, NEW, PASSWORD)
        .await;
    refused.problem(409, "email_taken");
}

#[tokio::test]
async fn tokens_work_for_their_purpose_alone() {
    let (service, owner) = service_with_owner().await;
    let verification = link_to(&service, &owner, &owner.email).await;
    let refused = service.reset_password(&verification, NEW_PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
    let refused = service.undo_email_change(&verification, NEW_PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
    assert_eq!(
        service.verify_email(&verification, PASSWORD).await.status,
        200
    );
}

#[tokio::test]
async fn a_request_needs_the_password_and_an_address_gets_five_links_a_day() {
    let (service, owner) = service_with_owner().await;
    let request = |password| service.request_email(&owner.tokens.access, NEW, password);
    request("wrong password")
        .await
        .problem(401, "invalid_credentials");
    for _ in 0..5 {
        assert_eq!(request(PASSWORD).await.status, 202);
    }
    request(PASSWORD).await.problem(429, "too_many_attempts");
    assert_eq!(service.sent_mails().await.len(), 5);
}
