//! What was posted to each account. The accounts are seeds of `product.json`.

use organization_service::product::axum::Json;
use organization_service::product::mongodb::bson::doc;
use organization_service::product::mongodb::bson::oid::ObjectId;
use organization_service::product::{Caller, Kind, Problem};
use serde::{Deserialize, Serialize};

/// The account of posted invoices.
pub const SALES: &str = "account:sales";

#[derive(Serialize, Deserialize)]
struct Account {
    #[serde(rename = "_id")]
    id: String,
    label: String,
}

impl Kind for Account {
    const KIND: &'static str = "account";
}

/// A line of an account.
#[derive(Serialize, Deserialize)]
pub struct Line {
    pub account: String,
    pub invoice: ObjectId,
    pub amount_cents: i64,
}

impl Kind for Line {
    const KIND: &'static str = "ledger_line";
}

#[derive(Serialize)]
pub struct Ledger {
    accounts: Vec<Balance>,
}

#[derive(Serialize, Deserialize)]
pub struct Balance {
    label: String,
    amount_cents: i64,
}

/// `GET /ledger`: the sum of each account's lines.
pub async fn show(caller: Caller) -> Result<Json<Ledger>, Problem> {
    let lines = doc! { "from": "ledger_line", "localField": "_id", "foreignField": "account", "as": "lines" };
    let balance = doc! { "label": 1, "amount_cents": { "$sum": "$lines.amount_cents" } };
    let accounts = caller.tenant().kind::<Account>();
    let balances = accounts.aggregate([
        doc! { "$sort": { "_id": 1 } },
        doc! { "$lookup": lines },
        doc! { "$project": balance },
    ]);
    let accounts = balances.await?.with_type().try_collect().await?;
    Ok(Json(Ledger { accounts }))
}
