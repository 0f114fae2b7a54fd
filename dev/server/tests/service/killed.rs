//! F10: the service is killed between any two statements of onboarding, deletion, purge and sweep.

use std::time::Duration;

use mongod::Mongod;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use shared::organizations::purge_deleted;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::delete_organization::{end_grace, purge};
use testkit::{PASSWORD, TestService, Victim, all};

/// Calls `kill` with 0, 1, 2 and so on, until it returns true: the action ended before so many statements.
async fn at_each_statement(kill: impl AsyncFn(&TestService, &Mongod, i32) -> bool) {
    let (service, mongod) = TestService::start_on_own_mongod().await;
    for statements in 0.. {
        if kill(&service, &mongod, statements).await {
            assert!(statements > 5, "only {statements} statements were sent");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_onboarding_killed_at_any_statement_creates_all_or_nothing() {
    at_each_statement(async |service, mongod, statements| {
        let body = json!({
            "organization_name": format!("Organization {statements}"),
            "email": format!("{statements}@example.com"),
            "password": PASSWORD,
        });
        let create = async |service: &TestService| {
            let request = service.request("POST", "/org/create").json(&body);
            let request = request.header("idempotency-key", "one");
            service.send(request).await
        };
        let victim = Victim::start(service, mongod).await;
        let created = victim.kill_after(statements, async |victim| create(&victim.instance).await);
        let created = created.await;
        let before = service.assert_consistent().await;
        let again = create(service).await;
        assert_eq!(again.status, 201, "{again:?}");
        let expected = usize::try_from(statements).unwrap() + 1;
        assert_eq!(service.assert_consistent().await, expected);
        match created {
            Some(created) => {
                assert_eq!(created.body, again.body);
                true
            }
            None => {
                assert!(before >= expected - 1);
                false
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_a_deletion_killed_at_any_statement_happens_or_not() {
    at_each_statement(async |service, mongod, statements| {
        let owner = service.owner(&format!("Organization {statements}")).await;
        let token = &owner.tokens.access;
        let victim = Victim::start(service, mongod).await;
        let delete = async |victim: &Victim<'_>| victim.instance.delete(token, PASSWORD).await;
        let deleted = victim.kill_after(statements, delete).await;
        let id = doc! { "_id": ObjectId::parse_str(&owner.organization_id).unwrap() };
        let stored = service.organizations().find_one(id).await.unwrap().unwrap();
        let is_deleted = stored.get_document("deleted").is_ok();
        let shown = owner.call(service, "GET", "/org", &Value::Null).await;
        assert_eq!(shown.status == 200, !is_deleted, "{shown:?}");
        assert_eq!(stored.get_i64("epoch").unwrap(), i64::from(is_deleted));
        service.assert_consistent().await;
        deleted.is_some_and(|deleted| {
            assert_eq!((deleted.status.as_u16(), is_deleted), (200, true));
            true
        })
    })
    .await;
}

/// All documents of the control plane, and the names of the tenants' collections.
struct Stored {
    documents: Vec<(String, Vec<Document>)>,
    collections: Vec<String>,
}

impl Stored {
    async fn read(service: &TestService) -> Self {
        let mut documents = Vec::new();
        let names = service.master().list_collection_names().await.unwrap();
        let is_stored = |name: &String| name != "open_tenants" && !name.starts_with("system.");
        for name in names.into_iter().filter(is_stored) {
            let collection = service.master().collection(&name);
            documents.push((name, all(collection).await));
        }
        Self {
            documents,
            collections: service.tenants().list_collection_names().await.unwrap(),
        }
    }

    async fn write(&self, service: &TestService) {
        for (name, documents) in &self.documents {
            let collection = service.master().collection::<Document>(name);
            collection.delete_many(doc! {}).await.unwrap();
            if !documents.is_empty() {
                collection.insert_many(documents).await.unwrap();
            }
        }
        service.tenants().drop().await.unwrap();
        for name in &self.collections {
            service.tenants().create_collection(name).await.unwrap();
        }
    }
}

/// Writes what late requests of a purged organization write.
async fn write_late(service: &TestService) {
    let owner = service.owner("Late").await;
    let organization = ObjectId::parse_str(&owner.organization_id).unwrap();
    let (sessions, events) = (service.sessions(), service.audit_events());
    let session = sessions.find_one(doc! { "organization_id": organization });
    let session = session.await.unwrap().unwrap();
    let event = events.find_one(doc! { "organization_ids": organization });
    let event = event.await.unwrap().unwrap();
    service.delete(&owner.tokens.access, PASSWORD).await;
    end_grace(service);
    assert_eq!(purge(service).await.purged, 1);
    sessions.insert_one(session).await.unwrap();
    events.insert_one(event).await.unwrap();
    let reports = service.master().collection::<Document>("product_events");
    let report = doc! { "organization_id": organization, "action": "invoices.posted", "at": DateTime::now() };
    reports.insert_one(report).await.unwrap();
    let late = service.tenants().collection(&owner.collection_name);
    late.insert_one(doc! { "late": true }).await.unwrap();
}

/// Three organizations: one was purged, one is due, one is alive. The owner of each of the last two is a member of the
/// other.
async fn purged_due_and_alive(service: &TestService) -> Stored {
    write_late(service).await;
    let due = service.owner("Due").await;
    service.delete(&due.tokens.access, PASSWORD).await;
    // Ends now, so that the purge of the first one stays recent.
    let now = service.state.clock.now();
    let ended = doc! { "$set": { "deleted.purge_at": now } };
    service
        .update_organizations(doc! { "name": "Due" }, ended)
        .await;
    let alive = service.owner("Alive").await;
    let (account, organization) = (&due.email, &alive.organization_id);
    service.join(account, organization, "member").await;
    service
        .join(&alive.email, &due.organization_id, "member")
        .await;
    Stored::read(service).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_d3_a_purge_killed_at_any_statement_is_completed_by_the_next() {
    let stored = OnceCell::new();
    at_each_statement(async |service, mongod, statements| {
        let stored = stored.get_or_init(|| purged_due_and_alive(service)).await;
        stored.write(service).await;
        let victim = Victim::start(service, mongod).await;
        let run = async |victim: &Victim<'_>| {
            let soon = Instant::now() + Duration::from_secs(10);
            let purging = victim.run(async move |state| purge_deleted(&state, soon).await);
            purging.await.unwrap()
        };
        let killed = victim.kill_after(statements, run).await;
        // Ends the lease of the killed run.
        service.advance_clock(Duration::from_secs(60));
        let report = purge(service).await;
        assert_eq!(report.failed, 0);
        assert_eq!(service.assert_consistent().await, 1, "after {statements}");
        for collection in [service.admins(), service.memberships()] {
            assert_eq!(all(collection).await.len(), 2, "after {statements}");
        }
        assert_eq!(all(service.sessions()).await.len(), 1, "after {statements}");
        let reports = service.master().collection("product_events");
        assert_eq!(all(reports).await.len(), 0, "after {statements}");
        killed.is_some()
    })
    .await;
}
