//! The tenant's handle: what it reaches, and what it offers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Request;
use mongodb::bson::Document;
use serde::{Deserialize, Serialize};
use shared::auth::Caller;
use shared::http::{ClientAddress, Deadline, RequestLog};
use shared::tenant::Kind;
use tokio::time::Instant;

use crate::isolation::Tenant;
use testkit::{TestService, all};

mod cursors;
mod idempotency;
mod indexes;
mod kinds;
mod methods;
mod transactions;

async fn service_with_two_tenants() -> (TestService, Tenant, Tenant) {
    let service = TestService::start().await;
    let one = Tenant::create(&service, 1).await;
    let other = Tenant::create(&service, 2).await;
    (service, one, other)
}

async fn authenticated(service: &TestService, tenant: &Tenant) -> Caller {
    authenticated_until(service, tenant, Duration::from_secs(20)).await
}

async fn authenticated_until(service: &TestService, tenant: &Tenant, time: Duration) -> Caller {
    caller_of(service, &tenant.token, time).await
}

async fn authenticated_with(service: &TestService, token: &str) -> Caller {
    caller_of(service, token, Duration::from_secs(20)).await
}

async fn caller_of(service: &TestService, token: &str, time: Duration) -> Caller {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let address = ClientAddress(Ipv4Addr::LOCALHOST.into());
    parts.extensions.insert(address);
    parts.extensions.insert(Deadline(Instant::now() + time));
    parts.extensions.insert(RequestLog::new("test".to_owned()));
    let state = service.state.clone();
    Caller::from_request_parts(&mut parts, &state)
        .await
        .unwrap()
}

/// Both tenants have a draft, its lines and a document of no kind, with equal values.
async fn two_tenants_with_documents() -> (TestService, Tenant, Tenant) {
    let (service, one, other) = service_with_two_tenants().await;
    for tenant in [&one, &other] {
        let caller = authenticated(&service, tenant).await;
        let data = caller.tenant();
        let invoices = [Invoice::new("a", 1), Invoice::new("b", 2)];
        data.kind::<Invoice>().insert_many(&invoices).await.unwrap();
        for invoice in &invoices {
            let line = Line::of(invoice);
            data.kind::<Line>().insert_one(&line).await.unwrap();
        }
    }
    (service, one, other)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoice {
    #[serde(rename = "_id")]
    id: String,
    total: i64,
}

impl Invoice {
    fn new(id: &str, total: i64) -> Self {
        Self {
            id: id.to_owned(),
            total,
        }
    }
}

impl Kind for Invoice {
    const KIND: &'static str = "invoice";
}

/// Has the fields that an invoice has, so that only its kind tells it apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "_id")]
    id: String,
    total: i64,
    invoice: String,
}

impl Line {
    fn of(invoice: &Invoice) -> Self {
        Self {
            id: format!("line of {}", invoice.id),
            total: invoice.total,
            invoice: invoice.id.clone(),
        }
    }
}

impl Kind for Line {
    const KIND: &'static str = "line";
}

/// The stored documents of a tenant, those of all kinds.
async fn stored(service: &TestService, tenant: &Tenant) -> Vec<Document> {
    let mut documents = all(service.tenants().collection(&tenant.collection)).await;
    documents.sort_by_key(ToString::to_string);
    documents
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
