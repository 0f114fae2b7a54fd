//! `PATCH /org`: renaming an organization.

use std::time::Duration;

use testkit::{PASSWORD, TestService};

#[tokio::test]
async fn a_new_name_follows_the_rules_and_is_unique() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", "admin@example.com").await;
    let token = service.token_of("admin@example.com").await;
    service.create("Other", "other@example.com").await;
    service
        .rename(&token, "OTHER")
        .await
        .problem(409, "organization_name_taken");
    service
        .rename(&token, "x")
        .await
        .problem(422, "validation_failed");
    service
        .rename("", "Good Name")
        .await
        .problem(401, "invalid_token");
    assert_eq!(service.rename(&token, "AKSHAY pvt ltd").await.status, 200);
    // The old name is available immediately after the rename.
    assert_eq!(service.rename(&token, "New").await.status, 200);
    assert_eq!(
        service
            .create("Akshay Pvt Ltd", "third@example.com")
            .await
            .status,
        201
    );
    assert_eq!(
        service.log_in("admin@example.com", PASSWORD).await.status,
        200
    );
    assert_eq!(service.assert_consistent().await, 3);
}

#[tokio::test]
async fn a_repeated_rename_changes_nothing() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", "admin@example.com").await;
    let token = service.token_of("admin@example.com").await;
    let renamed = service.rename(&token, "New Name").await;
    for name in ["New Name", "  New   Name "] {
        let again = service.rename(&token, name).await;
        assert_eq!((again.status, &again.body), (renamed.status, &renamed.body));
    }
    assert_eq!(
        service.trail(&token).await,
        ["organization_renamed", "login", "organization_created"]
    );
    assert_eq!(service.rename(&token, "NEW NAME").await.status, 200);
}

#[tokio::test]
async fn q1_renames_have_a_daily_limit() {
    let service = TestService::start_with(&[("ORGANIZATION_CHANGES_PER_DAY", "3")]).await;
    service.create("Acme", "a@example.com").await;
    service.create("Other", "b@example.com").await;
    let token = service.token_of("a@example.com").await;
    // Refused renames and renames without a change do not count.
    for _ in 0..4 {
        let taken = service.rename(&token, "Other").await;
        taken.problem(409, "organization_name_taken");
        assert_eq!(service.rename(&token, "Acme").await.status, 200);
        service.log_in("a@example.com", "Admin@124").await;
    }
    for number in 0..3 {
        let renamed = service.rename(&token, &format!("Acme {number}")).await;
        assert_eq!(renamed.status, 200);
    }
    for _ in 0..3 {
        let refused = service.rename(&token, "Acme 4").await;
        refused.problem(429, "quota_exceeded");
        let wait: u64 = refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((86_000..=86_400).contains(&wait), "{wait}");
    }
    // Each organization has its own quota. Deletion and logout have none.
    let other = service.token_of("b@example.com").await;
    assert_eq!(service.rename(&other, "Another").await.status, 200);
    service.advance_clock(Duration::from_secs(86_401));
    let token = service.token_of("a@example.com").await;
    for number in 0..3 {
        let renamed = service.rename(&token, &format!("Again {number}")).await;
        assert_eq!(renamed.status, 200);
    }
    service
        .rename(&token, "Once more")
        .await
        .problem(429, "quota_exceeded");
    let changed = service
        .change_password(&token, PASSWORD, "correct horse battery")
        .await;
    assert_eq!(changed.status, 204);
    assert_eq!(service.log_out(&token).await.status, 204);
    let login = service
        .log_in("a@example.com", "correct horse battery")
        .await;
    let token = testkit::Tokens::of(&login).access;
    assert_eq!(
        service.delete(&token, "correct horse battery").await.status,
        200
    );
}

#[tokio::test]
async fn q1_the_limit_is_exact_for_parallel_renames() {
    let service = TestService::start_with(&[("ORGANIZATION_CHANGES_PER_DAY", "5")]).await;
    service.create("Acme", "a@example.com").await;
    let token = service.token_of("a@example.com").await;
    let names: Vec<_> = (0..32).map(|number| format!("Acme {number}")).collect();
    let renames = names.iter().map(|name| service.rename(&token, name));
    let responses = futures_util::future::join_all(renames).await;
    let renamed = responses
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert_eq!(renamed, 5, "{responses:?}");
    for refused in responses.iter().filter(|response| response.status != 200) {
        refused.problem(429, "quota_exceeded");
    }
}
