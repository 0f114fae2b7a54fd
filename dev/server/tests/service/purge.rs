//! Purge of deleted organizations: complete, interrupted, concurrent, or with one that fails.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::doc;
use serde_json::json;
use shared::organizations::PurgeReport;

use crate::delete_organization::{EMAIL, NAME, create, end_grace, purge};
use testkit::{PASSWORD, TestService};

const ONE_PURGED: PurgeReport = PurgeReport {
    purged: 1,
    failed: 0,
    remaining: 0,
};

/// Creates and deletes an organization, and ends its grace period.
async fn delete_and_end_grace(service: &TestService) {
    let tokens = create(service).await;
    service.delete(&tokens.access, PASSWORD).await;
    end_grace(service);
}

async fn assert_login_and_restore_refused(service: &TestService) {
    for refused in [
        service.log_in(EMAIL, PASSWORD).await,
        service.restore(EMAIL, PASSWORD).await,
    ] {
        refused.problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_purge_leaves_only_a_tombstone() {
    let service = TestService::start().await;
    service.create("Other", "other@example.com").await;
    let body = json!({"organization_name": NAME, "email": EMAIL, "password": PASSWORD});
    let create = || {
        let request = service.request("POST", "/org/create").json(&body);
        service.send(request.header("idempotency-key", "one"))
    };
    let first = create().await;
    let tokens = service.session_of(EMAIL).await;
    service.delete(&tokens.access, PASSWORD).await;
    end_grace(&service);
    assert_eq!(purge(&service).await, ONE_PURGED);
    assert_eq!(purge(&service).await, PurgeReport::default());
    assert_eq!(service.assert_consistent().await, 1);
    let id = mongodb::bson::oid::ObjectId::parse_str(first.body["id"].as_str().unwrap()).unwrap();
    for collection in [service.sessions(), service.memberships()] {
        let left = collection.count_documents(doc! { "organization_id": id });
        assert_eq!(left.await.unwrap(), 0, "{}", collection.name());
    }
    let events = doc! { "organization_ids": id };
    assert_eq!(
        service
            .audit_events()
            .count_documents(events)
            .await
            .unwrap(),
        0
    );
    let tombstone = service
        .tombstones()
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    // echo -n org_akshay_pvt_ltd | sha256sum
    let hash = "17596c9fdf8d2ca72247603c4fa2b769f64b63ff301f75dcd6e7d58bd39dae30";
    assert_eq!(tombstone.get_str("_id").unwrap(), hash);
    assert_login_and_restore_refused(&service).await;
    let other = service.token_of("other@example.com").await;
    assert_eq!(service.show(&other).await.status, 200);
    // Name and email are available again. The old idempotency key creates a new organization.
    let again = create().await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_ne!(again.body["id"], first.body["id"]);
    let name = again.body["collection_name"].as_str().unwrap();
    assert!(name.starts_with("org_akshay_pvt_ltd_"), "{name}");
    assert_eq!(service.assert_consistent().await, 2);
}

/// Lets `steps` commands succeed and fails all later ones that read or write data.
async fn fail_commands_after(service: &TestService, steps: i32) {
    let commands = [
        "find",
        "findAndModify",
        "update",
        "drop",
        "delete",
        "getMore",
        "insert",
        "listCollections",
    ];
    let data = doc! { "failCommands": commands, "errorCode": 2 };
    service.failpoint(doc! { "skip": steps }, data).await;
}

#[tokio::test]
async fn purge_resumes_after_any_interruption() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    let mut cuts = 0;
    loop {
        delete_and_end_grace(&service).await;
        fail_commands_after(&service, cuts).await;
        let result = service.purge().await;
        service.failpoint_off().await;
        if result.is_ok_and(|purge| purge.failed == 0) {
            break;
        }
        assert_login_and_restore_refused(&service).await;
        // Ends the lease of the interrupted run.
        service.advance_clock(Duration::from_secs(60));
        // Nothing is left to purge if the sweep was interrupted.
        let report = purge(&service).await;
        assert!([ONE_PURGED, PurgeReport::default()].contains(&report));
        assert_eq!(service.assert_consistent().await, 0, "after {cuts}");
        cuts += 1;
    }
    assert!(cuts > 0, "no purge was interrupted");
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn a_failing_purge_of_one_organization_does_not_stop_the_others() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    for number in 0..3 {
        let email = format!("{number}@example.com");
        service.create(&format!("Name {number}"), &email).await;
        service
            .delete(&service.token_of(&email).await, PASSWORD)
            .await;
    }
    end_grace(&service);
    let data = doc! { "failCommands": ["drop"], "errorCode": 2 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let past = tokio::time::Instant::now();
    let late = shared::organizations::purge_deleted(&service.state, past);
    assert_eq!(late.await.unwrap().remaining, 3);
    assert_eq!(
        purge(&service).await,
        PurgeReport {
            purged: 2,
            failed: 1,
            remaining: 0
        }
    );
    assert_eq!(purge(&service).await, ONE_PURGED);
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn an_unreadable_organization_does_not_stop_the_others() {
    let service = TestService::start().await;
    for number in 0..3 {
        let email = format!("{number}@example.com");
        service.create(&format!("Name {number}"), &email).await;
        let token = service.token_of(&email).await;
        service.delete(&token, PASSWORD).await;
    }
    let damage = doc! { "$set": { "created_at": "yesterday" } };
    let first = doc! { "name": "Name 0" };
    let organizations = service.organizations();
    organizations.update_one(first, damage).await.unwrap();
    end_grace(&service);
    let purge = purge(&service).await;
    assert_eq!((purge.purged, purge.failed), (2, 1));
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_refused_login_during_a_purge_leaves_no_event() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    delete_and_end_grace(&service).await;
    let of_organization = doc! { "organization_ids": { "$ne": [] } };
    for command in ["insert", "update"] {
        let data = doc! { "failCommands": [command], "blockConnection": true, "blockTimeMS": 1500 };
        service.failpoint(doc! { "times": 1 }, data).await;
        let purging = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            purge(&service).await
        };
        let (refused, purged) = tokio::join!(service.log_in(EMAIL, "wrong password"), purging);
        service.failpoint_off().await;
        refused.problem(401, "invalid_credentials");
        assert_eq!(purged.purged, 1);
        let events = service.audit_events();
        let left = events
            .count_documents(of_organization.clone())
            .await
            .unwrap();
        assert_eq!(left, 0, "{command}");
        delete_and_end_grace(&service).await;
    }
}

#[tokio::test]
async fn concurrent_purges_do_not_interfere() {
    let service = TestService::start().await;
    delete_and_end_grace(&service).await;
    let purges = join_all((0..4).map(|_| service.purge())).await;
    assert!(purges.into_iter().all(|purge| purge.unwrap().failed == 0));
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn a_collection_of_a_late_write_is_dropped() {
    let service = TestService::start().await;
    service.create("Other", "other@example.com").await;
    delete_and_end_grace(&service).await;
    assert_eq!(purge(&service).await, ONE_PURGED);
    let tenants = service.tenants();
    let collection = |name: &str| tenants.collection::<mongodb::bson::Document>(name);
    // The purge keeps collections of unknown origin.
    for name in ["org_akshay_pvt_ltd", "org_stray"] {
        collection(name)
            .insert_one(doc! { "late": true })
            .await
            .unwrap();
    }
    assert_eq!(purge(&service).await, PurgeReport::default());
    let mut left = tenants.list_collection_names().await.unwrap();
    left.sort();
    assert_eq!(left, ["org_other", "org_stray"]);
    // A second late write.
    collection("org_akshay_pvt_ltd")
        .insert_one(doc! {})
        .await
        .unwrap();
    assert_eq!(purge(&service).await, PurgeReport::default());
    assert_eq!(tenants.list_collection_names().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_live_organizations_collection_is_never_dropped() {
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    // State after restoring a partial backup.
    let organization = service.organizations().find_one(doc! {}).await;
    let tombstone = doc! {
        "_id": shared::values::CollectionNameHash::of("org_acme").as_str(),
        "organization_id": organization.unwrap().unwrap().get("_id"),
        "purged_at": mongodb::bson::DateTime::now(),
    };
    service.tombstones().insert_one(tombstone).await.unwrap();
    let tokens = service.session_of("a@example.com").await;
    assert_eq!(purge(&service).await, PurgeReport::default());
    assert_eq!(service.assert_consistent().await, 1);
    assert_eq!(service.show(&tokens.access).await.status, 200);
    assert!(!service.trail(&tokens.access).await.is_empty());
}

#[tokio::test]
async fn two_purges_do_not_run_at_once() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    delete_and_end_grace(&service).await;
    let data = doc! { "failCommands": ["drop"], "blockConnection": true, "blockTimeMS": 1500 };
    service.failpoint(doc! { "times": 1 }, data).await;
    let other = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        purge(&service).await
    };
    let (first, second) = tokio::join!(purge(&service), other);
    assert_eq!((first, second), (ONE_PURGED, PurgeReport::default()));
    // A lease that was not released expires.
    let leases = service
        .master()
        .collection::<mongodb::bson::Document>("leases");
    let until = mongodb::bson::DateTime::from_millis(i64::MAX);
    let held =
        doc! { "_id": "purge", "holder": mongodb::bson::oid::ObjectId::new(), "expires_at": until };
    leases.insert_one(held).await.unwrap();
    delete_and_end_grace(&service).await;
    assert_eq!(purge(&service).await, PurgeReport::default());
    let over = doc! { "$set": { "expires_at": mongodb::bson::DateTime::now() } };
    leases
        .update_one(doc! { "_id": "purge" }, over)
        .await
        .unwrap();
    assert_eq!(purge(&service).await, ONE_PURGED);
}
