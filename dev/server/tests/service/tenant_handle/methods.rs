//! Every method of the handle, by itself and in a transaction, reaches only the caller's documents of its kind.

use std::collections::BTreeSet;
use std::path::Path;

use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;
use shared::tenant::{TenantCollection, TenantError, WriteModel};

use super::{Invoice, Line, authenticated, stored, two_tenants_with_documents};

/// Calls all reading methods with filters that match every document of the database.
async fn read_everything(invoices: &TenantCollection<Invoice>) -> Result<(), TenantError> {
    let own = vec![Invoice::new("a", 1), Invoice::new("b", 2)];
    let all = doc! { "$or": [{ "total": { "$exists": true } }, { "total": { "$exists": false } }] };
    let by_id = doc! { "_id": 1 };
    let found = invoices.find(all.clone()).sort(by_id.clone()).await?;
    assert_eq!(found.try_collect().await?, own);
    let limited = invoices
        .find(doc! {})
        .sort(by_id.clone())
        .skip(1_u64)
        .limit(5);
    assert_eq!(limited.await?.try_collect().await?, own[1..]);
    let last = invoices.find_one(all.clone()).sort(doc! { "_id": -1 });
    assert_eq!(last.await?.as_ref(), own.last());
    assert_eq!(invoices.count_documents(all.clone()).await?, 2);
    let mut ids = invoices.distinct("_id", all).await?;
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, ["a".into(), "b".into()]);
    let sum = [doc! { "$group": { "_id": null, "total": { "$sum": "$total" } } }];
    let sums = invoices.aggregate(sum).await?.try_collect().await?;
    assert_eq!(sums, [doc! { "_id": null, "total": 3_i64 }]);
    join(invoices).await
}

/// Stages that read a collection get this tenant's documents of the named kind.
async fn join(invoices: &TenantCollection<Invoice>) -> Result<(), TenantError> {
    let first = doc! { "$match": { "_id": "a" } };
    let line = doc! { "_id": "line of a", "total": 1_i64, "invoice": "a" };
    let only = |pipeline: Vec<Document>| async {
        let found = invoices.aggregate(pipeline).await?.try_collect().await?;
        Ok::<_, TenantError>(found)
    };
    let lookup = doc! { "$lookup": { "from": "line", "localField": "_id", "foreignField": "invoice", "as": "lines" } };
    let joined = only(vec![first.clone(), lookup]).await?;
    assert_eq!(
        joined,
        [doc! { "_id": "a", "total": 1_i64, "lines": [&line] }]
    );
    let every = doc! { "$lookup": { "from": "line", "pipeline": [{ "$sort": { "_id": 1 } }], "as": "lines" } };
    let joined = only(vec![first.clone(), every]).await?;
    assert_eq!(joined[0].get_array("lines").unwrap().len(), 2);
    let graph = doc! { "$graphLookup": {
        "from": "line", "startWith": "$_id", "connectFromField": "_id", "connectToField": "invoice", "as": "lines",
    } };
    let joined = only(vec![first.clone(), graph]).await?;
    assert_eq!(
        joined[0].get_array("lines").unwrap(),
        &vec![line.clone().into()]
    );
    let facets = doc! { "$facet": {
        "a": [{ "$limit": 1 }, { "$project": { "total": 1 } }],
        "n": [{ "$count": "n" }],
    } };
    let facets = only(vec![first, facets]).await?;
    let found = doc! { "_id": "a", "total": 1_i64 };
    assert_eq!(facets, [doc! { "a": [found], "n": [{ "n": 1 }] }]);
    Ok(())
}

/// MongoDB has no `$unionWith` in transactions.
async fn unite(invoices: &TenantCollection<Invoice>) -> Result<(), TenantError> {
    let only = |pipeline: Vec<Document>| async {
        let found = invoices.aggregate(pipeline).await?.try_collect().await?;
        Ok::<_, TenantError>(found)
    };
    let first = doc! { "$match": { "_id": "a" } };
    let line = doc! { "_id": "line of a", "total": 1_i64, "invoice": "a" };
    let union =
        doc! { "$unionWith": { "coll": "line", "pipeline": [{ "$match": { "total": 1 } }] } };
    let joined = only(vec![first.clone(), union.clone()]).await?;
    assert_eq!(joined, [doc! { "_id": "a", "total": 1_i64 }, line]);
    let facets =
        doc! { "$facet": { "both": [union, { "$count": "n" }], "own": [{ "$count": "n" }] } };
    let joined = only(vec![first, facets]).await?;
    assert_eq!(joined, [doc! { "both": [{ "n": 2 }], "own": [{ "n": 1 }] }]);
    let unknown = only(vec![
        doc! { "$unionWith": "another_kind" },
        doc! { "$count": "n" },
    ])
    .await?;
    assert_eq!(unknown, [doc! { "n": 2 }]);
    Ok(())
}

/// Calls all writing methods with filters that match every document of the database, and leaves no invoice.
async fn write_everything(invoices: &TenantCollection<Invoice>) -> Result<(), TenantError> {
    let raise = doc! { "$inc": { "total": 10_i64 } };
    let raised = invoices.update_many(doc! {}, raise.clone()).await?;
    assert_eq!(raised.modified_count, 2);
    let raised = invoices
        .update_one(doc! { "_id": "a" }, raise.clone())
        .await?;
    assert_eq!(raised.modified_count, 1);
    let foreign = invoices
        .update_many(doc! { "_id": "line of a" }, raise.clone())
        .await?;
    assert_eq!(foreign.matched_count, 0);
    let updated = invoices.find_one_and_update(doc! { "_id": "a" }, raise);
    let updated = updated.return_document(ReturnDocument::After).await?;
    assert_eq!(updated, Some(Invoice::new("a", 31)));
    let replaced = invoices.replace_one(doc! { "_id": "a" }, &Invoice::new("a", 5));
    assert_eq!(replaced.await?.modified_count, 1);
    let replaced = invoices.find_one_and_replace(doc! { "_id": "a" }, &Invoice::new("a", 6));
    assert_eq!(replaced.await?, Some(Invoice::new("a", 5)));
    let pipeline = vec![doc! { "$replaceWith": { "_id": "$_id", "total": 7_i64 } }];
    let updated = invoices.update_many(doc! {}, pipeline).await?;
    assert_eq!(updated.modified_count, 2);
    assert_eq!(invoices.count_documents(doc! { "total": 7 }).await?, 2);
    let upserted = invoices.update_one(doc! { "_id": "c" }, doc! { "$set": { "total": 3_i64 } });
    assert_eq!(upserted.upsert(true).await?.upserted_id, Some("c".into()));
    let upserted = invoices.replace_one(doc! { "_id": "d" }, &Invoice::new("d", 4));
    assert_eq!(upserted.upsert(true).await?.upserted_id, Some("d".into()));
    let deleted = invoices.find_one_and_delete(doc! { "_id": "d" }).await?;
    assert_eq!(deleted, Some(Invoice::new("d", 4)));
    assert_eq!(
        invoices
            .delete_one(doc! { "_id": "c" })
            .await?
            .deleted_count,
        1
    );
    invoices.insert_one(&Invoice::new("e", 5)).await?;
    invoices.insert_many(&[Invoice::new("f", 6)]).await?;
    write_in_bulk(invoices).await?;
    let deleted = invoices.delete_many(doc! {}).await?;
    assert_eq!(deleted.deleted_count, 5);
    Ok(())
}

async fn write_in_bulk(invoices: &TenantCollection<Invoice>) -> Result<(), TenantError> {
    let (inserted, replacement) = (Invoice::new("g", 7), Invoice::new("e", 50));
    let set = |total: i64| doc! { "$set": { "total": total } }.into();
    let models = [
        WriteModel::InsertOne {
            document: &inserted,
        },
        WriteModel::UpdateOne {
            filter: doc! { "_id": "h" },
            update: set(8),
            upsert: true,
        },
        WriteModel::UpdateMany {
            filter: doc! {},
            update: set(9),
            upsert: false,
        },
        WriteModel::ReplaceOne {
            filter: doc! { "_id": "e" },
            replacement: &replacement,
            upsert: false,
        },
        WriteModel::DeleteOne {
            filter: doc! { "_id": "f" },
        },
        WriteModel::DeleteMany {
            filter: doc! { "_id": { "$in": ["nothing", "line of a"] } },
        },
    ];
    let written = invoices.bulk_write(models).await?;
    assert_eq!((written.inserted_count, written.upserted_count), (1, 1));
    assert_eq!((written.modified_count, written.deleted_count), (7, 1));
    Ok(())
}

/// The stored documents that are not invoices.
fn without_invoices(stored: Vec<Document>) -> Vec<Document> {
    let is_invoice = |document: &Document| {
        document
            .get_str("_kind")
            .is_ok_and(|kind| kind == "invoice")
    };
    stored
        .into_iter()
        .filter(|document| !is_invoice(document))
        .collect()
}

#[tokio::test]
async fn x1_every_method_reaches_only_the_callers_documents_of_its_kind() {
    let (service, one, other) = two_tenants_with_documents().await;
    let before = (stored(&service, &one).await, stored(&service, &other).await);
    assert_eq!((before.0.len(), before.1.len()), (5, 5));
    let caller = authenticated(&service, &one).await;
    let invoices = caller.tenant().kind::<Invoice>();
    read_everything(&invoices).await.unwrap();
    unite(&invoices).await.unwrap();
    write_everything(&invoices).await.unwrap();
    assert_eq!(stored(&service, &one).await, without_invoices(before.0));
    assert_eq!(stored(&service, &other).await, before.1);
}

#[tokio::test]
async fn x1_every_method_reaches_only_the_callers_documents_in_a_transaction() {
    let (service, one, other) = two_tenants_with_documents().await;
    let before = (stored(&service, &one).await, stored(&service, &other).await);
    let caller = authenticated(&service, &one).await;
    let outside = caller.tenant().kind::<Invoice>();
    let tenant = caller.tenant();
    let written = tenant.transaction(async |tx| {
        let invoices = tx.kind::<Invoice>();
        read_everything(&invoices).await?;
        write_everything(&invoices).await?;
        assert_eq!(
            outside.count_documents(doc! {}).await?,
            2,
            "written before the commit"
        );
        Ok(())
    });
    written.await.unwrap();
    assert_eq!(stored(&service, &one).await, without_invoices(before.0));
    assert_eq!(stored(&service, &other).await, before.1);
}

/// Statements that name what is not the caller's.
async fn statements_that_leave(
    invoices: &TenantCollection<Invoice>,
    foreign: &str,
) -> Vec<(&'static str, Option<TenantError>)> {
    let script = doc! { "$where": "true" };
    let to_line = doc! { "$set": { "_kind": "line" } };
    let any = doc! {};
    let function = doc! { "x": { "$function": { "body": "", "args": [], "lang": "js" } } };
    let invoice = Invoice::new("x", 1);
    let mut failed = vec![
        ("find", invoices.find(script.clone()).await.err()),
        (
            "projection",
            invoices
                .find(any.clone())
                .projection(function.clone())
                .await
                .err(),
        ),
        (
            "find_one",
            invoices.find_one(doc! { "_kind": "line" }).await.err(),
        ),
        (
            "count",
            invoices.count_documents(script.clone()).await.err(),
        ),
        (
            "distinct",
            invoices.distinct("_id", script.clone()).await.err(),
        ),
        (
            "update_one",
            invoices
                .update_one(any.clone(), to_line.clone())
                .await
                .err(),
        ),
        (
            "update_many",
            invoices
                .update_many(script.clone(), to_line.clone())
                .await
                .err(),
        ),
        (
            "pipeline",
            invoices
                .update_many(any.clone(), vec![doc! { "$set": function.clone() }])
                .await
                .err(),
        ),
        (
            "replace_one",
            invoices.replace_one(script.clone(), &invoice).await.err(),
        ),
        (
            "delete_one",
            invoices.delete_one(doc! { "_kind": "line" }).await.err(),
        ),
        (
            "delete_many",
            invoices.delete_many(script.clone()).await.err(),
        ),
        (
            "find_one_and_update",
            invoices
                .find_one_and_update(any.clone(), to_line.clone())
                .await
                .err(),
        ),
        (
            "find_one_and_replace",
            invoices
                .find_one_and_replace(script.clone(), &invoice)
                .await
                .err(),
        ),
        (
            "find_one_and_delete",
            invoices.find_one_and_delete(script.clone()).await.err(),
        ),
    ];
    let bulk = [
        WriteModel::InsertOne { document: &invoice },
        WriteModel::UpdateMany {
            filter: any,
            update: to_line.into(),
            upsert: false,
        },
    ];
    failed.push(("bulk_write", invoices.bulk_write(bulk).await.err()));
    for stage in [
        doc! { "$lookup": { "from": foreign, "pipeline": [], "as": "a" } },
        doc! { "$graphLookup": { "from": foreign, "startWith": "$x", "connectFromField": "x", "connectToField": "y", "as": "z" } },
        doc! { "$unionWith": foreign },
        doc! { "$unionWith": { "coll": foreign, "pipeline": [] } },
        doc! { "$facet": { "a": [{ "$unionWith": foreign }] } },
        doc! { "$out": foreign },
        doc! { "$merge": { "into": foreign } },
        doc! { "$merge": "line" },
        doc! { "$collStats": { "count": {} } },
        doc! { "$match": script },
        doc! { "$newStageOfTomorrow": {} },
    ] {
        failed.push(("aggregate", invoices.aggregate([stage]).await.err()));
    }
    failed
}

#[tokio::test]
async fn x1_a_statement_that_could_leave_the_tenant_is_not_sent() {
    let (service, one, other) = two_tenants_with_documents().await;
    let before = (stored(&service, &one).await, stored(&service, &other).await);
    let caller = authenticated(&service, &one).await;
    let invoices = caller.tenant().kind::<Invoice>();
    let refused = statements_that_leave(&invoices, &other.collection).await;
    let tenant = caller.tenant();
    let in_transaction = tenant.transaction(async |tx| {
        Ok(statements_that_leave(&tx.kind::<Invoice>(), &other.collection).await)
    });
    let in_transaction = in_transaction.await.unwrap();
    for (method, error) in refused.into_iter().chain(in_transaction) {
        let is_refused = matches!(error, Some(TenantError::Refused(_)));
        assert!(is_refused, "{method}: {error:?}");
    }
    assert_eq!(stored(&service, &one).await, before.0);
    assert_eq!(stored(&service, &other).await, before.1);
}

#[tokio::test]
async fn documents_of_no_kind_are_apart_from_those_of_kinds() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let (tenant, invoices) = (caller.tenant(), caller.tenant().kind::<Invoice>());
    let plain = tenant.collection::<Document>();
    assert_eq!(plain.count_documents(doc! {}).await.unwrap(), 1);
    plain.insert_one(&doc! { "_id": 7 }).await.unwrap();
    let raised = plain.update_many(doc! {}, doc! { "$set": { "total": 9 } });
    assert_eq!(raised.await.unwrap().modified_count, 2);
    let pipeline = vec![doc! { "$set": { "_kind": "invoice" } }];
    plain.update_many(doc! {}, pipeline).await.unwrap();
    assert_eq!(plain.delete_many(doc! {}).await.unwrap().deleted_count, 2);
    assert_eq!(invoices.count_documents(doc! {}).await.unwrap(), 2);
    let lines = tenant.kind::<Line>();
    assert_eq!(lines.count_documents(doc! {}).await.unwrap(), 2);
}

/// Those that reach no document are left out.
#[test]
fn x1_every_public_method_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::fs::read_to_string(root.join("../../shared/public-api.txt")).unwrap();
    let methods = listed.lines().filter_map(|line| {
        let (_, rest) = line.split_once("fn shared::tenant::TenantCollection<T>::")?;
        rest.split(['(', '<']).next()
    });
    let methods: BTreeSet<_> = methods
        .filter(|name| !["clone", "fmt", "name"].contains(name))
        .collect();
    assert!(methods.len() > 20, "{methods:?}");
    let folder = root.join("tests/service/tenant_handle");
    let tests = ["methods.rs", "indexes.rs"];
    let tests = tests.map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    for method in methods {
        let call = format!(".{method}(");
        assert!(
            tests.iter().any(|test| test.contains(&call)),
            "{method} is not tried"
        );
    }
}
