//! The MongoDB user of a product, with the documented rights.

use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};

use crate::harness::{Stack, create};

#[tokio::test(flavor = "multi_thread")]
async fn a_products_user_reads_no_password_hash_and_writes_no_account() {
    let stack = Stack::start().await;
    let (_, created) = create(&stack.function("create-org").await).await;
    let organization = ObjectId::parse_str(created["id"].as_str().unwrap()).unwrap();
    let uri = stack.mongod.create_product_user("invoices").await;
    let client = Client::with_uri_str(uri).await.unwrap();
    let master = |name: &str| client.database("master_db").collection::<Document>(name);

    let open = master("open_tenants")
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open.get_object_id("_id").unwrap(), organization);
    let tenants = client.database(open.get_str("database").unwrap());
    let data = tenants.collection::<Document>(open.get_str("collection_name").unwrap());
    let event = doc! { "organization_id": organization, "action": "invoices.posted", "at": DateTime::now() };
    // Data and event in one transaction.
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    data.insert_one(doc! { "_kind": "invoice" })
        .session(&mut session)
        .await
        .unwrap();
    master("product_events")
        .insert_one(&event)
        .session(&mut session)
        .await
        .unwrap();
    session.commit_transaction().await.unwrap();

    let names = client
        .database("master_db")
        .list_collection_names()
        .await
        .unwrap_or_default();
    for name in [
        "organizations",
        "admins",
        "memberships",
        "sessions",
        "audit_events",
        "product_versions",
        "schema",
    ] {
        assert!(
            master(name).find_one(doc! {}).await.is_err(),
            "{name} can be read"
        );
        assert!(
            master(name).insert_one(doc! {}).await.is_err(),
            "{name} can be written"
        );
        assert!(
            !names.iter().any(|listed| listed == name),
            "{name} is listed"
        );
    }
    let events = master("product_events");
    assert!(events.find_one(doc! {}).await.is_err());
    assert!(
        events
            .update_many(doc! {}, doc! { "$set": { "at": DateTime::now() } })
            .await
            .is_err()
    );
    assert!(events.delete_many(doc! {}).await.is_err());
    assert!(master("open_tenants").insert_one(doc! {}).await.is_err());
}
