//! Members with other roles than owner, written to the database: the service has no route that adds one yet.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{ClientSession, Database};
use shared::mongo::{TransactionError, is_duplicate, run_transaction};
use shared::problem::Problem;
use tokio::time::Instant;

/// Adds a member with the owner's password to the owner's organization, unless there is no such owner, or there is an
/// account with the address.
pub async fn add(
    master: &Database,
    owner: &str,
    email: &str,
    role: &str,
    deadline: Instant,
) -> Result<(), Problem> {
    let adding = run_transaction(master.client(), deadline, |transaction, _| {
        Box::pin(insert(master, owner, email, role, transaction))
    });
    match adding.await {
        Err(TransactionError::Mongo(error)) if is_duplicate(&error) => Ok(()),
        added => Ok(added?),
    }
}

async fn insert(
    master: &Database,
    owner: &str,
    email: &str,
    role: &str,
    transaction: &mut ClientSession,
) -> Result<(), TransactionError<Problem>> {
    let accounts = master.collection::<Document>("admins");
    let memberships = master.collection::<Document>("memberships");
    let finding = accounts.find_one(doc! { "addresses": owner });
    // None: the organization has another owner.
    let Some(mut account) = finding.session(&mut *transaction).await? else {
        return Ok(());
    };
    let finding = memberships.find_one(doc! { "account_id": account.get("_id") });
    let membership = finding.session(&mut *transaction).await?;
    let mut membership = membership.ok_or_else(Problem::internal)?;
    let (id, now) = (ObjectId::new(), DateTime::now());
    account.extend(doc! {
        "_id": id, "email": email, "addresses": [email], "epoch": 0_i64, "created_at": now, "updated_at": now,
    });
    membership.extend(doc! {
        "_id": ObjectId::new(), "account_id": id, "role": role, "created_at": now, "updated_at": now,
    });
    let inserting = accounts.insert_one(account);
    inserting.session(&mut *transaction).await?;
    let inserting = memberships.insert_one(membership);
    inserting.session(transaction).await?;
    Ok(())
}
