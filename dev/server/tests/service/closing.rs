//! D2: nothing is written to an organization after its closing, or the end of the membership, was acknowledged.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use serde_json::Value;
use tokio::time::sleep;

use testkit::{Owner, PASSWORD, TestService};

/// Limits that do not apply to these tests.
const NO_LIMITS: [(&str, &str); 2] = [
    ("ORGANIZATION_CHANGES_PER_DAY", "0"),
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "0"),
];
const WRITERS: usize = 8;
const RENAMES: usize = 25;

/// The organization without what its locks count, and the number of its events that only a lock allows.
async fn stored(service: &TestService, owner: &Owner) -> (Document, u64) {
    let id = ObjectId::parse_str(&owner.organization_id).unwrap();
    let found = service.organizations().find_one(doc! { "_id": id }).await;
    let mut found = found.unwrap().unwrap();
    found.remove("sequence");
    let events = doc! { "organization_ids": id, "sequence": { "$ne": null } };
    let events = service.audit_events().count_documents(events).await;
    (found, events.unwrap())
}

/// Lets 200 renames race with `close`, and asserts that none of them is stored after it was acknowledged.
async fn nothing_follows(close: impl AsyncFn(&TestService, &Owner)) {
    let service = TestService::start_with(&NO_LIMITS).await;
    let owner = service.owner("Acme").await;
    let renames = async |writer: usize| {
        let mut renamed = 0;
        for number in 0..RENAMES {
            let response = owner.rename(&service, &format!("{writer} {number}")).await;
            match response.status.as_u16() {
                200 => renamed += 1,
                503 => {}
                _ => drop(response.problem(401, "invalid_token")),
            }
        }
        renamed
    };
    let closing = async {
        sleep(Duration::from_millis(150)).await;
        close(&service, &owner).await;
        stored(&service, &owner).await
    };
    let (renamed, acknowledged) = tokio::join!(join_all((0..WRITERS).map(renames)), closing);
    assert_eq!(stored(&service, &owner).await, acknowledged);
    let renamed = renamed.into_iter().sum::<usize>();
    assert!(0 < renamed && renamed < WRITERS * RENAMES, "{renamed}");
    assert_eq!(owner.show(&service).await.status, 401);
}

#[tokio::test]
async fn d2_nothing_is_written_after_a_deletion() {
    nothing_follows(async |service, owner| {
        let deleted = service.delete(&owner.tokens.access, PASSWORD).await;
        assert_eq!(deleted.status, 200, "{deleted:?}");
    })
    .await;
}

#[tokio::test]
async fn d2_nothing_is_written_after_a_suspension() {
    nothing_follows(async |service, _| service.suspend(doc! {}).await).await;
}

#[tokio::test]
async fn d2_nothing_is_written_after_the_end_of_a_membership() {
    nothing_follows(async |service, owner| {
        service.leave(&owner.email, &owner.organization_id).await;
    })
    .await;
}

#[tokio::test]
async fn d2_nothing_is_written_after_a_logout_everywhere() {
    nothing_follows(async |service, owner| {
        // Another session: the account is what they have in common.
        let access = service.token_of(&owner.email).await;
        let everywhere = "/admin/logout?everywhere=true";
        let ended = service.call("POST", everywhere, &access, &Value::Null);
        assert_eq!(ended.await.status, 204);
    })
    .await;
}

/// Members who refresh their sessions, and log in and out, lock nothing of the organization.
#[tokio::test]
async fn d2_busy_members_do_not_delay_a_deletion() {
    let service = TestService::start_with(&NO_LIMITS).await;
    let owner = service.owner("Acme").await;
    let template = service.admins().find_one(doc! {}).await.unwrap().unwrap();
    let mut members = Vec::new();
    for number in 0..64 {
        let email = format!("member-{number}@example.com");
        let mut account = template.clone();
        account.insert("_id", ObjectId::new());
        account.insert("email", &email);
        account.insert("addresses", [&email]);
        service.admins().insert_one(account).await.unwrap();
        service.join(&email, &owner.organization_id, "member").await;
        members.push(email);
    }
    let sessions = members.iter().map(|email| service.session_of(email));
    let sessions = join_all(sessions).await;
    let busy = sessions.iter().map(async |session| {
        let mut refresh = session.refresh.clone();
        let mut refreshed = 0;
        loop {
            let next = service.refresh(&refresh).await;
            if next.status != 200 {
                next.problem(401, "invalid_token");
                return refreshed;
            }
            next.body["refresh_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut refresh);
            refreshed += 1;
        }
    });
    let deleting = async {
        sleep(Duration::from_millis(300)).await;
        let deleted = service.delete(&owner.tokens.access, PASSWORD).await;
        assert_eq!(deleted.status, 200, "{deleted:?}");
    };
    let (refreshed, ()) = tokio::join!(join_all(busy), deleting);
    assert!(refreshed.iter().all(|refreshed| *refreshed > 0));
    let deletion = doc! { "action": "organization_deleted" };
    let deletion = service.audit_events().find_one(deletion).await;
    let ended = deletion.unwrap().unwrap().get_i64("sessions_ended");
    assert_eq!(ended.unwrap(), 65);
}
