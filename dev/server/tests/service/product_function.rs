//! A product's function in this workspace, over HTTP: its transaction, error codes, audit actions and body limit.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::auth::Caller;
use shared::http::JsonBody;
use shared::problem::{Problem, ProductCode};
use shared::tenant::{AuditAction, Kind};

use testkit::{Owner, TestService};

static NOT_A_DRAFT: ProductCode =
    ProductCode::new(409, "invoices.not_a_draft", "The invoice is not a draft");
const POSTED: AuditAction = AuditAction::new("invoices.invoice_posted");

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoice {
    #[serde(rename = "_id")]
    id: String,
    cents: i64,
    #[serde(default)]
    note: String,
    #[serde(default)]
    number: Option<i64>,
}

impl Kind for Invoice {
    const KIND: &'static str = "invoice";
}

async fn draft(
    caller: Caller,
    JsonBody(invoice): JsonBody<Invoice, 64>,
) -> Result<StatusCode, Problem> {
    caller.tenant().kind().insert_one(&invoice).await?;
    Ok(StatusCode::CREATED)
}

async fn post_draft(caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let draft = doc! { "_id": &id, "number": null };
    let post = caller.tenant();
    let number = post
        .transaction(async |tx| {
            let number = tx.next_number("invoice").await?;
            let set = doc! { "$set": { "number": number } };
            let invoices = tx.kind::<Invoice>();
            let posted = invoices.update_one(draft.clone(), set).await?;
            if posted.matched_count == 0 {
                return Err(Problem::new(&NOT_A_DRAFT, "There is no such draft.").into());
            }
            let details = json!({ "invoice": id, "number": number });
            tx.audit(POSTED, details).await?;
            Ok(number)
        })
        .await?;
    Ok(Json(json!({ "number": number })))
}

async fn start() -> (TestService, Owner) {
    let (service, owner) = TestService::start_with_owner().await;
    let product = Router::new()
        .route("/erp/invoices", post(draft))
        .route("/erp/invoices/{id}/post", post(post_draft))
        .with_state(Arc::clone(&service.state));
    let routes = server::routes(&service.state).merge(product);
    (service.with_routes(routes).await, owner)
}

#[tokio::test]
async fn a_product_has_error_codes_and_audit_actions_of_its_own() {
    let (service, owner) = start().await;
    let invoice = json!({ "_id": "a", "cents": 1_000 });
    let drafted = owner
        .call(&service, "POST", "/erp/invoices", &invoice)
        .await;
    assert_eq!(drafted.status, 201, "{drafted:?}");
    let path = "/erp/invoices/a/post";
    let posted = owner.call(&service, "POST", path, &Value::Null).await;
    assert_eq!(posted.status, 200);
    assert_eq!(posted.body, json!({ "number": 1 }));
    let again = owner.call(&service, "POST", path, &Value::Null).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.body["code"], "invoices.not_a_draft");
    assert_eq!(again.body["title"], "The invoice is not a draft");
    assert_eq!(
        again.body["type"],
        "urn:problem-type:org-management:invoices.not_a_draft"
    );
    let trail = owner
        .call(&service, "GET", "/org/audit?limit=1", &Value::Null)
        .await;
    let event = &trail.body["events"][0];
    assert_eq!(event["action"], "invoices.invoice_posted");
    assert_eq!(event["details"], json!({ "invoice": "a", "number": 1 }));
}

#[tokio::test]
async fn a_route_has_a_body_limit_of_its_own() {
    let (service, owner) = start().await;
    for (id, kib, status) in [("a", 17, 201), ("b", 63, 201), ("c", 65, 413)] {
        let note = "x".repeat(kib * 1024);
        let invoice = json!({ "_id": id, "cents": 1, "note": note });
        let drafted = owner
            .call(&service, "POST", "/erp/invoices", &invoice)
            .await;
        assert_eq!(
            drafted.status, status,
            "{kib} KiB: {:?}",
            drafted.body["code"]
        );
        if status == 413 {
            assert_eq!(drafted.body["detail"], "The body must have at most 64 KiB.");
        }
    }
    let renamed = json!({ "organization_name": "x".repeat(17 * 1024) });
    let renamed = owner.call(&service, "PATCH", "/org", &renamed).await;
    assert_eq!(renamed.body["detail"], "The body must have at most 16 KiB.");
}

#[tokio::test]
async fn a_products_function_requires_a_live_session() {
    let (service, owner) = start().await;
    owner.delete(&service).await;
    let path = "/erp/invoices/a/post";
    let refused = owner.call(&service, "POST", path, &Value::Null).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.body["code"], "invalid_token");
}
