//! Documents that contradict each other: only a change outside of the service can cause that. None opens a tenant, stops
//! the service or a purge, and each is reported.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};

use crate::delete_organization::{end_grace, purge};
use crate::sessions::{assert_live, assert_revoked};
use testkit::{Owner, PASSWORD, Response, TestService, all, lines_of};

async fn update_one(service: &TestService, collection: &str, change: Document) {
    let collection = service.master().collection::<Document>(collection);
    let updated = collection.update_one(doc! {}, change).await.unwrap();
    assert_eq!(updated.modified_count, 1);
}

/// Asserts that the request logged this message as an error.
#[track_caller]
fn assert_reported(response: &Response, message: &str) {
    let request_id = response.headers["x-request-id"].to_str().unwrap();
    let mut lines = lines_of(request_id).into_iter();
    let found = lines.any(|line| line["message"] == message && line["level"] == "ERROR");
    assert!(found, "{message:?} is not in the log");
}

async fn assert_no_login(service: &TestService, owner: &Owner) -> Response {
    let login = service.log_in(&owner.email, PASSWORD).await;
    login.problem(401, "invalid_credentials");
    let restored = service.restore(&owner.email, PASSWORD).await;
    restored.problem(401, "invalid_credentials");
    login
}

/// Deletes and purges Acme, and asserts that nothing of it is left.
async fn assert_purged(service: &TestService, owner: &Owner) {
    let id = ObjectId::parse_str(&owner.organization_id).unwrap();
    let now = mongodb::bson::DateTime::now();
    let deleted = doc! { "by": "owner", "at": now, "purge_at": now };
    let set = doc! { "$set": { "deleted": deleted } };
    service.update_organizations(doc! { "_id": id }, set).await;
    end_grace(service);
    let report = purge(service).await;
    assert_eq!((report.purged, report.failed), (1, 0));
    for collection in [service.memberships(), service.sessions()] {
        let left = collection.count_documents(doc! { "organization_id": id });
        assert_eq!(left.await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_membership_without_an_account() {
    let (service, owner) = TestService::start_with_owner().await;
    service.admins().delete_many(doc! {}).await.unwrap();
    assert_revoked(&service, &owner.tokens).await;
    assert_no_login(&service, &owner).await;
    assert_purged(&service, &owner).await;
    let message =
        "a membership named an account that does not exist: the purge removed the membership";
    let lines = lines_of(&owner.organization_id);
    assert!(lines.iter().any(|line| line["message"] == message));
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn an_account_without_a_membership() {
    let (service, owner) = TestService::start_with_owner().await;
    service.memberships().delete_many(doc! {}).await.unwrap();
    assert_revoked(&service, &owner.tokens).await;
    let login = assert_no_login(&service, &owner).await;
    assert_reported(&login, "an account has no membership, so it cannot log in");
    assert_purged(&service, &owner).await;
    assert_eq!(all(service.admins()).await.len(), 1, "nothing names it");
}

#[tokio::test]
async fn a_membership_without_an_organization() {
    let (service, owner) = TestService::start_with_owner().await;
    service.organizations().delete_many(doc! {}).await.unwrap();
    assert_revoked(&service, &owner.tokens).await;
    let login = assert_no_login(&service, &owner).await;
    assert_reported(
        &login,
        "a membership names an organization that does not exist, or cannot be read",
    );
    assert_eq!(purge(&service).await.failed, 0);
}

#[tokio::test]
async fn a_session_that_names_a_membership_of_another_organization() {
    let (service, acme) = TestService::start_with_owner().await;
    let other = service.owner("Other").await;
    let of_other = doc! { "account_id": service.account_id(&other.email).await };
    let of_acme = doc! { "account_id": service.account_id(&acme.email).await };
    let foreign = service.memberships().find_one(of_other.clone()).await;
    let foreign = foreign.unwrap().unwrap();
    let sessions = service.sessions();
    // The membership alone.
    let change = doc! { "$set": { "membership_id": foreign.get("_id") } };
    sessions.update_one(of_acme.clone(), change).await.unwrap();
    let shown = acme.show(&service).await;
    shown.problem(401, "invalid_token");
    assert_reported(
        &shown,
        "a session names a membership of another account or organization",
    );
    // The organization as well.
    let organization = foreign.get("organization_id");
    let change = doc! { "$set": { "organization_id": organization } };
    sessions.update_one(of_acme, change).await.unwrap();
    assert_revoked(&service, &acme.tokens).await;
    assert_live(&service, &other.tokens).await;
    for owner in [&acme, &other] {
        assert_purged(&service, owner).await;
    }
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn a_session_with_a_part_of_an_organization() {
    let (service, owner) = TestService::start_with_owner().await;
    let session = service.sessions().find_one(doc! {}).await.unwrap().unwrap();
    for field in ["organization_id", "organization_epoch", "membership_id"] {
        update_one(&service, "sessions", doc! { "$set": { field: null } }).await;
        assert_revoked(&service, &owner.tokens).await;
        update_one(&service, "sessions", doc! { "$unset": { field: "" } }).await;
        assert_revoked(&service, &owner.tokens).await;
        let value = session.get(field);
        update_one(&service, "sessions", doc! { "$set": { field: value } }).await;
    }
    assert_live(&service, &owner.tokens).await;
}

#[tokio::test]
async fn an_organization_without_owners() {
    let (service, owner) = TestService::start_with_owner().await;
    let none = doc! { "$set": { "owners": 0_i64 } };
    update_one(&service, "organizations", none).await;
    update_one(
        &service,
        "memberships",
        doc! { "$set": { "role": "member" } },
    )
    .await;
    let login = service.log_in(&owner.email, PASSWORD).await;
    assert_eq!(login.status, 200);
    assert_eq!(login.body["role"], "member");
    assert_reported(&login, "an organization has no owner");
    assert_purged(&service, &owner).await;
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn documents_that_cannot_be_read() {
    for (collection, change, purged) in [
        ("admins", doc! { "$set": { "epoch": "one" } }, true),
        ("admins", doc! { "$unset": { "addresses": "" } }, true),
        ("memberships", doc! { "$set": { "role": "king" } }, true),
        (
            "memberships",
            doc! { "$set": { "account_id": "nobody" } },
            true,
        ),
        ("memberships", doc! { "$unset": { "account_id": "" } }, true),
        (
            "sessions",
            doc! { "$set": { "account_epoch": "one" } },
            true,
        ),
        ("organizations", doc! { "$set": { "epoch": "one" } }, false),
        (
            "organizations",
            doc! { "$set": { "placement": "here" } },
            false,
        ),
        ("organizations", doc! { "$unset": { "holds": "" } }, false),
    ] {
        let (service, owner) = TestService::start_with_owner().await;
        update_one(&service, collection, change.clone()).await;
        let shown = owner.show(&service).await;
        assert!(
            [401, 500].contains(&shown.status.as_u16()),
            "{change}: {shown:?}"
        );
        if purged {
            assert_purged(&service, &owner).await;
            continue;
        }
        let now = mongodb::bson::DateTime::now();
        let deleted = doc! { "$set": { "deleted": { "by": "owner", "at": now, "purge_at": now } } };
        update_one(&service, "organizations", deleted).await;
        assert_eq!(purge(&service).await.failed, 1, "{change}");
    }
}
