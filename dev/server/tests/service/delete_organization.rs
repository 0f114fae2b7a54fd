//! Deletion and restoration of an organization, and races between them.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use shared::organizations::PurgeReport;

use crate::rate_limits::wait_for_attempt_in_flight;
use crate::sessions::assert_revoked;
use testkit::{PASSWORD, TestService, Tokens};

pub const EMAIL: &str = "admin@example.com";
pub const NAME: &str = "Akshay Pvt Ltd";

async fn service_with_admin() -> (TestService, Tokens) {
    let service = TestService::start().await;
    let tokens = create(&service).await;
    (service, tokens)
}

pub async fn create(service: &TestService) -> Tokens {
    assert_eq!(service.create(NAME, EMAIL).await.status, 201);
    service.session_of(EMAIL).await
}

/// Advances the clock to the end of the grace period.
pub fn end_grace(service: &TestService) {
    service.advance_clock(Duration::from_secs(7 * 24 * 3600));
}

pub async fn purge(service: &TestService) -> PurgeReport {
    service.purge().await.unwrap()
}

#[tokio::test]
async fn t9_a_deleted_organization_is_closed_and_keeps_its_data() {
    let (service, tokens) = service_with_admin().await;
    let other = service.session_of(EMAIL).await;
    let response = service.delete(&tokens.access, PASSWORD).await;
    assert_eq!(response.status, 200, "{response:?}");
    let until = response.body["restorable_until"].as_str().unwrap();
    let until = DateTime::parse_rfc3339_str(until).unwrap();
    let days =
        (until.timestamp_millis() - DateTime::now().timestamp_millis()) as f64 / 86_400_000.0;
    assert!((6.99..=7.0).contains(&days), "{days}");
    assert_revoked(&service, &tokens).await;
    assert_revoked(&service, &other).await;
    service
        .delete(&tokens.access, PASSWORD)
        .await
        .problem(401, "invalid_token");
    service
        .log_in(EMAIL, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    service
        .create(NAME, "new@example.com")
        .await
        .problem(409, "organization_name_taken");
    service
        .create("New", EMAIL)
        .await
        .problem(409, "email_taken");
    assert_eq!(purge(&service).await, PurgeReport::default());
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_deletion_requires_the_password() {
    let (service, tokens) = service_with_admin().await;
    service
        .delete(&tokens.access, "not this one")
        .await
        .problem(401, "invalid_credentials");
    for body in [
        json!({}),
        json!({"password": 1}),
        json!({"password": PASSWORD, "id": "x"}),
    ] {
        let response = service.call("DELETE", "/org", &tokens.access, &body).await;
        response.problem(400, "malformed_request");
    }
    let bare = service
        .call("DELETE", "/org", &tokens.access, &Value::Null)
        .await;
    assert!([400, 415].contains(&bare.status.as_u16()), "{bare:?}");
    assert_eq!(service.show(&tokens.access).await.status, 200);
    assert_eq!(service.trail(&tokens.access).await[0], "login_refused");
}

#[tokio::test]
async fn a_restored_organization_is_unchanged_and_old_tokens_stay_revoked() {
    let (service, tokens) = service_with_admin().await;
    let before = service.show(&tokens.access).await.body;
    let collection = service.tenants().collection("org_akshay_pvt_ltd");
    collection.insert_one(doc! { "invoice": 1 }).await.unwrap();
    service.delete(&tokens.access, PASSWORD).await;
    service
        .restore(EMAIL, "wrong password")
        .await
        .problem(401, "invalid_credentials");
    service
        .restore("nobody@example.com", PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    // A retry after a lost response gets the same response.
    for _ in 0..2 {
        let restored = service.restore(EMAIL, PASSWORD).await;
        assert_eq!(restored.status, 200, "{restored:?}");
        assert_eq!(restored.body["id"], before["id"]);
        assert_eq!(restored.body["collection_name"], before["collection_name"]);
    }
    assert_revoked(&service, &tokens).await;
    assert_eq!(
        service.show(&service.token_of(EMAIL).await).await.status,
        200
    );
    assert_eq!(collection.count_documents(doc! {}).await.unwrap(), 1);
    let kept = service
        .organizations()
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.get("deleted"), Some(&mongodb::bson::Bson::Null));
}

#[tokio::test]
async fn an_admin_disabled_meanwhile_cannot_restore() {
    // A slow hash, so that the test can act while it is computed.
    let service = TestService::start_with(&[("BCRYPT_COST", "13")]).await;
    let tokens = create(&service).await;
    assert_eq!(service.delete(&tokens.access, PASSWORD).await.status, 200);
    let disabling = async {
        wait_for_attempt_in_flight(&service).await;
        service.disable(doc! {}).await;
    };
    let (restored, ()) = tokio::join!(service.restore(EMAIL, PASSWORD), disabling);
    restored.problem(401, "invalid_credentials");
    let organization = service.organizations().find_one(doc! {}).await.unwrap();
    assert!(organization.unwrap().get_document("deleted").is_ok());
}

#[tokio::test]
async fn restorations_have_the_limits_of_logins() {
    let (service, tokens) = service_with_admin().await;
    service.delete(&tokens.access, PASSWORD).await;
    for _ in 0..5 {
        service
            .restore(EMAIL, "a guess")
            .await
            .problem(401, "invalid_credentials");
    }
    service
        .restore(EMAIL, PASSWORD)
        .await
        .problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_restoration_beside_a_purge_is_complete_or_refused() {
    let (service, mut tokens) = service_with_admin().await;
    for round in 0..6 {
        service.delete(&tokens.access, PASSWORD).await;
        // Close to the duration of a hash, so that either side can win the race.
        service.advance_clock(
            Duration::from_secs(7 * 24 * 3600) - Duration::from_millis(30 + 20 * round),
        );
        let purges = async {
            for _ in 0..20 {
                purge(&service).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let (restored, ()) = tokio::join!(service.restore(EMAIL, PASSWORD), purges);
        match restored.status.as_u16() {
            200 => {
                assert_eq!(service.assert_consistent().await, 1);
                tokens = service.session_of(EMAIL).await;
            }
            _ => {
                restored.problem(401, "invalid_credentials");
                assert_eq!(service.assert_consistent().await, 0);
                tokens = create(&service).await;
            }
        }
        assert_eq!(service.show(&tokens.access).await.status, 200);
    }
}

#[tokio::test]
async fn no_login_refresh_or_rename_survives_a_concurrent_deletion() {
    let (service, tokens) = service_with_admin().await;
    let other = service.session_of(EMAIL).await;
    let logins = join_all((0..6).map(|_| service.log_in(EMAIL, PASSWORD)));
    let refreshes = join_all((0..6).map(|_| service.refresh(&other.refresh)));
    let names: Vec<_> = (0..6).map(|number| format!("Name {number}")).collect();
    let renames = join_all(names.iter().map(|name| service.rename(&other.access, name)));
    let delete = service.delete(&tokens.access, PASSWORD);
    let (logins, refreshes, renames, deleted) = tokio::join!(logins, refreshes, renames, delete);
    assert_eq!(deleted.status, 200, "{deleted:?}");
    for response in renames {
        match response.status.as_u16() {
            200 => {}
            _ => drop(response.problem(401, "invalid_token")),
        }
    }
    let given = logins.iter().chain(&refreshes);
    let given: Vec<_> = given
        .filter(|response| response.status == 200)
        .map(Tokens::of)
        .collect();
    // Refused while deleted and after the restoration.
    for restored in [false, true] {
        if restored {
            assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
        }
        for tokens in given.iter().chain([&tokens, &other]) {
            assert_revoked(&service, tokens).await;
        }
    }
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_repeated_restoration_is_recorded_as_a_login() {
    let (service, tokens) = service_with_admin().await;
    assert_eq!(service.delete(&tokens.access, PASSWORD).await.status, 200);
    assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
    let again = service.restore(EMAIL, PASSWORD).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["organization_name"]),
        (200, &NAME.into())
    );
    service
        .restore(EMAIL, "Admin@124")
        .await
        .problem(401, "invalid_credentials");
    let token = service.token_of(EMAIL).await;
    let trail = service.trail(&token).await;
    assert_eq!(
        trail[..5],
        [
            "login",
            "login_refused",
            "login",
            "organization_restored",
            "organization_deleted"
        ]
    );
}
