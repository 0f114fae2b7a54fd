//! Documents of a kind: what is stored, what is refused, and the responses to errors.

use axum::http::StatusCode;
use mongodb::bson::{Document, doc};
use mongodb::options::{Collation, CollationAlternate, CollationStrength};
use serde::{Deserialize, Serialize};
use shared::problem::Problem;
use shared::tenant::{Kind, Refused, TenantCollection, TenantError};

use super::{Invoice, authenticated, stored, two_tenants_with_documents};

/// Any document, as an invoice.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct AnyInvoice(Document);

impl Kind for AnyInvoice {
    const KIND: &'static str = Invoice::KIND;
}

fn status(error: TenantError) -> StatusCode {
    Problem::from(error).code.status()
}

#[tokio::test]
async fn the_kind_is_stored_and_not_read() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let any = caller.tenant().kind::<AnyInvoice>();
    let documents = stored(&service, &one).await;
    let invoice = documents
        .iter()
        .find(|document| document.get_str("_id").is_ok_and(|id| id == "a"));
    let expected = doc! { "_id": "a", "total": 1_i64, "_kind": "invoice" };
    assert_eq!(invoice, Some(&expected));
    let read = any.find_one(doc! { "_id": "a" }).await.unwrap().unwrap();
    assert_eq!(read.0, doc! { "_id": "a", "total": 1_i64 });
}

#[tokio::test]
async fn a_document_cannot_name_its_kind() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let any: TenantCollection<AnyInvoice> = caller.tenant().kind();
    let before = stored(&service, &one).await;
    for document in [
        doc! { "_kind": "line" },
        doc! { "_kind": "invoice" },
        doc! { "$set": { "a": 1 } },
    ] {
        let document = AnyInvoice(document);
        for error in [
            any.insert_one(&document).await.unwrap_err(),
            any.insert_many([&document]).await.unwrap_err(),
            any.replace_one(doc! {}, &document).await.unwrap_err(),
            any.find_one_and_replace(doc! {}, &document)
                .await
                .err()
                .unwrap(),
        ] {
            assert!(matches!(error, TenantError::Refused(_)), "{error:?}");
            assert_eq!(status(error), 400);
        }
    }
    let plain = caller.tenant().collection::<Document>();
    let error = plain
        .insert_one(&doc! { "_kind": "invoice" })
        .await
        .unwrap_err();
    assert!(matches!(error, TenantError::Refused(Refused::Kind)));
    assert_eq!(stored(&service, &one).await, before);
}

#[tokio::test]
async fn a_document_of_more_than_16_mib_is_refused() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let any = caller.tenant().kind::<AnyInvoice>();
    let large =
        |mib: usize| AnyInvoice(doc! { "_id": "large", "text": "x".repeat(mib * 1024 * 1024) });
    let errors = [
        any.insert_one(&large(16)).await.unwrap_err(),
        any.replace_one(doc! {}, &large(17)).await.unwrap_err(),
        any.insert_many([&large(60)]).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, TenantError::DocumentTooLarge), "{error:?}");
        assert_eq!(status(error), 413);
    }
    any.insert_one(&large(15)).await.unwrap();
    let doubled = vec![doc! { "$set": { "more": "$text" } }];
    let error = any
        .update_one(doc! { "_id": "large" }, doubled)
        .await
        .unwrap_err();
    assert!(matches!(error, TenantError::DocumentTooLarge), "{error:?}");
    // A result of an aggregation is a document, too.
    let double = doc! { "$set": { "more": "$text", "third": "$text" } };
    let twice = any
        .aggregate([doc! { "$match": { "_id": "large" } }, double])
        .await;
    let error = match twice {
        Ok(cursor) => cursor.try_collect().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, TenantError::DocumentTooLarge), "{error:?}");
}

#[tokio::test]
async fn errors_of_statements_are_internal_and_not_temporary() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let invoices = caller.tenant().kind::<Invoice>();
    let duplicate = invoices
        .insert_one(&Invoice::new("a", 1))
        .await
        .unwrap_err();
    assert!(duplicate.is_duplicate());
    assert_eq!(status(duplicate), 500);
    let duplicate = invoices
        .insert_many(&[Invoice::new("z", 1), Invoice::new("a", 1)])
        .await;
    assert!(duplicate.unwrap_err().is_duplicate());
    for error in [
        invoices
            .find(doc! { "total": { "$unknown": 1 } })
            .await
            .err()
            .unwrap(),
        invoices
            .update_one(doc! {}, doc! { "$unknown": { "a": 1 } })
            .await
            .unwrap_err(),
        invoices
            .update_one(doc! {}, doc! { "$set": { "a": 1, "a.b": 1 } })
            .await
            .unwrap_err(),
        invoices
            .update_one(doc! { "_id": "a" }, doc! { "$set": { "_id": "b" } })
            .await
            .unwrap_err(),
        invoices
            .update_one(doc! { "_id": "a" }, doc! { "$push": { "total": 1 } })
            .await
            .unwrap_err(),
        invoices
            .aggregate([doc! { "$limit": -1 }])
            .await
            .err()
            .unwrap(),
        invoices
            .aggregate([doc! { "$project": { "a": { "$unknown": 1 } } }])
            .await
            .err()
            .unwrap(),
    ] {
        assert!(matches!(error, TenantError::Mongo(_)), "{error:?}");
        let text = format!("{error:?}");
        assert_eq!(status(error), 500, "{text}");
    }
    let any = caller.tenant().kind::<AnyInvoice>();
    any.insert_one(&AnyInvoice(doc! { "_id": "odd", "total": "text" }))
        .await
        .unwrap();
    let error = invoices.find_one(doc! { "_id": "odd" }).await.unwrap_err();
    assert!(matches!(error, TenantError::Conversion(_)), "{error:?}");
}

/// A kind whose name is equal to `line` under some collations.
#[derive(Serialize, Deserialize)]
struct Collating {
    text: String,
}

impl Kind for Collating {
    const KIND: &'static str = "line_";
}

#[tokio::test]
async fn a_collation_does_not_make_kinds_equal() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let lines = caller.tenant().kind::<super::Line>();
    let others = caller.tenant().kind::<Collating>();
    let text = "Ä".to_owned();
    others.insert_one(&Collating { text }).await.unwrap();
    let shifted = Collation::builder().locale("en".to_owned());
    let shifted = shifted.strength(CollationStrength::Primary);
    let shifted = shifted.alternate(CollationAlternate::Shifted).build();
    let all = doc! {};
    let counted = others
        .count_documents(all.clone())
        .collation(shifted.clone());
    assert_eq!(counted.await.unwrap(), 1);
    // The collation applies to other fields.
    let found = others.find(doc! { "text": "a" }).collation(shifted.clone());
    assert_eq!(found.await.unwrap().try_collect().await.unwrap().len(), 1);
    let union = [doc! { "$unionWith": "line" }, doc! { "$count": "n" }];
    let united = others.aggregate(union).collation(shifted.clone()).await;
    let united = united.unwrap().try_collect().await.unwrap();
    assert_eq!(united, [doc! { "n": 3 }]);
    let upserted = others.update_one(doc! { "text": "b" }, doc! { "$set": { "text": "b" } });
    upserted
        .collation(shifted.clone())
        .upsert(true)
        .await
        .unwrap();
    let deleted = others.delete_many(all.clone()).collation(shifted);
    assert_eq!(deleted.await.unwrap().deleted_count, 2);
    assert_eq!(lines.count_documents(all).await.unwrap(), 2);
}

#[tokio::test]
async fn a_document_cannot_take_the_place_of_a_counter() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let any = caller.tenant().kind::<AnyInvoice>();
    let taken = AnyInvoice(doc! { "_id": "counter:invoice" });
    let error = any.insert_one(&taken).await.unwrap_err();
    assert!(matches!(error, TenantError::Refused(Refused::CounterId)));
}
