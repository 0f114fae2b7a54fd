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
