//! Cursors of lists.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use shared::problem::Code;

use super::{authenticated, service_with_two_tenants};

#[tokio::test]
async fn a_cursor_leads_to_its_position_in_its_list_of_its_organization() {
    let (service, one, other) = service_with_two_tenants().await;
    let (caller, stranger) = (
        authenticated(&service, &one).await,
        authenticated(&service, &other).await,
    );
    let (tenant, other) = (caller.tenant(), stranger.tenant());
    let position = (DateTime::from_millis(1), ObjectId::from_bytes([1; 12]));
    let cursor = tenant.cursor("invoices", &position).unwrap();
    assert_eq!(tenant.position("invoices", &cursor).ok(), Some(position));
    for refused in [
        other.position::<(DateTime, ObjectId)>("invoices", &cursor),
        tenant.position("drafts", &cursor),
    ] {
        assert_eq!(refused.unwrap_err().code, Code::MalformedRequest);
    }
    // Of another type, such as an operator in the place of a value.
    let operator = tenant.cursor("numbers", &doc! { "$gt": 0 }).unwrap();
    assert!(tenant.position::<i64>("numbers", &operator).is_err());
    assert!(tenant.position::<Document>("numbers", &operator).is_ok());
}

#[tokio::test]
async fn text_that_is_not_a_cursor_is_refused() {
    let (service, one, _) = service_with_two_tenants().await;
    let caller = authenticated(&service, &one).await;
    let tenant = caller.tenant();
    let cursor = tenant.cursor("invoices", &7_i64).unwrap();
    assert_eq!(tenant.position("invoices", &cursor).ok(), Some(7_i64));
    for text in [
        "",
        "x",
        "%",
        &cursor[1..],
        &cursor[..20],
        &"A".repeat(100_000),
    ] {
        assert!(tenant.position::<i64>("invoices", text).is_err(), "{text}");
    }
}
