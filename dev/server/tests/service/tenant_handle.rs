//! The tenant handle gives access to the admin's own collection only.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Request;
use mongodb::bson::{Document, doc};
use shared::auth::Caller;
use shared::http::{ClientAddress, Deadline, RequestLog};
use tokio::time::Instant;

use crate::isolation::Tenant;
use testkit::TestService;

async fn service_with_two_tenants() -> (TestService, Tenant, Tenant) {
    let service = TestService::start().await;
    let one = Tenant::create(&service, 1).await;
    let other = Tenant::create(&service, 2).await;
    (service, one, other)
}

async fn authenticated(service: &TestService, tenant: &Tenant) -> Caller {
    let request = Request::builder().header("authorization", format!("Bearer {}", tenant.token));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let address = ClientAddress(Ipv4Addr::LOCALHOST.into());
    parts.extensions.insert(address);
    let soon = Instant::now() + Duration::from_secs(10);
    parts.extensions.insert(Deadline(soon));
    parts.extensions.insert(RequestLog::new("test".to_owned()));
    let state = service.state.clone();
    Caller::from_request_parts(&mut parts, &state)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_handle_reaches_only_the_tenants_collection() {
    let (service, one, other) = service_with_two_tenants().await;
    let invoices = authenticated(&service, &one)
        .await
        .tenant()
        .collection::<Document>();
    assert_eq!(invoices.name(), one.collection);
    let more = doc! { "_id": 7, "invoice": "another", "amount": 3 };
    invoices.insert_one(&more).await.unwrap();
    let raised = doc! { "$inc": { "amount": 1 } };
    invoices
        .update_one(doc! { "_id": 7 }, raised)
        .await
        .unwrap();
    let found = invoices.find_one(doc! { "_id": 7 }).await.unwrap().unwrap();
    assert_eq!(found.get_i32("amount").unwrap(), 4);
    assert_eq!(invoices.count_documents(doc! {}).await.unwrap(), 2);
    let total = doc! { "$group": { "_id": null, "total": { "$sum": "$amount" } } };
    let mut totals = invoices.aggregate([total]).unwrap().await.unwrap();
    assert!(totals.advance().await.unwrap());
    assert_eq!(
        totals
            .deserialize_current()
            .unwrap()
            .get_i32("total")
            .unwrap(),
        4
    );
    let others = authenticated(&service, &other)
        .await
        .tenant()
        .collection::<Document>();
    assert_eq!(others.count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(others.find_one(doc! { "_id": 7 }).await.unwrap(), None);
}

#[tokio::test]
async fn an_aggregation_cannot_leave_the_tenants_collection() {
    let (service, one, other) = service_with_two_tenants().await;
    let invoices = authenticated(&service, &one)
        .await
        .tenant()
        .collection::<Document>();
    let from = &other.collection;
    let inner = doc! { "$unionWith": from };
    for stage in [
        doc! { "$lookup": { "from": from, "pipeline": [], "as": "stolen" } },
        doc! { "$graphLookup": { "from": from, "startWith": "$x", "connectFromField": "x", "connectToField": "y", "as": "z" } },
        doc! { "$unionWith": from },
        doc! { "$facet": { "stolen": [inner] } },
        doc! { "$out": from },
        doc! { "$merge": { "into": from } },
        doc! { "$collStats": { "count": {} } },
        doc! { "$newStageOfTomorrow": {} },
    ] {
        let name = stage.keys().next().unwrap().clone();
        let refused = invoices.aggregate([doc! { "$match": {} }, stage]);
        assert!(refused.is_err(), "{name} was let through");
    }
}

/// Rust files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn only_the_resolution_of_placements_uses_the_tenants_database() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut using = BTreeSet::new();
    for folder in ["shared/src", "functions"] {
        for file in sources(&root.join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let uses = |line: &str| line.contains(".tenants") || line.contains(".tenant_db");
            if code.into_iter().any(uses) {
                using.insert(file.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    // The first reads its name, the second opens it, the third resolves placements.
    let expected = [
        "shared/src/config.rs",
        "shared/src/store/databases.rs",
        "shared/src/store/tenant_data.rs",
    ];
    assert_eq!(using, expected.map(PathBuf::from).into());
}
