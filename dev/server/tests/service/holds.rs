//! The states of an organization: holds, deletion, and both.

use mongodb::bson::{DateTime, Document, doc};

use crate::delete_organization::{end_grace, purge};
use crate::sessions::{assert_live, assert_revoked};
use testkit::{Owner, PASSWORD, TestService};

async fn assert_closed(service: &TestService, owner: &Owner) {
    assert_revoked(service, &owner.tokens).await;
    let login = service.log_in(&owner.email, PASSWORD).await;
    login.problem(401, "invalid_credentials");
}

/// Deletes the organization as an operator does.
async fn delete_by_operator(service: &TestService) {
    let deleted = doc! { "by": "operator", "at": DateTime::now(), "purge_at": in_a_week() };
    let change = doc! { "$set": { "deleted": deleted }, "$inc": { "epoch": 1_i64 } };
    service.update_organizations(doc! {}, change).await;
}

fn in_a_week() -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() + 7 * 24 * 3_600_000)
}

#[tokio::test]
async fn a_suspended_organization_is_closed_until_it_is_resumed() {
    let (service, owner) = TestService::start_with_owner().await;
    service.suspend(doc! {}).await;
    assert_closed(&service, &owner).await;
    let restored = service.restore(&owner.email, PASSWORD).await;
    restored.problem(401, "invalid_credentials");
    service.resume(doc! {}).await;
    assert_live(&service, &service.session_of(&owner.email).await).await;
}

#[tokio::test]
async fn a_restoration_lifts_no_hold() {
    let (service, owner) = TestService::start_with_owner().await;
    owner.delete(&service).await;
    service.suspend(doc! {}).await;
    let restored = service.restore(&owner.email, PASSWORD).await;
    assert_eq!(restored.status, 200, "{restored:?}");
    assert_closed(&service, &owner).await;
    end_grace(&service);
    assert_eq!(
        purge(&service).await.purged,
        0,
        "it is not deleted any more"
    );
    service.resume(doc! {}).await;
    assert_live(&service, &service.session_of(&owner.email).await).await;
}

#[tokio::test]
async fn a_resumption_restores_nothing_that_was_deleted() {
    let (service, owner) = TestService::start_with_owner().await;
    owner.delete(&service).await;
    service.suspend(doc! {}).await;
    service.resume(doc! {}).await;
    assert_closed(&service, &owner).await;
    assert_eq!(service.restore(&owner.email, PASSWORD).await.status, 200);
    assert_live(&service, &service.session_of(&owner.email).await).await;
}

#[tokio::test]
async fn an_owner_cannot_restore_what_an_operator_deleted() {
    let (service, owner) = TestService::start_with_owner().await;
    delete_by_operator(&service).await;
    assert_closed(&service, &owner).await;
    let restored = service.restore(&owner.email, PASSWORD).await;
    restored.problem(401, "invalid_credentials");
    end_grace(&service);
    assert_eq!(purge(&service).await.purged, 1);
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn a_deletion_can_be_restored_until_its_grace_period_ends_or_its_purge_begins() {
    let (service, owner) = TestService::start_with_owner().await;
    owner.delete(&service).await;
    let began = doc! { "$set": { "deleted.purge_began_at": DateTime::now() } };
    service.update_organizations(doc! {}, began).await;
    let restored = service.restore(&owner.email, PASSWORD).await;
    restored.problem(401, "invalid_credentials");
    let not_begun = doc! { "$unset": { "deleted.purge_began_at": "" } };
    service.update_organizations(doc! {}, not_begun).await;
    end_grace(&service);
    let restored = service.restore(&owner.email, PASSWORD).await;
    restored.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn only_a_move_delays_a_purge() {
    for (hold, purged) in [("operator", 1), ("erasure", 1), ("move", 0)] {
        let (service, owner) = TestService::start_with_owner().await;
        owner.delete(&service).await;
        let kind = format!("holds.{hold}");
        let set = doc! { "$set": { &kind: { "reason": "a test" } } };
        service.update_organizations(doc! {}, set).await;
        end_grace(&service);
        assert_eq!(purge(&service).await.purged, purged, "{hold}");
        if purged == 0 {
            let lift = doc! { "$unset": { &kind: "" } };
            service.update_organizations(doc! {}, lift).await;
            assert_eq!(purge(&service).await.purged, 1, "{hold}");
        }
        assert_eq!(service.assert_consistent().await, 0, "{hold}");
    }
}

#[tokio::test]
async fn any_content_of_holds_closes_an_organization() {
    let (service, owner) = TestService::start_with_owner().await;
    for hold in [
        doc! { "operator": true },
        doc! { "move": { "reason": 1 } },
        doc! { "invented": null },
    ] {
        let set = doc! { "$set": { "holds": hold } };
        service.update_organizations(doc! {}, set).await;
        assert_closed(&service, &owner).await;
    }
    let none = doc! { "$set": { "holds": Document::new() } };
    service.update_organizations(doc! {}, none).await;
    // No epoch was added, so its sessions were closed only for the time of the hold.
    assert_live(&service, &owner.tokens).await;
}

/// The commands of `docs/operations.md` for a collection: filter and change.
fn documented_commands(collection: &str) -> Vec<(Document, Document)> {
    let manual = include_str!("../../../../docs/operations.md");
    let prefix = format!("db.{collection}.updateOne(");
    let lines = manual.lines().filter_map(|line| line.strip_prefix(&prefix));
    let parse = |line: &str| {
        let arguments = line.trim_end_matches(')').replace("NumberLong(1)", "1");
        let arguments: serde_json::Value = serde_json::from_str(&format!("[{arguments}]")).unwrap();
        let document =
            |value: &serde_json::Value| mongodb::bson::serialize_to_document(value).unwrap();
        (document(&arguments[0]), document(&arguments[1]))
    };
    lines.map(parse).collect()
}

#[tokio::test]
async fn d1_the_documented_commands_end_all_sessions() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", "admin@example.com").await;
    for collection in ["organizations", "admins"] {
        let tokens = service.session_of("admin@example.com").await;
        let commands = documented_commands(collection);
        assert_eq!(commands.len(), 2);
        for (filter, change) in commands {
            let documents = service.master().collection::<Document>(collection);
            let changed = documents.update_one(filter, change).await.unwrap();
            assert_eq!(changed.modified_count, 1);
            assert_revoked(&service, &tokens).await;
        }
        let again = service.session_of("admin@example.com").await;
        assert_live(&service, &again).await;
    }
}
