//! An organization gets another name.

use crate::harness::{PASSWORD, TestService};

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
    // The old name is free as soon as it is given up.
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
    assert_eq!(service.whole().await, 3);
}

#[tokio::test]
async fn who_repeats_a_new_name_changes_nothing() {
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
