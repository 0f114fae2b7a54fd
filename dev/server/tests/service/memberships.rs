//! Accounts with memberships in several organizations.

use mongodb::bson::doc;
use serde_json::Value;

use crate::delete_organization::{end_grace, purge};
use crate::sessions::{assert_live, assert_revoked};
use testkit::{Owner, PASSWORD, TestService};

const NEW_PASSWORD: &str = "correct horse battery staple";

/// Acme and its owner; Other and its owner, who is also a member of Acme.
async fn two_organizations() -> (TestService, Owner, Owner) {
    let (service, acme) = TestService::start_with_owner().await;
    let other = service.owner("Other").await;
    let (email, organization) = (&other.email, &acme.organization_id);
    service.join(email, organization, "member").await;
    (service, acme, other)
}

#[tokio::test]
async fn d1_the_deletion_of_one_organization_ends_no_session_in_another() {
    let (service, acme, other) = two_organizations().await;
    acme.delete(&service).await;
    assert_revoked(&service, &acme.tokens).await;
    assert_live(&service, &other.tokens).await;
    let restored = service.restore(&acme.email, PASSWORD).await;
    assert_eq!(restored.status, 200, "{restored:?}");
    assert_revoked(&service, &acme.tokens).await;
    assert_live(&service, &other.tokens).await;
}

#[tokio::test]
async fn d1_a_session_does_not_revive_when_its_account_joins_again() {
    let (service, acme, other) = two_organizations().await;
    for role in ["member", "owner"] {
        let organization = &other.organization_id;
        service.leave(&other.email, organization).await;
        assert_revoked(&service, &other.tokens).await;
        service.join(&other.email, organization, role).await;
        assert_revoked(&service, &other.tokens).await;
    }
    assert_live(&service, &acme.tokens).await;
}

#[tokio::test]
async fn a_purge_deletes_only_accounts_without_another_membership() {
    let (service, acme, other) = two_organizations().await;
    let changed = service.change_password(&other.tokens.access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    let acme_id = service.account_id(&acme.email).await;
    acme.delete(&service).await;
    end_grace(&service);
    assert_eq!(purge(&service).await.purged, 1);
    assert_eq!(service.assert_consistent().await, 1);
    let accounts = service.admins();
    let left = accounts.count_documents(doc! { "_id": acme_id });
    assert_eq!(left.await.unwrap(), 0);
    let login = service.log_in(&other.email, NEW_PASSWORD).await;
    assert_eq!(login.status, 200, "{login:?}");
    assert_eq!(login.body["organization_id"], other.organization_id);
    let token = login.body["access_token"].as_str().unwrap();
    assert_eq!(
        service.trail(token).await[..2],
        ["login", "password_changed"],
        "the event of both organizations stays in the other one's trail"
    );
    let deleted = service.delete(token, NEW_PASSWORD).await;
    assert_eq!(deleted.status, 200);
    end_grace(&service);
    assert_eq!(purge(&service).await.purged, 1);
    assert_eq!(service.assert_consistent().await, 0);
    assert_eq!(accounts.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn an_action_on_an_account_is_one_event_in_all_its_trails() {
    let (service, acme, other) = two_organizations().await;
    service.log_in(&other.email, "wrong password").await;
    let access = &other.tokens.access;
    let changed = service.change_password(access, PASSWORD, NEW_PASSWORD);
    assert_eq!(changed.await.status, 204);
    let everywhere = "/admin/logout?everywhere=true";
    let ended = service.call("POST", everywhere, access, &Value::Null).await;
    assert_eq!(ended.status, 204);
    let actions = ["session_ended", "password_changed", "login_refused"];
    assert_eq!(service.trail(&acme.tokens.access).await[..3], actions);
    let other_id = service.account_id(&other.email).await;
    for action in actions {
        let event = doc! { "action": action, "account_id": other_id };
        let events = service.audit_events();
        assert_eq!(events.count_documents(event.clone()).await.unwrap(), 1);
        let event = events.find_one(event).await.unwrap().unwrap();
        assert_eq!(event.get_array("organization_ids").unwrap().len(), 2);
        assert!(!event.contains_key("sequence"), "{event}");
    }
    // An action in a session concerns the session's organization only.
    let login = doc! { "action": "login", "account_id": other_id };
    let login = service.audit_events().find_one(login).await;
    let login = login.unwrap().unwrap();
    assert_eq!(login.get_array("organization_ids").unwrap().len(), 1);
}

#[tokio::test]
async fn events_of_an_organizations_changes_have_increasing_sequences() {
    let (service, acme) = TestService::start_with_owner().await;
    for name in ["One", "Two", "Three"] {
        assert_eq!(acme.rename(&service, name).await.status, 200);
    }
    acme.delete(&service).await;
    assert_eq!(service.restore(&acme.email, PASSWORD).await.status, 200);
    let changes = doc! { "sequence": { "$ne": null } };
    let events = service.audit_events();
    let mut events = events.find(changes).sort(doc! { "_id": 1 }).await.unwrap();
    let mut sequences = Vec::new();
    while events.advance().await.unwrap() {
        let event = events.deserialize_current().unwrap();
        sequences.push(event.get_i64("sequence").unwrap());
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_trail_of_one_admin_is_part_of_the_organizations() {
    let (service, acme, other) = two_organizations().await;
    service.log_in(&other.email, "wrong password").await;
    let token = &acme.tokens.access;
    let page = async |query: &str| {
        let path = format!("/org/audit?{query}");
        service.call("GET", &path, token, &Value::Null).await
    };
    let other_id = service.account_id(&other.email).await.to_hex();
    let of_other = page(&format!("admin_id={other_id}")).await;
    let events = of_other.body["events"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["action"], "login_refused");
    let acme_id = service.account_id(&acme.email).await.to_hex();
    let mut actions = Vec::new();
    let mut query = format!("admin_id={acme_id}&limit=1");
    loop {
        let next = page(&query).await;
        actions.push(next.body["events"][0]["action"].clone());
        let Some(cursor) = next.body["next_cursor"].as_str() else {
            break;
        };
        query = format!("admin_id={acme_id}&limit=1&cursor={cursor}");
    }
    assert_eq!(actions, ["login", "organization_created"]);
    // An account of no membership here has no events here.
    let nobody = page("admin_id=0123456789abcdef01234567").await;
    assert_eq!(nobody.body["events"], Value::Array(Vec::new()));
    let invalid = page("admin_id=me").await;
    let errors = invalid.problem(422, "validation_failed");
    assert_eq!(errors, [("admin_id".to_owned(), "invalid_id".to_owned())]);
}

#[tokio::test]
async fn a_reserved_address_is_taken_and_signs_nobody_in() {
    let (service, acme) = TestService::start_with_owner().await;
    let change = doc! {
        "$set": { "email": "new@example.com", "addresses": ["new@example.com", &acme.email] },
    };
    let accounts = service.admins();
    accounts.update_one(doc! {}, change).await.unwrap();
    let taken = service.create("Another", &acme.email).await;
    taken.problem(409, "email_taken");
    let refused = service.log_in(&acme.email, PASSWORD).await;
    refused.problem(401, "invalid_credentials");
    let login = service.log_in("new@example.com", PASSWORD).await;
    assert_eq!(login.status, 200);
}

#[tokio::test]
async fn a_login_ends_in_the_open_organization() {
    let (service, acme, other) = two_organizations().await;
    // Other was joined first.
    let login = service.log_in(&other.email, PASSWORD).await;
    assert_eq!(login.body["organization_id"], other.organization_id);
    assert_eq!(login.body["role"], "owner");
    other.delete(&service).await;
    let login = service.log_in(&other.email, PASSWORD).await;
    assert_eq!(login.body["organization_id"], acme.organization_id);
    assert_eq!(login.body["role"], "member");
    // A member cannot restore; an owner can, although another organization is open.
    service.leave(&other.email, &acme.organization_id).await;
    service
        .join(&other.email, &acme.organization_id, "owner")
        .await;
    let restored = service.restore(&other.email, PASSWORD).await;
    assert_eq!(restored.body["id"], other.organization_id);
}
