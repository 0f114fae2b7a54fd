//! Indexes of kinds: they contain, and constrain, only documents of their kind.

use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::{Collation, IndexOptions};
use shared::tenant::{Kind, Refused, TenantCollection, TenantError};

use super::{Invoice, Line, authenticated, two_tenants_with_documents};

fn index(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

fn unique() -> IndexOptions {
    IndexOptions::builder().unique(true).build()
}

async fn created<T: Kind>(
    kind: &TenantCollection<T>,
    keys: Document,
    options: IndexOptions,
) -> Document {
    let name = kind.create_index(index(keys, options)).await.unwrap();
    assert!(kind.list_index_names().await.unwrap().contains(&name));
    let stored = format!("{}.{name}", T::KIND);
    let indexes = kind.list_indexes().await.unwrap();
    let created = indexes.into_iter().find(|index| {
        index
            .options
            .as_ref()
            .and_then(|options| options.name.as_ref())
            == Some(&stored)
    });
    let created = created.unwrap();
    let filter = created.options.unwrap().partial_filter_expression.unwrap();
    assert_eq!(filter.get_str("_kind").ok(), Some(T::KIND));
    created.keys
}

#[tokio::test]
async fn an_index_of_a_kind_constrains_its_documents_only() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let (invoices, lines) = (tenant.kind::<Invoice>(), tenant.kind::<Line>());
    let keys = created(&invoices, doc! { "total": 1 }, unique()).await;
    assert_eq!(keys, doc! { "_kind": 1, "total": 1 });
    // The lines have an index with the same keys that is not unique.
    created(&lines, doc! { "total": 1 }, IndexOptions::default()).await;
    lines
        .insert_one(&Line::of(&Invoice::new("c", 1)))
        .await
        .unwrap();
    let duplicate = invoices
        .insert_one(&Invoice::new("c", 1))
        .await
        .unwrap_err();
    assert!(duplicate.is_duplicate());
    // Creating it again succeeds.
    created(&invoices, doc! { "total": 1 }, unique()).await;
    assert_eq!(invoices.list_index_names().await.unwrap(), ["total_1"]);
    assert_eq!(lines.list_index_names().await.unwrap(), ["total_1"]);
    let plain = tenant.collection::<Document>();
    assert_eq!(plain.list_index_names().await.unwrap(), ["_id_"]);
    invoices.drop_index("total_1").await.unwrap();
    assert!(invoices.list_indexes().await.unwrap().is_empty());
    assert_eq!(lines.list_index_names().await.unwrap(), ["total_1"]);
    invoices.insert_one(&Invoice::new("c", 1)).await.unwrap();
    // Not of this kind, by no name.
    for name in ["_id_", "line.total_1", "*"] {
        assert!(invoices.drop_index(name).await.is_err(), "{name}");
    }
    assert_eq!(lines.list_index_names().await.unwrap(), ["total_1"]);
}

#[tokio::test]
async fn indexes_of_all_types_can_be_of_a_kind() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let invoices = caller.tenant().kind::<Invoice>();
    let none = IndexOptions::default;
    let soon = IndexOptions::builder()
        .expire_after(Duration::from_secs(60))
        .build();
    let open = IndexOptions::builder()
        .partial_filter_expression(doc! { "open": true })
        .build();
    for (keys, options, expected) in [
        (doc! { "due": 1 }, soon, doc! { "due": 1 }),
        (
            doc! { "text": "text" },
            none(),
            doc! { "_fts": "text", "_ftsx": 1 },
        ),
        (doc! { "flat": "2d" }, none(), doc! { "flat": "2d" }),
        (
            doc! { "place": "2dsphere" },
            none(),
            doc! { "_kind": 1, "place": "2dsphere" },
        ),
        (
            doc! { "hash": "hashed" },
            none(),
            doc! { "_kind": 1, "hash": "hashed" },
        ),
        (doc! { "tags.$**": 1 }, none(), doc! { "tags.$**": 1 }),
        (
            doc! { "a": -1, "b": 1 },
            open,
            doc! { "_kind": 1, "a": -1, "b": 1 },
        ),
    ] {
        assert_eq!(created(&invoices, keys, options).await, expected);
    }
}

#[tokio::test]
async fn indexes_that_reach_other_kinds_are_refused() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let (invoices, plain) = (tenant.kind::<Invoice>(), tenant.collection::<Document>());
    let collation = Collation::builder().locale("en".to_owned()).build();
    let collated = IndexOptions::builder().collation(collation).build();
    let sparse = IndexOptions::builder().sparse(true).build();
    let soon = IndexOptions::builder().expire_after(Duration::from_secs(60));
    let named = IndexOptions::builder().name("invoice.x".to_owned()).build();
    let keys = doc! { "s": 1 };
    for error in [
        invoices.create_index(index(keys.clone(), sparse)).await,
        invoices.create_index(index(keys.clone(), collated)).await,
        plain.create_index(index(keys.clone(), unique())).await,
        plain.create_index(index(keys.clone(), soon.build())).await,
        plain.create_index(index(keys.clone(), named)).await,
    ] {
        let is_refused = matches!(error, Err(TenantError::Refused(Refused::Index(_))));
        assert!(is_refused, "{error:?}");
    }
    invoices
        .create_index(index(keys.clone(), IndexOptions::default()))
        .await
        .unwrap();
    assert!(plain.drop_index("invoice.s_1").await.is_err());
    let plain_index = plain.create_indexes([index(keys, IndexOptions::default())]);
    assert_eq!(plain_index.await.unwrap(), ["s_1"]);
    assert_eq!(plain.list_index_names().await.unwrap(), ["_id_", "s_1"]);
    plain.drop_index("s_1").await.unwrap();
    assert_eq!(invoices.list_index_names().await.unwrap(), ["s_1"]);
}

#[tokio::test]
async fn searches_by_distance_and_text_use_the_kinds_index() {
    let (service, one, _) = two_tenants_with_documents().await;
    let caller = authenticated(&service, &one).await;
    let invoices = caller.tenant().kind::<Invoice>();
    for keys in [doc! { "place": "2dsphere" }, doc! { "text": "text" }] {
        invoices
            .create_index(index(keys, IndexOptions::default()))
            .await
            .unwrap();
    }
    let place =
        doc! { "place": { "type": "Point", "coordinates": [1.0, 2.0] }, "text": "blue paint" };
    for kind in ["invoice", "line"] {
        let mut document = place.clone();
        document.insert("_kind", kind);
        let all = service.tenants().collection(&one.collection);
        all.insert_one(document).await.unwrap();
    }
    let point = doc! { "type": "Point", "coordinates": [1.0, 2.0] };
    let near = doc! { "$geoNear": { "near": &point, "distanceField": "away" } };
    let found = invoices
        .aggregate([near])
        .await
        .unwrap()
        .try_collect()
        .await;
    assert_eq!(found.unwrap().len(), 1);
    for filter in [
        doc! { "place": { "$near": { "$geometry": point } } },
        doc! { "$text": { "$search": "paint" } },
    ] {
        let found = invoices
            .find(filter.clone())
            .projection(doc! { "_id": 1 })
            .await
            .unwrap();
        let found = found.with_type::<Document>().try_collect().await.unwrap();
        assert_eq!(found.len(), 1, "{filter}");
    }
    let text = doc! { "$match": { "$text": { "$search": "paint" } } };
    let found = invoices
        .aggregate([text])
        .await
        .unwrap()
        .try_collect()
        .await;
    assert_eq!(found.unwrap().len(), 1);
}
