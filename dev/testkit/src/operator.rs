//! What an operator does in the database, as `docs/operations.md` says.

use mongodb::Collection;
use mongodb::bson::{Document, doc};

use crate::TestService;

impl TestService {
    /// Suspends the organizations that match.
    pub async fn suspend(&self, organizations: Document) {
        let hold = doc! {
            "$set": { "holds.operator.reason": "unpaid", "holds.operator.actor": "operator@example.com" },
            "$currentDate": { "holds.operator.at": true },
            "$inc": { "epoch": 1_i64 },
        };
        self.update_organizations(organizations, hold).await;
    }

    /// Lifts the operator's hold of the organizations that match.
    pub async fn resume(&self, organizations: Document) {
        let lift = doc! { "$unset": { "holds.operator": "" } };
        self.update_organizations(organizations, lift).await;
    }

    /// Disables the accounts that match, and ends their sessions.
    pub async fn disable(&self, accounts: Document) {
        let disable = doc! { "$set": { "status": "disabled" }, "$inc": { "epoch": 1_i64 } };
        update(&self.admins(), accounts, disable).await;
    }

    /// Enables the accounts that match.
    pub async fn enable(&self, accounts: Document) {
        let enable = doc! { "$set": { "status": "active" } };
        update(&self.admins(), accounts, enable).await;
    }

    /// Changes the organizations that match, at least one.
    pub async fn update_organizations(&self, organizations: Document, change: Document) {
        update(&self.organizations(), organizations, change).await;
    }
}

async fn update(collection: &Collection<Document>, matching: Document, change: Document) {
    let updating = collection.update_many(matching, change);
    assert!(updating.await.unwrap().modified_count > 0);
}
