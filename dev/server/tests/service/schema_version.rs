//! The version of the stored data's shape.

use mongodb::bson::{Document, doc};
use shared::start::{StartupError, prepare};

use testkit::{TestService, local_secret};

async fn refusal(service: &TestService) -> String {
    let starting = service.second_instance(local_secret()).await;
    let refused = prepare(&starting.state).await.unwrap_err();
    assert!(matches!(refused, StartupError::Schema(_)), "{refused}");
    starting.get("/health").await.problem(500, "internal_error");
    refused.to_string()
}

#[tokio::test]
async fn data_of_another_version_is_refused_at_start() {
    let (service, owner) = TestService::start_with_owner().await;
    let schema = service.master().collection::<Document>("schema");
    assert_eq!(
        schema.count_documents(doc! { "version": 1 }).await.unwrap(),
        1
    );
    for (version, expected) in [
        (doc! { "version": 2 }, "a later version of this service"),
        (doc! { "version": 0 }, "an earlier version of this service"),
        (
            doc! { "version": "one" },
            "an earlier version of this service",
        ),
    ] {
        schema
            .update_one(doc! {}, doc! { "$set": version })
            .await
            .unwrap();
        let refused = refusal(&service).await;
        assert!(refused.contains(expected), "{refused}");
    }
    // Data of before there were versions.
    schema.drop().await.unwrap();
    let refused = refusal(&service).await;
    assert!(refused.contains("an earlier version"), "{refused}");
    // Running processes go on.
    assert_eq!(owner.show(&service).await.status, 200);
}

#[tokio::test]
async fn a_process_that_started_on_an_empty_database_writes_no_other_version() {
    let service = TestService::start().await;
    assert_eq!(service.get("/health").await.status, 200);
    let schema = service.master().collection::<Document>("schema");
    let later = doc! { "_id": "version", "version": 2 };
    schema.insert_one(later).await.unwrap();
    let refused = service.create("Acme", "a@example.com").await;
    refused.problem(500, "internal_error");
    assert_eq!(service.assert_consistent().await, 0);
}
