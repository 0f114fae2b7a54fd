//! Password reset: `POST /admin/password/forgot` and `POST /admin/password/reset`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::sessions::{assert_live, assert_revoked};
use testkit::{Owner, PASSWORD, TestService, WITH_MAIL, all};

const NEW_PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "another battery staple";

async fn service_with_owner() -> (TestService, Owner) {
    let service = TestService::start_with(WITH_MAIL).await;
    let owner = service.owner("Acme").await;
    (service, owner)
}

/// Requests a reset, and returns the token of the mailed link.
async fn mailed_token(service: &TestService, email: &str) -> String {
    assert_eq!(service.forgot_password(email).await.status, 202);
    let mails = service.sent_mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("To"), email);
    mails[0].token()
}

async fn outbox(service: &TestService) -> Vec<Document> {
    all(service.master().collection("outbox")).await
}

#[tokio::test]
async fn a_mailed_link_sets_a_new_password() {
    let (service, owner) = service_with_owner().await;
    let token = mailed_token(&service, &owner.email).await;
    assert_live(&service, &owner.tokens).await;
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
    assert_revoked(&service, &owner.tokens).await;
    let refused = service.log_in(&owner.email, PASSWORD).await;
    refused.problem(401, "invalid_credentials");
    let login = service.log_in(&owner.email, NEW_PASSWORD).await;
    let access = login.body["access_token"].as_str().unwrap();
    let admin = service.call("GET", "/admin", access, &Value::Null).await;
    assert_eq!(admin.body["email_verified"], true);
    assert!(
        service
            .trail(access)
            .await
            .contains(&"password_reset".to_owned())
    );
    let mails = service.sent_mails().await;
    assert_eq!(mails.len(), 1, "the notice of the new password");
    assert!(mails[0].header("Subject").contains("was changed"));
    assert_eq!(mails[0].header("Auto-Submitted"), "auto-generated");
    assert_eq!(mails[0].header("From"), "Acme <no-reply@acme.example>");
}

#[tokio::test]
async fn r2_of_50_uses_of_one_token_one_succeeds() {
    let (service, owner) = service_with_owner().await;
    let token = mailed_token(&service, &owner.email).await;
    let uses = join_all((0..50).map(|_| service.reset_password(&token, NEW_PASSWORD))).await;
    let mut statuses = BTreeMap::new();
    for used in &uses {
        *statuses.entry(used.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(204, 1), (400, 49)]));
}

#[tokio::test]
async fn r2_tokens_that_cannot_be_used_look_alike() {
    let (service, owner) = service_with_owner().await;
    let used = mailed_token(&service, &owner.email).await;
    service.reset_password(&used, NEW_PASSWORD).await;
    service.sent_mails().await;
    let void = mailed_token(&service, &owner.email).await;
    let session = service.log_in(&owner.email, NEW_PASSWORD).await;
    let access = session.body["access_token"].as_str().unwrap();
    let changed = service
        .change_password(access, NEW_PASSWORD, OTHER_PASSWORD)
        .await;
    assert_eq!(changed.status, 204);
    service.sent_mails().await;
    let expired = mailed_token(&service, &owner.email).await;
    service.advance_clock(Duration::from_secs(30 * 60));
    let unknown = "A".repeat(38);
    let mut changed = mailed_token(&service, &owner.email).await;
    let last = changed.pop();
    changed.push(if last == Some('A') { 'Q' } else { 'A' });
    let mut responses = Vec::new();
    for token in [
        &used, &void, &expired, &unknown, &changed, "", "x", "\u{e4}",
    ] {
        let refused = service.reset_password(token, NEW_PASSWORD).await;
        refused.problem(400, "invalid_one_time_token");
        let mut body = refused.body.clone();
        body["request_id"] = Value::Null;
        responses.push(body);
    }
    responses.dedup();
    assert_eq!(responses.len(), 1, "{responses:?}");
}

#[tokio::test]
async fn r2_a_copy_of_the_database_yields_no_link() {
    let (service, owner) = service_with_owner().await;
    service.forgot_password(&owner.email).await;
    let dump = format!("{:?}", outbox(&service).await);
    let tokens: Vec<Document> = all(service.master().collection("one_time_tokens")).await;
    let token = service.sent_mails().await[0].token();
    let dump = format!("{dump}{tokens:?}");
    assert!(!dump.contains(&token) && !dump.contains(&token[17..]));
    // Nor does one to a service with another pepper.
    service.forgot_password(&owner.email).await;
    let other = service
        .with_pepper("another pepper of more than 32 bytes")
        .await;
    let refused = other.reset_password(&token, NEW_PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
}

#[tokio::test]
async fn r3_opening_a_link_does_not_use_it() {
    let (service, owner) = service_with_owner().await;
    service.forgot_password(&owner.email).await;
    let mail = &service.sent_mails().await[0];
    let path = mail.link().split_once("/reset-password").unwrap();
    assert!(path.1.starts_with("#token="));
    for method in ["GET", "HEAD", "GET"] {
        let page = service
            .send(service.request(method, "/reset-password"))
            .await;
        assert_eq!(page.status, 200);
        assert!(
            page.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
    let reset = service.reset_password(&mail.token(), NEW_PASSWORD).await;
    assert_eq!(reset.status, 204);
}

#[tokio::test]
async fn r1_an_address_without_an_account_gets_the_same_response_and_no_mail() {
    let (service, owner) = service_with_owner().await;
    let known = service.forgot_password(&owner.email).await;
    let written = outbox(&service).await.len();
    assert_eq!(service.sent_mails().await.len(), 1);
    let unknown = service.forgot_password("nobody@example.com").await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(outbox(&service).await.len(), written);
    assert_eq!(service.sent_mails().await.len(), 0);
    assert_eq!(outbox(&service).await.len(), 0);
    let tokens = service.master().collection::<Document>("one_time_tokens");
    assert_eq!(tokens.count_documents(doc! {}).await.unwrap(), 2);
}

#[tokio::test]
async fn r4_an_address_gets_few_links_and_always_one_that_works() {
    let (service, owner) = service_with_owner().await;
    for _ in 0..10 {
        assert_eq!(service.forgot_password(&owner.email).await.status, 202);
    }
    let mails = service.sent_mails().await;
    assert_eq!(mails.len(), 3);
    // A new password voids the links, and permits new ones.
    let changed = service.change_password(&owner.tokens.access, PASSWORD, OTHER_PASSWORD);
    assert_eq!(changed.await.status, 204);
    let refused = service
        .reset_password(&mails[0].token(), NEW_PASSWORD)
        .await;
    refused.problem(400, "invalid_one_time_token");
    let token = mailed_token(&service, &owner.email).await;
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
}

#[tokio::test]
async fn r4_a_caller_may_request_few_links() {
    let settings = [WITH_MAIL, &[("PASSWORD_RESETS_PER_ADDRESS", "3")]].concat();
    let service = TestService::start_with(&settings).await;
    for number in 0..3 {
        let email = format!("a{number}@example.com");
        assert_eq!(service.forgot_password(&email).await.status, 202);
    }
    let refused = service.forgot_password("a4@example.com").await;
    refused.problem(429, "too_many_attempts");
    let other = service
        .at("127.0.0.2")
        .forgot_password("a4@example.com")
        .await;
    assert_eq!(other.status, 202);
}

#[tokio::test]
async fn a_refused_password_does_not_use_the_token_up() {
    let (service, owner) = service_with_owner().await;
    let token = mailed_token(&service, &owner.email).await;
    for (password, code) in [
        ("short", "too_short"),
        ("password", "too_common"),
        (owner.email.as_str(), "too_guessable"),
    ] {
        let refused = service.reset_password(&token, password).await;
        refused.problem(422, "validation_failed");
        assert_eq!(refused.body["errors"][0]["field"], "new_password");
        assert_eq!(refused.body["errors"][0]["code"], code);
    }
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
}

#[tokio::test]
async fn a_reset_ends_waits_after_wrong_passwords() {
    let (service, owner) = service_with_owner().await;
    for _ in 0..6 {
        service.log_in(&owner.email, "wrong password").await;
    }
    let refused = service.log_in(&owner.email, PASSWORD).await;
    refused.problem(429, "too_many_attempts");
    let token = mailed_token(&service, &owner.email).await;
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
    assert_eq!(service.log_in(&owner.email, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_disabled_admin_gets_no_link() {
    let (service, owner) = service_with_owner().await;
    let token = mailed_token(&service, &owner.email).await;
    let disabled = doc! { "$set": { "status": "disabled" } };
    let own = doc! { "email": &owner.email };
    service.admins().update_one(own, disabled).await.unwrap();
    assert_eq!(service.forgot_password(&owner.email).await.status, 202);
    assert_eq!(service.sent_mails().await.len(), 0);
    let refused = service.reset_password(&token, NEW_PASSWORD).await;
    refused.problem(400, "invalid_one_time_token");
}

#[tokio::test]
async fn an_organization_that_a_thief_deleted_is_restored_after_a_reset() {
    let (service, owner) = service_with_owner().await;
    let token = mailed_token(&service, &owner.email).await;
    assert_eq!(
        service.reset_password(&token, OTHER_PASSWORD).await.status,
        204
    );
    service.sent_mails().await;
    let thief = service.log_in(&owner.email, OTHER_PASSWORD).await;
    let thief = thief.body["access_token"].as_str().unwrap();
    assert_eq!(service.delete(thief, OTHER_PASSWORD).await.status, 200);
    let mails = service.sent_mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("Subject"), "Acme was deleted");
    let token = mailed_token(&service, &owner.email).await;
    assert_eq!(
        service.reset_password(&token, NEW_PASSWORD).await.status,
        204
    );
    assert_eq!(
        service.restore(&owner.email, NEW_PASSWORD).await.status,
        200
    );
    assert_eq!(service.log_in(&owner.email, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_unverified_address_gets_no_notices() {
    let (service, owner) = service_with_owner().await;
    let changed = service.change_password(&owner.tokens.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    assert_eq!(service.sent_mails().await.len(), 0);
}

#[tokio::test]
async fn without_mail_nothing_is_written_and_the_response_says_so() {
    let (service, owner) = TestService::start_with_owner().await;
    let refused = service.forgot_password(&owner.email).await;
    refused.problem(404, "mail_disabled");
    let verified = doc! { "$set": { "email_verified_at": mongodb::bson::DateTime::now() } };
    service
        .admins()
        .update_one(doc! {}, verified)
        .await
        .unwrap();
    let changed = service.change_password(&owner.tokens.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    assert_eq!(outbox(&service).await.len(), 0);
}

#[tokio::test]
async fn a_mail_is_in_the_language_of_the_admin() {
    let (service, owner) = service_with_owner().await;
    let locale = json!({"locale": "de-AT"});
    owner.call(&service, "PATCH", "/admin", &locale).await;
    service.forgot_password(&owner.email).await;
    let mails = service.sent_mails().await;
    assert!(mails[0].0.contains("lang=\"de\""));
}
