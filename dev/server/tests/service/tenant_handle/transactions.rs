//! Transactions on a tenant's data: all or nothing, numbers without gaps, the session's end, and the audit trail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use serde_json::json;
use shared::problem::{Code, Problem, ProductCode};
use shared::tenant::{AuditAction, Refused, TenantError};
use tokio::time::sleep;

use super::{
    Invoice, Line, authenticated, authenticated_until, service_with_two_tenants, stored,
    two_tenants_with_documents,
};
use testkit::{Response, TestService};

const POSTED: AuditAction = AuditAction::new("invoices.invoice_posted");
static REFUSED: ProductCode = ProductCode::new(409, "invoices.refused", "The invoice was refused");

async fn trail(service: &TestService, token: &str) -> Response {
    service
        .call("GET", "/org/audit", token, &serde_json::Value::Null)
        .await
}

#[tokio::test]
async fn a_transaction_commits_all_of_its_writes_or_none() {
    let (service, one, _) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let before = stored(&service, &one).await;
    let post = async |refuse: bool| {
        tenant
            .transaction(async |tx| {
                let number = tx.next_number("invoice").await?;
                let invoice = Invoice::new(&format!("i{number}"), number);
                tx.kind::<Invoice>().insert_one(&invoice).await?;
                tx.kind::<Line>().insert_one(&Line::of(&invoice)).await?;
                tx.audit(POSTED, json!({ "number": number })).await?;
                match refuse {
                    true => Err(Problem::new(&REFUSED, "Not this one.").into()),
                    false => Ok(number),
                }
            })
            .await
    };
    let refused = post(true).await.unwrap_err();
    assert_eq!(refused.code, Code::Product(&REFUSED));
    assert_eq!(stored(&service, &one).await, before);
    assert_eq!(
        post(false).await.unwrap(),
        1,
        "the refused one gave its number back"
    );
    assert_eq!(stored(&service, &one).await.len(), before.len() + 3);
    let trail = trail(&service, &one.token).await;
    let actions = trail.body["events"].as_array().unwrap().iter();
    let posted: Vec<_> = actions
        .filter(|event| event["action"] == "invoices.invoice_posted")
        .collect();
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0]["details"], json!({ "number": 1 }));
    assert_eq!(posted[0]["admin_id"], caller.account().id().to_hex());
    assert!(posted[0]["session_id"].is_string());
}

#[tokio::test]
async fn numbers_of_transactions_at_once_have_no_gap() {
    let (service, one, other) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let posts = (0..32).map(|_| {
        tenant.transaction(async |tx| {
            let number = tx.next_number("invoice").await?;
            let invoice = Invoice::new(&number.to_string(), number);
            tx.kind::<Invoice>().insert_one(&invoice).await?;
            Ok(number)
        })
    });
    let mut numbers: Vec<_> = join_all(posts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, Vec::from_iter(1..=32));
    let others = authenticated(&service, &other).await;
    let others = others.tenant();
    let first = others.transaction(async |tx| Ok(tx.next_number("invoice").await?));
    assert_eq!(first.await.unwrap(), 1);
    let second = tenant.transaction(async |tx| Ok(tx.next_number("credit_note").await?));
    assert_eq!(second.await.unwrap(), 1);
}

#[tokio::test]
async fn transactions_of_one_session_do_not_collide() {
    let (service, one, _) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let runs = AtomicUsize::new(0);
    let invoices: Vec<_> = (0..64).map(|n| Invoice::new(&n.to_string(), n)).collect();
    let (tenant, runs) = (&tenant, &runs);
    let adds = invoices.iter().map(|invoice| async move {
        let add = tenant.transaction(async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok(tx.kind::<Invoice>().insert_one(invoice).await?)
        });
        add.await
    });
    for added in join_all(adds).await {
        added.unwrap();
    }
    assert_eq!(runs.load(Ordering::Relaxed), 64, "some were retried");
}

#[tokio::test]
async fn a_transaction_checks_the_session_at_its_beginning() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let before = stored(&service, &one).await;
    let log_out = async || {
        let null = serde_json::Value::Null;
        service
            .call("POST", "/admin/logout", &one.token, &null)
            .await
    };
    // The session ends in the middle: this transaction began before.
    let add = tenant.transaction(async |tx| {
        tx.kind::<Invoice>()
            .insert_one(&Invoice::new("c", 3))
            .await?;
        assert_eq!(log_out().await.status, 204);
        Ok(())
    });
    add.await.unwrap();
    assert_eq!(stored(&service, &one).await.len(), before.len() + 1);
    let add = tenant.transaction(async |tx| {
        Ok(tx
            .kind::<Invoice>()
            .insert_one(&Invoice::new("d", 4))
            .await?)
    });
    assert_eq!(add.await.unwrap_err().code, Code::InvalidToken);
    assert_eq!(stored(&service, &one).await.len(), before.len() + 1);
}

#[tokio::test]
async fn a_transaction_that_outlives_its_deadline_writes_nothing() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated_until(&service, &one, Duration::from_secs(3)).await;
    let tenant = caller.tenant();
    let before = stored(&service, &one).await;
    let slow = tenant.transaction(async |tx| {
        tx.kind::<Invoice>()
            .insert_one(&Invoice::new("c", 3))
            .await?;
        sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    assert_eq!(slow.await.unwrap_err().code, Code::ServiceUnavailable);
    assert_eq!(stored(&service, &one).await, before);
    // Nothing holds the document: another write succeeds at once.
    let fresh = authenticated(&service, &one).await;
    let invoice = Invoice::new("c", 3);
    fresh
        .tenant()
        .kind::<Invoice>()
        .insert_one(&invoice)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_conflict_is_retried() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let raises = (0..16).map(|_| {
        tenant.transaction(async |tx| {
            let invoices = tx.kind::<Invoice>();
            let read = invoices.find_one(doc! { "_id": "a" }).await?;
            let total = read.ok_or_else(Problem::not_found)?.total;
            sleep(Duration::from_millis(10)).await;
            let set = doc! { "$set": { "total": total + 1 } };
            invoices.update_one(doc! { "_id": "a" }, set).await?;
            Ok(())
        })
    });
    for raised in join_all(raises).await {
        raised.unwrap();
    }
    let invoices = tenant.kind::<Invoice>();
    let raised = invoices.find_one(doc! { "_id": "a" }).await.unwrap();
    assert_eq!(raised, Some(Invoice::new("a", 17)));
}

#[tokio::test]
async fn a_statement_after_the_end_is_refused() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let kept = tenant.transaction(async |tx| Ok(tx.kind::<Invoice>()));
    let kept = kept.await.unwrap();
    let error = kept.insert_one(&Invoice::new("c", 3)).await.unwrap_err();
    assert!(matches!(error, TenantError::TransactionEnded));
    assert_eq!(kept.name(), one.collection);
    assert!(matches!(
        kept.find(doc! {}).await.err(),
        Some(TenantError::TransactionEnded)
    ));
}

#[tokio::test]
async fn a_cursor_of_a_transaction_reads_what_the_transaction_wrote() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let counted = tenant.transaction(async |tx| {
        let invoices = tx.kind::<Invoice>();
        let many: Vec<_> = (0..250)
            .map(|n| Invoice::new(&format!("n{n}"), n))
            .collect();
        invoices.insert_many(&many).await?;
        let found = invoices.find(doc! {}).batch_size(100_u32).await?;
        // Other statements run between two batches.
        let count = invoices.count_documents(doc! {}).await?;
        assert_eq!(count, 252);
        Ok(found.try_collect().await?.len())
    });
    assert_eq!(counted.await.unwrap(), 252);
    let caller = authenticated(&service, &one).await;
    let plain = caller.tenant().collection::<Document>();
    assert_eq!(plain.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_is_not_committed() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let before = stored(&service, &one).await;
    let runs = AtomicUsize::new(0);
    let ignoring = tenant.transaction(async |tx| {
        runs.fetch_add(1, Ordering::Relaxed);
        let invoices = tx.kind::<Invoice>();
        invoices.insert_one(&Invoice::new("c", 3)).await?;
        let duplicate = invoices.insert_one(&Invoice::new("a", 1)).await;
        assert!(duplicate.unwrap_err().is_duplicate());
        Ok(())
    });
    assert_eq!(ignoring.await.unwrap_err().code, Code::InternalError);
    assert_eq!(runs.load(Ordering::Relaxed), 1, "it cannot succeed");
    assert_eq!(stored(&service, &one).await, before);
}

#[tokio::test]
async fn a_transaction_ends_with_its_organization() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let own = doc! { "collection_name": &one.collection };
    service.suspend(own).await;
    let tenant = caller.tenant();
    let add = tenant.transaction(async |tx| {
        let invoice = Invoice::new("c", 3);
        Ok(tx.kind::<Invoice>().insert_one(&invoice).await?)
    });
    assert_eq!(add.await.unwrap_err().code, Code::InvalidToken);
}

#[tokio::test]
async fn indexes_are_refused_in_a_transaction() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let refused = tenant.transaction(async |tx| {
        let invoices = tx.kind::<Invoice>();
        let index = IndexModel::builder().keys(doc! { "total": 1 }).build();
        for error in [
            invoices.create_index(index).await.unwrap_err(),
            invoices.list_indexes().await.unwrap_err(),
            invoices.drop_index("total_1").await.unwrap_err(),
        ] {
            assert!(matches!(
                error,
                TenantError::Refused(Refused::InTransaction)
            ));
        }
        Ok(())
    });
    refused.await.unwrap();
}
