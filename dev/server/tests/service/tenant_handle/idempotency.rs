//! Transactions with an `Idempotency-Key`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use shared::auth::Caller;
use shared::http::IdempotencyKey;
use shared::problem::{Code, Problem, ProductCode};

use super::{Invoice, authenticated, authenticated_with, service_with_two_tenants, stored};
use testkit::all;

static REFUSED: ProductCode = ProductCode::new(409, "invoices.refused", "The invoice was refused");

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey(Some(text.to_owned()))
}

/// Inserts an invoice with the next number. Returns the number.
async fn add(caller: &Caller, key: &IdempotencyKey, total: i64) -> Result<i64, Problem> {
    let tenant = caller.tenant();
    let adding = tenant.transaction_once(key, ("add", total), async |tx| {
        let number = tx.next_number("invoice").await?;
        let invoice = Invoice::new(&number.to_string(), total);
        tx.kind::<Invoice>().insert_one(&invoice).await?;
        Ok(number)
    });
    adding.await
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_result_and_writes_nothing() {
    let (service, one, other) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    for _ in 0..3 {
        assert_eq!(add(&caller, &key("a"), 100).await.unwrap(), 1);
    }
    // Invoice, counter, and the document that the tenant had.
    assert_eq!(stored(&service, &one).await.len(), 3);
    assert_eq!(add(&caller, &key("b"), 100).await.unwrap(), 2);
    for number in [3, 4] {
        assert_eq!(
            add(&caller, &IdempotencyKey(None), 100).await.unwrap(),
            number
        );
    }
    // Each organization has its own keys.
    let stranger = authenticated(&service, &other).await;
    assert_eq!(add(&stranger, &key("a"), 5).await.unwrap(), 1);
    let reused = add(&caller, &key("a"), 101).await.unwrap_err();
    assert_eq!(reused.code, Code::IdempotencyKeyReused);
    // The key can be used again after a day.
    service.advance_clock(Duration::from_secs(25 * 3600));
    let token = service.token_of(&one.email).await;
    let caller = authenticated_with(&service, &token).await;
    assert_eq!(add(&caller, &key("a"), 101).await.unwrap(), 5);
}

#[tokio::test]
async fn of_requests_at_once_with_one_key_one_is_executed() {
    let (service, one, _) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let key = key("a");
    let adding = (0..16).map(|_| add(&caller, &key, 100));
    for number in join_all(adding).await {
        assert_eq!(number.unwrap(), 1);
    }
    assert_eq!(stored(&service, &one).await.len(), 3);
}

#[tokio::test]
async fn an_error_is_not_stored() {
    let (service, one, _) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let (tenant, key, runs) = (caller.tenant(), key("a"), AtomicUsize::new(0));
    let attempt = async || {
        let run = tenant.transaction_once(&key, "request", async |_| {
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 => Err(Problem::new(&REFUSED, "Not yet.").into()),
                run => Ok(i64::try_from(run).unwrap()),
            }
        });
        run.await
    };
    assert_eq!(attempt().await.unwrap_err().code, Code::Product(&REFUSED));
    assert_eq!(attempt().await.unwrap(), 1);
    assert_eq!(attempt().await.unwrap(), 1);
}

#[tokio::test]
async fn a_purge_removes_the_records() {
    let (service, owner) = testkit::TestService::start_with_owner().await;
    let caller = authenticated_with(&service, &owner.tokens.access).await;
    add(&caller, &key("a"), 1).await.unwrap();
    let records = all(service.idempotency_records()).await;
    assert_eq!(records.len(), 1);
    assert!(
        !records[0].to_string().contains("\"a\""),
        "the key is stored"
    );
    owner.delete(&service).await;
    crate::delete_organization::end_grace(&service);
    assert_eq!(service.purge().await.unwrap().purged, 1);
    assert_eq!(all(service.idempotency_records()).await.len(), 0);
}
