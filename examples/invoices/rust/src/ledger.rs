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

#[derive(Serialize)]
pub struct Balance {
    label: String,
    amount_cents: i64,
}

/// The lines of an account, added up.
#[derive(Deserialize)]
struct Sum {
    amount_cents: i64,
}

/// `GET /ledger`: the sum of each account's lines.
pub async fn show(caller: Caller) -> Result<Json<Ledger>, Problem> {
    let tenant = caller.tenant();
    let (accounts, lines) = (tenant.kind::<Account>(), tenant.kind::<Line>());
    let mut found = accounts.find(doc! {}).sort(doc! { "_id": 1 }).await?;
    let mut balances = Vec::new();
    while let Some(account) = found.try_next().await? {
        let sum = lines.aggregate([
            doc! { "$match": { "account": account.id } },
            doc! { "$group": { "_id": null, "amount_cents": { "$sum": "$amount_cents" } } },
        ]);
        let sum: Option<Sum> = sum.await?.with_type().try_next().await?;
        balances.push(Balance {
            label: account.label,
            amount_cents: sum.map_or(0, |sum| sum.amount_cents),
        });
    }
    Ok(Json(Ledger { accounts: balances }))
}
