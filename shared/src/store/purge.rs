//! What the purge and its sweep read and remove.

use mongodb::Cursor;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::Databases;
use crate::model::{AccountId, Organization, OrganizationId};
use crate::mongo::collect;

impl Databases {
    /// Organizations whose grace period is over. The table of transitions decides whether they can be purged.
    pub(crate) async fn organizations_due(
        &self,
        now: DateTime,
    ) -> Result<Cursor<Organization>, Error> {
        let due = doc! { "deleted.purge_at": { "$lte": now } };
        self.organizations.find(due).await
    }

    /// Accounts with a membership in the organization, without those whose id cannot be read.
    pub(crate) async fn accounts_in(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<AccountId>, Error> {
        let memberships = self.memberships.clone_with_type::<Document>();
        let found = memberships
            .find(doc! { "organization_id": organization })
            .projection(doc! { "account_id": 1, "_id": 0 });
        let found = collect(found.await?).await?;
        let account = |own: &Document| Some(own.get_object_id("account_id").ok()?.into());
        Ok(found.iter().filter_map(account).collect())
    }

    /// Other accounts may have these addresses from now on.
    pub(crate) async fn release_addresses(&self, now: DateTime) -> Result<(), Error> {
        let ended = doc! { "previous.reserved_until": { "$lte": now } };
        let released = vec![
            doc! { "$set": { "addresses": { "$slice": ["$addresses", 1] } } },
            doc! { "$unset": "previous" },
        ];
        self.accounts.update_many(ended, released).await.map(drop)
    }

    pub(crate) async fn delete_sessions_in(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<(), Error> {
        let of_organizations = doc! { "organization_id": { "$in": organizations } };
        self.sessions.delete_many(of_organizations).await.map(drop)
    }

    pub(crate) async fn delete_idempotency_records_of(
        &self,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        let of_organization = doc! { "organization_id": organization };
        let deleting = self.idempotency_records.delete_many(of_organization);
        deleting.await.map(drop)
    }

    /// Removes the organization from all events, and the events that concern no other organization. Removes what products
    /// reported.
    pub(crate) async fn delete_events_of(&self, organization: OrganizationId) -> Result<(), Error> {
        self.delete_product_events_of(organization).await?;
        let alone = doc! { "organization_ids": [organization] };
        self.audit_events.delete_many(alone).await?;
        let among_others = doc! { "organization_ids": organization };
        let without = doc! { "$pull": { "organization_ids": organization } };
        let removing = self.audit_events.update_many(among_others, without);
        removing.await.map(drop)
    }
}
