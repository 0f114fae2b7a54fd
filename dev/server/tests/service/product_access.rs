//! What a product reaches in MASTER_DB with a MongoDB user of its own: the open tenants, and the events that it reports.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Decimal128, Document, doc};
use serde_json::{Value, json};

use crate::delete_organization::end_grace;
use testkit::{Owner, TestService, all};

fn id(text: &str) -> ObjectId {
    ObjectId::parse_str(text).unwrap()
}

fn reports(service: &TestService) -> Collection<Document> {
    service.master().collection("product_events")
}

fn posted(owner: &Owner, number: i32) -> Document {
    doc! {
        "organization_id": id(&owner.organization_id),
        "action": "invoices.invoice_posted",
        "details": { "number": number },
        "at": DateTime::now(),
    }
}

async fn page(service: &TestService, owner: &Owner, query: &str) -> (Vec<Value>, Option<String>) {
    let path = format!("/org/audit?{query}");
    let page = owner.call(service, "GET", &path, &Value::Null).await;
    assert_eq!(page.status, 200, "{page:?}");
    let events = page.body["events"].as_array().unwrap().clone();
    (events, page.body["next_cursor"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn the_view_shows_open_organizations() {
    let service = TestService::start().await;
    let open = service.owner("Open").await;
    let held = service.owner("Held").await;
    service
        .suspend(doc! { "_id": id(&held.organization_id) })
        .await;
    service.owner("Deleted").await.delete(&service).await;
    let shown = all(service.master().collection("open_tenants")).await;
    let expected = doc! {
        "_id": id(&open.organization_id),
        "organization_name": "Open",
        "collection_name": &open.collection_name,
        "database": service.tenants().name(),
    };
    assert_eq!(shown.len(), 1);
    let shown: std::collections::BTreeMap<_, _> = shown[0].iter().collect();
    assert_eq!(shown, expected.iter().collect());
    service
        .resume(doc! { "_id": id(&held.organization_id) })
        .await;
    assert_eq!(
        all(service.master().collection("open_tenants")).await.len(),
        2
    );
}

#[tokio::test]
async fn the_trail_has_reported_events_in_order() {
    let (service, owner) = TestService::start_with_owner().await;
    let other = service.owner("Other").await;
    let reports = reports(&service);
    for number in 0..5 {
        reports.insert_one(posted(&owner, number)).await.unwrap();
        reports.insert_one(posted(&other, 100)).await.unwrap();
        owner.rename(&service, &format!("Name {number}")).await;
    }
    let (whole, end) = page(&service, &owner, "limit=100").await;
    assert_eq!(end, None);
    let newest: Vec<_> = whole[..4]
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        newest,
        [
            "organization_renamed",
            "invoices.invoice_posted",
            "organization_renamed",
            "invoices.invoice_posted"
        ]
    );
    let reported = &whole[1];
    assert_eq!(reported["details"], json!({ "number": 4 }));
    assert_eq!(reported["address"], "product:invoices");
    assert!(reported["admin_id"].is_null() && reported["session_id"].is_null());
    // The same in pages of any size.
    for limit in [1, 3] {
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let (events, next) = page(&service, &owner, &format!("limit={limit}{cursor}")).await;
            paged.extend(events);
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, whole);
    }
}

#[tokio::test]
async fn reported_events_of_an_admin_are_found() {
    let (service, owner) = TestService::start_with_owner().await;
    let admin = service.account_id(&owner.email).await;
    let mut by_admin = posted(&owner, 1);
    by_admin.insert("admin_id", admin);
    reports(&service)
        .insert_many([by_admin, posted(&owner, 2)])
        .await
        .unwrap();
    let query = format!("admin_id={}", admin.to_hex());
    let (events, _) = page(&service, &owner, &query).await;
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| event["details"]["number"].as_i64())
        .collect();
    assert_eq!(numbers, [1]);
    assert_eq!(events[0]["admin_id"], admin.to_hex());
}

#[tokio::test]
async fn events_of_another_shape_are_refused() {
    let (service, owner) = TestService::start_with_owner().await;
    let reports = reports(&service);
    let change = |field: &str, value: mongodb::bson::Bson| {
        let mut event = posted(&owner, 1);
        event.insert(field, value);
        event
    };
    for event in [
        doc! {},
        change("organization_id", owner.organization_id.clone().into()),
        change("action", "organization_deleted".into()),
        change("action", "invoices.a.b".into()),
        change("action", "Invoices.posted".into()),
        change("action", "invoices.posted\n".into()),
        change("details", "text".into()),
        change("details", doc! { "text": "a".repeat(5000) }.into()),
        change("at", "2026-01-01".into()),
        change("admin_id", "x".into()),
        change("session_id", ObjectId::new().into()),
    ] {
        let refused = reports.insert_one(&event).await;
        assert!(refused.is_err(), "{event}");
    }
    reports.insert_one(posted(&owner, 1)).await.unwrap();
}

#[tokio::test]
async fn details_of_all_types_are_shown() {
    let (service, owner) = TestService::start_with_owner().await;
    let mut event = posted(&owner, 1);
    event.insert(
        "details",
        doc! {
            "amount": "12.50".parse::<Decimal128>().unwrap(),
            "file": Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2] },
            "due": DateTime::from_millis(0),
            "invoice": ObjectId::from_bytes([1; 12]),
            "lines": [{ "cents": 1_i64 }, Bson::Null],
            "rate": f64::NAN,
        },
    );
    reports(&service).insert_one(event).await.unwrap();
    let (events, next) = page(&service, &owner, "limit=1").await;
    let details = &events[0]["details"];
    assert_eq!(details["amount"], "12.50");
    assert_eq!(details["due"], "1970-01-01T00:00:00.000Z");
    assert_eq!(details["invoice"], "01".repeat(12));
    assert_eq!(details["lines"], json!([{ "cents": 1 }, null]));
    assert!(details["file"].is_string() && details["rate"].is_null());
    assert!(next.is_some());
}

/// A product that wrote before the service had created the collection.
#[tokio::test]
async fn events_of_a_collection_without_its_validator_do_not_mislead() {
    let (service, owner) = TestService::start_with_owner().await;
    reports(&service).drop().await.unwrap();
    let mut misleading = posted(&owner, 1);
    misleading.insert("action", "organization_deleted");
    reports(&service)
        .insert_many([misleading, posted(&owner, 2)])
        .await
        .unwrap();
    let other = service.second_instance(testkit::local_secret()).await;
    other.owner("Other").await;
    let (events, _) = page(&service, &owner, "limit=100").await;
    let actions: Vec<_> = events
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["invoices.invoice_posted", "login", "organization_created"]
    );
}

#[tokio::test]
async fn a_purge_removes_reported_events_late_ones_included() {
    let (service, owner) = TestService::start_with_owner().await;
    let other = service.owner("Other").await;
    let reports = reports(&service);
    let events = [posted(&owner, 1), posted(&owner, 2), posted(&other, 3)];
    reports.insert_many(events).await.unwrap();
    owner.delete(&service).await;
    end_grace(&service);
    assert_eq!(service.purge().await.unwrap().purged, 1);
    assert_eq!(all(reports.clone()).await.len(), 1);
    reports.insert_one(posted(&owner, 4)).await.unwrap();
    service.advance_clock(Duration::from_secs(60));
    service.purge().await.unwrap();
    let left = all(reports).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].get_object_id("organization_id").unwrap(),
        id(&other.organization_id)
    );
}
