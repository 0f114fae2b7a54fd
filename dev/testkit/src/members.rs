//! Memberships, written to the database: no route gives an account a second one yet.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};

use crate::TestService;

impl TestService {
    /// Gives the account a membership in the organization.
    pub async fn join(&self, email: &str, organization_id: &str, role: &str) {
        let now = DateTime::now();
        let membership = doc! {
            "_id": ObjectId::new(),
            "organization_id": ObjectId::parse_str(organization_id).unwrap(),
            "account_id": self.account_id(email).await,
            "role": role,
            "product_roles": [],
            "created_at": now,
            "updated_at": now,
        };
        self.memberships().insert_one(&membership).await.unwrap();
        if role == "owner" {
            self.count_owner(&membership, 1).await;
        }
    }

    /// Ends the account's membership in the organization.
    pub async fn leave(&self, email: &str, organization_id: &str) {
        let own = doc! {
            "organization_id": ObjectId::parse_str(organization_id).unwrap(),
            "account_id": self.account_id(email).await,
        };
        let ended = self.memberships().find_one_and_delete(own).await;
        let ended = ended.unwrap().unwrap();
        if ended.get_str("role").unwrap() == "owner" {
            self.count_owner(&ended, -1).await;
        }
    }

    pub async fn account_id(&self, email: &str) -> ObjectId {
        let account = self.admins().find_one(doc! { "email": email }).await;
        account.unwrap().unwrap().get_object_id("_id").unwrap()
    }

    async fn count_owner(&self, membership: &Document, change: i64) {
        let organization = doc! { "_id": membership.get("organization_id") };
        let counted = doc! { "$inc": { "owners": change } };
        self.update_organizations(organization, counted).await;
    }
}
